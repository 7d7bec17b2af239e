/** An OpenAI-shaped server that says just the words it is told to, and the wire to it. */
import { Effect } from "effect"
import { OpenAi } from "@spillway/upstream"
import { head, last, piece, serve } from "../bytes.ts"

/** An event, and a chunk of an answer. */
export const event = (data: unknown): string => `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`

export const chunk = (delta: object, finish: string | null = null, more: object = {}): string =>
  event({ model: "m", choices: [{ index: 0, delta, finish_reason: finish, ...more }] })

/** What ends a whole answer. */
export const end =
  chunk({}, "stop") + event({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } }) + event("[DONE]")

/** A server that answers everything with these bytes, and the wire to it. */
export const saying = (body: string, options: OpenAi.Options = {}, type = "text/event-stream") =>
  Effect.gen(function* () {
    const bytes = yield* serve((socket) => socket.write(head(type) + piece(body) + last))
    return { bytes, upstream: yield* OpenAi.make("near", { url: `${bytes.url}/v1`, ...options }) }
  })
