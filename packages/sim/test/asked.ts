/** Asks a simulated Ollama in virtual time, and writes down when what happened. */
import { Answer, Call, Question, type SpillwayError } from "@spillway/core"
import { Clock, Effect, Exit, Fiber } from "effect"
import type { Virtual } from "../src/Virtual.ts"

/** What became of one question: moments in milliseconds since it was put. */
export interface Told {
  readonly text: string
  readonly firstMillis: number | undefined
  readonly tookMillis: number
  /** The reason of its failure, or nothing. */
  readonly reason: string | undefined
  /** The moment at which it ended. */
  readonly endedAt: number
  readonly summary: { readonly load: number; readonly prompt: number; readonly output: number } | undefined
}

/** Asks, after a while, and waits for the end. */
export const ask = (
  { upstream }: Virtual,
  prompt: string,
  { after = 0, maxTokens, model = "a" }: { model?: string; after?: number; maxTokens?: number } = {}
): Effect.Effect<Told> =>
  Effect.gen(function* () {
    yield* Effect.sleep(after)
    const begun = yield* Clock.currentTimeMillis
    let first: number | undefined
    let text = ""
    const question = Question.chat(model, prompt, maxTokens === undefined ? {} : { maxTokens })
    const clock = yield* Clock.Clock
    const exit = yield* Effect.exit(
      Answer.toSink(Call.asEffect<SpillwayError, never>(upstream.call), question, {
        emit: (part) => {
          first ??= rounded(clock.currentTimeMillisUnsafe() - begun)
          if (part._tag === "Text") text += part.text
        }
      })
    )
    const endedAt = yield* Clock.currentTimeMillis
    const { timings } = Exit.isSuccess(exit) ? exit.value : {}
    return {
      text,
      firstMillis: first,
      tookMillis: rounded(endedAt - begun),
      endedAt,
      reason: Exit.isFailure(exit) ? Exit.findErrorOption(exit).pipe((found) => reasonOf(found)) : undefined,
      summary: timings && {
        load: timings.load / 1e6,
        prompt: timings.prompt / 1e6,
        output: timings.output / 1e6
      }
    }
  })

/** What reading a short prompt takes is less than ten microseconds. */
const rounded = (millis: number): number => Math.round(millis * 100) / 100

const reasonOf = (found: unknown): string =>
  (found as { readonly value?: SpillwayError }).value?.reason._tag ?? "interrupted"

/** Asks on a fiber of its own. */
export const asking = (virtual: Virtual, prompt: string, options?: Parameters<typeof ask>[2]) =>
  Effect.forkChild(ask(virtual, prompt, options))

/** What all of them were told. */
export const all = (fibers: ReadonlyArray<Fiber.Fiber<Told>>) => Effect.forEach(fibers, Fiber.join)
