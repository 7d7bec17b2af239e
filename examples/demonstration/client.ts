/**
 * What is guarded: a question to the model server, as most programs put it with `fetch`, and as a call that streams.
 *
 * Neither knows of any guard. The call says what it is waiting for, which is how a clock can tell a model that loads
 * from one that hangs.
 */
import { type Attempt, Call, Part, Question, SpillwayError, Summary } from "@spillway/core"
import { Data, Effect } from "effect"
import type { Line } from "./server.ts"

/** The server said no, and perhaps when to come back. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly status: number
  readonly retryAfter: string | null
}> {}

/** Asks and waits for the whole answer. */
export const ask = (url: string): Effect.Effect<string, Refused> =>
  Effect.flatMap(
    Effect.promise(async (signal) => {
      const response = await fetch(url, { signal })
      return { response, text: await response.text() }
    }),
    ({ response: { headers, ok, status }, text }) =>
      ok ? Effect.succeed(text) : Effect.fail(new Refused({ status, retryAfter: headers.get("retry-after") }))
  )

/** A call that streams its answer. */
export const streaming =
  (url: string): Call.Call<SpillwayError> =>
  (question, attempt) =>
    Call.fromAsyncIterable((_, signal) => partsOf(url, question, attempt, signal), {
      catch: () => new SpillwayError({ reason: { _tag: "Cut", target: "server", parts: attempt.parts } })
    })(question, attempt)

async function* partsOf(url: string, { settings }: Question.Question, attempt: Attempt.Attempt, signal: AbortSignal) {
  const bound = settings.maxTokens === undefined ? "" : `?max_tokens=${settings.maxTokens}`
  const response = await fetch(url + bound, { signal })
  for await (const line of linesOf(response)) {
    if ("loading" in line) attempt.enter(line.loading ? "load" : "firstToken")
    else if ("text" in line) yield Part.text(line.text)
    else return Summary.make({ usage: line.usage })
  }
  throw new Error("The answer has no end.")
}

async function* linesOf(response: Response): AsyncGenerator<Line> {
  let rest = ""
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n")
    rest = lines.pop()!
    for (const line of lines) yield JSON.parse(line)
  }
}
