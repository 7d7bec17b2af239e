/**
 * What answers, whatever it is made of: what a wire makes, a call, or a function whose answer is pulled.
 *
 * A function says least, and is taken for a call that emits what it yields and ends with what it returns.
 */
// @effect-diagnostics asyncFunction:off
import { Effect, type Scope } from "effect"
import * as Call from "../domain/Call.ts"
import type { OptionsRefused } from "../domain/Options.ts"
import { type Part, text } from "../domain/Part.ts"
import type { Question } from "../domain/Question.ts"
import type { SpillwayError } from "../domain/SpillwayError.ts"
import type { Lookable } from "./Health.ts"
import type { Answers, Pulled, Server } from "./Options.ts"

/** What answers, and what is said of it; who says it beside a call of his own has said it too. */
export const serverOf = (given: Answers | Server): Server => {
  if (typeof given !== "object" || Effect.isEffect(given)) return { upstream: given }
  if ("upstream" in given) return given
  const { domain, price, rate, slots } = given as Partial<Server>
  return {
    upstream: given,
    ...(domain !== undefined && { domain }),
    ...(price !== undefined && { price }),
    ...(rate !== undefined && { rate }),
    ...(slots !== undefined && { slots })
  }
}

/** What answers, and what else it can. */
export const answering = (
  given: Answers
): Effect.Effect<{ readonly call: Call.Call<SpillwayError> } & Lookable, OptionsRefused, Scope.Scope> => {
  if (Effect.isEffect(given)) return given
  if (typeof given !== "function") return Effect.succeed(given)
  return Effect.succeed({ call: Call.fromAsyncIterable((question, signal) => partsOf(given, question, signal)) })
}

/** Whatever a function answers, as parts; what it returns at its end is the call's. */
const partsOf = async function* (
  answer: Pulled,
  question: Question,
  signal: AbortSignal
): AsyncGenerator<Part, unknown> {
  const said = await answer(question, signal)
  if (typeof said === "string") {
    yield text(said)
    return undefined
  }
  const iterator = said[Symbol.asyncIterator]()
  try {
    while (true) {
      const next: IteratorResult<Part | string, unknown> = await iterator.next()
      if (next.done === true) return next.value
      yield typeof next.value === "string" ? text(next.value) : next.value
    }
  } finally {
    await iterator.return?.()
  }
}
