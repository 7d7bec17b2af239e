/**
 * The words of the table of faults: what may come of a request, and what comes of many of them.
 */
import type * as Server from "../../src/Server.ts"
import { brokenChunk, errorOf, eventsOf, question, streamed, type Surface, tokensOf, wholeOf } from "./said.ts"
import type { Asked, Ended } from "./wire.ts"

/** What has to come of one request. */
export interface Expected {
  /** Nothing where not a byte comes. */
  readonly status: number | undefined
  readonly type?: string
  /** The text without what differs from run to run, or a question about it. */
  readonly body: string | ((asked: Asked) => boolean)
  readonly ended: Ended
  /** Headers beside the content type, the date and the frame. */
  readonly headers?: ReadonlyArray<readonly [string, string]>
  readonly first?: readonly [from: number, to: number]
  readonly took?: readonly [from: number, to: number]
}

/** A fault and what comes of it. */
export interface Row {
  /** As it is written on the command line. */
  readonly fault: string
  readonly on: Readonly<Record<Surface, Expected>>
  /** What is asked in place of the usual. */
  readonly content?: string
  readonly more?: Readonly<Record<string, unknown>>
  /** Whether the model has to be loaded for each request. */
  readonly isCold?: boolean
  readonly server?: Partial<Server.Options>
  /** So long nothing comes before it is taken for silent. */
  readonly quietMillis?: number
}

export const json = "application/json; charset=utf-8"
export const bare = "application/json"
export const lines = "application/x-ndjson"
const events = "text/event-stream"
export const unbuffered: ReadonlyArray<readonly [string, string]> = [
  ["Cache-Control", "no-cache"],
  ["Connection", "keep-alive"]
]

export const tokens = tokensOf(question, 6)
export const two = tokens.slice(0, 2)

export const everywhere = (expected: Expected): Row["on"] => ({
  native: expected,
  whole: expected,
  openAi: expected,
  messages: expected
})

/** Answered at the door, with a length, on a connection that is kept. */
export const said = (
  status: number,
  type: string,
  body: Expected["body"],
  headers: Expected["headers"] = []
): Row["on"] => everywhere({ status, type, body, headers, ended: "kept" })

export const error = (status: number, message: string): Row["on"] => said(status, json, errorOf.native(message))

export const nothing = (ended: Ended): Row["on"] => everywhere({ status: undefined, body: "", ended })

/** A stream of each surface that ends so. */
export const streams = (
  bodies: Readonly<Record<"native" | "openAi" | "messages", Expected["body"]>>,
  whole: Expected,
  ended: Ended = "kept"
): Row["on"] => ({
  native: { status: 200, type: lines, body: bodies.native, ended },
  whole,
  openAi: { status: 200, type: events, body: bodies.openAi, ended },
  messages: { status: 200, type: events, body: bodies.messages, ended, headers: unbuffered }
})

export const failed = (message: string, status = 500): Row["on"] => ({
  native: { status, type: bare, body: errorOf.native(message), ended: "kept" },
  whole: { status, type: json, body: errorOf.native(message), ended: "kept" },
  openAi: { status, type: bare, body: errorOf.openAi(message), ended: "kept" },
  messages: { status, type: bare, body: errorOf.messages(message), ended: "kept", headers: unbuffered }
})

/** Refused before anything begins, which a stream says with a length. */
export const refused = (message: string, status = 500): Row["on"] => {
  const on = failed(message, status)
  return { ...on, native: { ...on.native, type: json } }
}

export const broken = (message: string): Row["on"] =>
  streams(
    {
      native: `${streamed.native(two)}${errorOf.native(message)}\n`,
      openAi: streamed.openAi(two) + brokenChunk,
      messages: streamed.messages(two)
    },
    failed(message).whole
  )

export const wholeAnswer: Expected = { status: 200, type: json, body: wholeOf(tokens), ended: "kept" }

export const answered = (of: ReadonlyArray<string> = tokens, reason: "stop" | "length" = "stop"): Row["on"] =>
  streams(
    {
      native: streamed.native(of, reason),
      openAi: streamed.openAi(of, reason),
      messages: streamed.messages(of, reason)
    },
    { ...wholeAnswer, body: wholeOf(of, reason) }
  )

export const timed = (on: Row["on"], times: Pick<Expected, "first" | "took">): Row["on"] => ({
  native: { ...on.native, ...times },
  whole: { ...on.whole, ...times },
  openAi: { ...on.openAi, ...times },
  messages: { ...on.messages, ...times }
})

const isHalf = ({ body }: Asked): boolean =>
  body.length > 60 && body.length < 300 && body.startsWith('{"model":"mini","created_at":') && !isJson(body)

export const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

export const half = (ended: Ended): Expected => ({ status: 200, type: json, body: isHalf, ended })

/** Broken off after two packets: two frames, or the two events that come before the first token. */
export const off = (ended: Ended): Row["on"] =>
  streams(
    { native: streamed.native(two), openAi: streamed.openAi(two), messages: eventsOf([]).join("") },
    half(ended),
    ended
  )

/** All events of a stream but one can be read, and that one is there. */
export const hasOneGarbled = ({ body }: Asked): boolean => {
  const data = body.split("\n").filter((line) => line.startsWith("data: ") && line !== "data: [DONE]")
  return data.filter((line) => !isJson(line.slice(6))).length === 1 && data.length > 7
}

export const died = "an error was encountered while running the model: unexpected EOF"
export const unread =
  "error unmarshalling llama-server response: invalid character 'n' looking for beginning of object key string"
export const full = "server busy, please try again.  maximum pending requests exceeded"
export const limits = "upgrade for higher limits: https://ollama.com/upgrade"
export const exited = "llama-server process has terminated: exit status 1:"
const reference = /\(ref: [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\)/

export const withReference =
  (before: string) =>
  ({ body }: Asked): boolean =>
    reference.test(body) && body.replace(reference, "ref") === errorOf.native(`${before} ref`)

export const nothingSaid = '{"model":"","created_at":"then","message":{"role":"","content":""},"done":false}'

export const wholeOfTwo =
  '{"model":"mini","created_at":"then","message":{"role":"assistant","content":' +
  `${JSON.stringify(two.join(""))}},"done":false}`

export const html = ({ body }: Asked): boolean => body.startsWith("<html>") && body.includes("503 Service Temporarily")

export const slowly = "hi [[sim tokens=6 token_ms=10]]"
export const slow = tokensOf(slowly, 6)
export const thirtyOne = Array.from({ length: 31 }, () => " the")
export const hundred = tokensOf(question, 100)

export const reset = off("reset")
