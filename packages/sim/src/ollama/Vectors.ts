/**
 * The vectors of an embedding question: each input takes a slot of its own, one after the other.
 */
import type { Caller } from "../Exchange.ts"
import * as Words from "../Words.ts"
import * as Answer from "./Answer.ts"
import type { Failure } from "./Frame.ts"
import type { Embed } from "./Request.ts"
import type { Listener } from "./Runner.ts"
import type { Resident } from "./Scheduler.ts"

/** What was made, and of how many tokens. */
export interface Made {
  readonly vectors: ReadonlyArray<ReadonlyArray<number>>
  readonly tokens: number
}

/** Makes them, or says why not. */
export const of = (
  { dimensions = 0, input, isOld = false, truncate = true }: Embed,
  { launch, model, runner }: Resident,
  seed: number,
  caller: Caller,
  done: (made: Made | Failure) => void
): void => {
  if (input.length === 0) return done({ vectors: [], tokens: 0 })
  if (model.kind !== "embed") return done({ status: 501, message: noEmbeddings, reason: "Unsupported" })
  // Room is left for a token before and one after whatever is read.
  const room = isOld ? Infinity : launch.context - 2
  const longest = input.reduce((most, text) => Math.max(most, Words.count(text)), 0)
  if (!truncate && longest > room) {
    return done({ status: 400, message: tooLong, reason: "ContextTooLong", tokens: longest, context: launch.context })
  }
  const vectors: Array<ReadonlyArray<number>> = []
  let tokens = 0
  let failure: Failure | undefined
  let left = input.length
  const listenerFor = (text: string, index: number): Listener => ({
    token: () => true,
    ended: (end) => {
      // Whatever goes wrong with a runner is the caller's mistake here.
      if (end._tag === "Failed") failure ??= { ...end, status: end.status === 500 ? 400 : end.status }
      // The daemon makes sure once more of what its runner has made.
      const whole = Answer.normal(Answer.vectorOf(seed, text, lengthOf))
      const isCut = dimensions > 0 && dimensions < whole.length
      vectors[index] = isCut ? Answer.normal(whole.slice(0, dimensions)) : whole
      if (--left === 0) done(failure ?? { vectors, tokens })
    }
  })
  const jobs = input.map((text, index) => {
    const prompt = Words.split(text).slice(0, room).join("")
    const promptTokens = Words.count(prompt)
    tokens += promptTokens
    const order = { prompt, promptTokens, token: () => undefined, limit: 0, script: {}, refusal: undefined }
    return runner.run(order, listenerFor(prompt, index))
  })
  caller.onGone(() => jobs.forEach((job) => job.cancel()))
}

const lengthOf = 64

const noEmbeddings = "This server does not support embeddings. Start it with `--embeddings`"

const tooLong = "the input length exceeds the context length"
