/**
 * `/v1/models` and `/v1/models/{model}`: the native list, and what is known of one model, in OpenAI's form.
 *
 * A model that is not there is named with the tag that nobody wrote, as `/api/show` does behind it.
 */
import type { Handler } from "../Exchange.ts"
import * as Json from "../go/Json.ts"
import type { Daemon } from "../ollama/Daemon.ts"
import * as Name from "../ollama/Name.ts"
import { pass } from "./OpenAiErrors.ts"

/** Answers `GET /v1/models`, and with a name behind it what is known of that one. */
export const handler =
  (daemon: Daemon): Handler =>
  ({ path }, reply) => {
    const made = (id: string, fullName: string) => ({
      id,
      object: "model",
      created: Number(daemon.madeAt / 1_000_000_000n),
      owned_by: fullName.split("/").at(-2)
    })
    const answer = (value: unknown): void =>
      reply.whole(200, [["Content-Type", "application/json"]], `${Json.encode(value)}\n`)
    const name = path.slice("/v1/models/".length)
    if (name === "") {
      const data = daemon.models.map(({ fullName }) => made(Name.short(fullName), fullName))
      return answer({ object: "list", data: data.length > 0 ? data : null })
    }
    const full = Name.full(name)
    if (full === undefined) return pass(reply, { status: 400, message: "invalid model name" })
    const model = daemon.find(name)
    if (model === undefined) return pass(reply, { status: 404, message: `model '${Name.short(full)}' not found` })
    answer(made(name, model.fullName))
  }
