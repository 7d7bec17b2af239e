/**
 * The errors of the surfaces that speak OpenAI's language.
 *
 * What the translation itself refuses has a charset and no newline; what comes from behind it was encoded anew, with
 * a newline and without a charset.
 */
import type { Reply } from "../Exchange.ts"
import * as Json from "../go/Json.ts"
import type { Said } from "../ollama/Frame.ts"

/** The error object for a failure behind the translation; what else it said is lost. */
export const refusal = ({ message, status }: Said): string => text(status, message)

/** Answers a request that cannot be translated. */
export const refuse = (reply: Reply, message: string, code?: string): void =>
  reply.whole(400, [["Content-Type", "application/json; charset=utf-8"]], text(400, message, code))

/** Passes a failure on. */
export const pass = (reply: Reply, failure: Said): void =>
  reply.whole(failure.status, [["Content-Type", "application/json"]], `${refusal(failure)}\n`)

const text = (status: number, message: string, code: string | null = null): string =>
  Json.encode({ error: { message: message === "" ? unknown : message, type: typeOf(status), param: null, code } })

const typeOf = (status: number): string =>
  status === 400 ? "invalid_request_error" : status === 404 ? "not_found_error" : "api_error"

const unknown = "something went wrong, please see the ollama server logs for details"
