/**
 * A call is an Effect that lives exactly as long as its stream, and this is its leaf.
 *
 * Because it ends when the last part has been delivered or the caller has left, ordinary combinators are right for
 * streams: a permit is held for the whole body, a breaker sees the real end, an interrupt reaches the socket. Parts
 * themselves run through plain functions and never through Effect operators, which would cost ten times as much.
 */
// @effect-diagnostics asyncFunction:off newPromise:off
import { Cause, Effect, type Exit, Redacted, Stream } from "effect"
import { AnswerMixed, type Attempt } from "./Attempt.ts"
import { contextOf, Facts, tell } from "./Facts.ts"
import * as Frame from "./Frame.ts"
import type { Part } from "./Part.ts"
import * as Questions from "./Question.ts"
import type { Question } from "./Question.ts"
import { SpillwayError } from "./SpillwayError.ts"
import { failedUnused } from "./Verdict.ts"
import * as Summary from "./Summary.ts"

/** One go at an upstream: hands parts to its attempt while it runs, ends with what it used. The leaf of everything. */
export interface Call<out E = never, out R = never> {
  (question: Question, attempt: Attempt): Effect.Effect<Summary.Summary, E, R>
}

/**
 * The call as an Effect that finds its question and its attempt in the fiber; `Answer` puts the question.
 *
 * *Gotchas*: what runs inside has no facts, so that a guard within a leaf does not take the outer call's for its own.
 * `target` goes on record with the attempt; guards around learn where a call goes from `Policy.about` or `Plan.to`,
 * since they decide before the leaf runs. Where a target is known, its model is asked, whatever was asked for.
 */
export const asEffect = <E, R>(call: Call<E, R>, target?: string): Effect.Effect<Summary.Summary, E, R> =>
  Effect.withFiber((fiber) => {
    const facts = fiber.getRef(Facts)
    if (facts?.call.question === undefined) return Effect.die(new Error(noQuestion))
    return Frame.framed(new Leaf(call, target, facts, facts.call.question), fiber, contextOf(fiber, undefined))
  })

/** One run of a call: its attempt begins with it, and hears how it ended. */
class Leaf<E, R> implements Frame.Run<Summary.Summary, E, R> {
  private readonly call: Call<E, R>
  private readonly target: string | undefined
  private readonly facts: Facts
  private readonly question: Question
  private attempt: Attempt | undefined

  constructor(call: Call<E, R>, target: string | undefined, facts: Facts, question: Question) {
    this.call = call
    this.target = target
    this.facts = facts
    this.question = question
    this.attempt = undefined
  }

  enter(): Effect.Effect<Summary.Summary, E, R> {
    const { call, facts, question } = this
    const mixed = mixedBy(facts)
    if (mixed !== undefined) return Effect.die(mixed)
    const attempt = facts.attempt.start(this.target)
    this.attempt = attempt
    facts.call.attempts.push(attempt)
    return call(askedAt(attempt.target, question), attempt)
  }

  leave(exit: Exit.Exit<Summary.Summary, E>): undefined {
    const { attempt } = this
    if (attempt === undefined) return
    attempt.exit = exit
    if (exit._tag === "Success") {
      attempt.usage ??= exit.value.usage
      attempt.complete()
    } else {
      attempt.left = !attempt.lost && Cause.hasInterruptsOnly(exit.cause)
      attempt.unused = attempt.parts === 0 && failedUnused(exit)
    }
    if (attempt.usage !== undefined) tell(this.facts.outer, attempt.usage)
    attempt.end()
  }
}

/** The question with the model of its target: a name that callers use may stand for many. */
const askedAt = (target: string | undefined, question: Question): Question => {
  const slash = target?.indexOf("/") ?? -1
  if (slash < 1 || slash === target!.length - 1) return question
  const model = target!.slice(slash + 1)
  return model === question.model ? question : { ...question, model }
}

/** Whether one more leaf would put a second answer where parts of another go already, or may go at any moment. */
const mixedBy = ({ attempt, call }: Facts): AnswerMixed | undefined => {
  // All before the last were closed and empty when it started, and nothing comes to what is closed.
  const last = call.attempts.findLast(
    (each) => each.startedAt !== undefined && each.destination === attempt.destination
  )
  if (last === undefined) return undefined
  if (last.parts > 0) return new AnswerMixed({ problem: "has already been answered in part" })
  // One that was closed before its end says nothing any more, though it still runs.
  return last.isClosed ? undefined : new AnswerMixed({ problem: "is still being answered" })
}

const noQuestion =
  "A call was run without a question: put one with Answer.collect, toStream, toAsyncIterable or toSink."

/**
 * The same call, which goes on with an answer that broke off where its model can: `reads` says how much of what was
 * heard the model would read as the beginning of its own answer. Where it says nothing, or anything else than the
 * beginning of that, the answer is begun again.
 *
 * *Details*: only of a conversation, and only of words. Space at the end, and half a letter, are left for the model to
 * say again: servers cut the one off, or refuse it, and the other is none.
 */
export const goingOn =
  <E, R>(
    call: Call<E, R>,
    reads: (question: Question, heard: string) => Effect.Effect<string | undefined, E, R>
  ): Call<E, R> =>
  (question, attempt) => {
    if (attempt.begun === undefined) return call(question, attempt)
    const { parts, text } = attempt.begun
    const heard = text?.replace(/[\s\ud800-\udbff]+$/u, "") ?? ""
    if (Questions.begunWith(question, heard, parts) === undefined) return call(question, attempt)
    return Effect.flatMap(reads(question, heard), (beginning = "") => {
      const asked = heard.startsWith(beginning) ? Questions.begunWith(question, beginning, parts) : undefined
      if (asked === undefined) return call(question, attempt)
      attempt.goOn(beginning)
      return call(asked, attempt)
    })
  }

/**
 * A call from what is pulled: an AsyncIterable such as a LangChain stream. A `Summary` that it returns at its end is
 * the call's.
 *
 * Leaving aborts the signal and calls `return()`; a source that heeds neither goes on unseen, and the attempt's
 * `lingering` tells when it has really ended. What it throws is `Unknown`, with a redacted cause, unless it is an error
 * of ours or `catch` names it.
 */
export const fromAsyncIterable = <E = SpillwayError>(
  open: (question: Question, signal: AbortSignal) => AsyncIterable<Part> | PromiseLike<AsyncIterable<Part>>,
  options: { readonly catch?: (thrown: unknown) => E } = {}
): Call<E> => {
  const rename = options.catch ?? ((thrown) => unknown(thrown) as E)
  return (question, attempt) =>
    Effect.callback<Summary.Summary, E>((resume) => {
      const pull = new Pull(attempt)
      const ended = pull
        .run((signal) => open(question, signal))
        .then(
          (summary) => resume(Effect.succeed(summary)),
          (thrown) => resume(Effect.failSync(() => rename(thrown)))
        )
      return Effect.sync(() => {
        const released = pull.leave()
        attempt.linger(ended.then(() => released))
      })
    })
}

/** What was thrown may quote the question, so it is hidden from every printer; our own error says what it is. */
const unknown = (thrown: unknown): SpillwayError =>
  thrown instanceof SpillwayError
    ? thrown
    : new SpillwayError({ reason: { _tag: "Unknown" }, cause: Redacted.make(thrown, { label: "cause" }) })

/** A call from an Effect Stream of parts. */
export const fromStream =
  <E, R>(open: (question: Question) => Stream.Stream<Part, E, R>): Call<E, R> =>
  (question, attempt) =>
    Effect.as(
      Stream.runForEachArray(open(question), (parts) => emitFrom(parts, 0, attempt)),
      Summary.make()
    )

const emitFrom = (parts: ReadonlyArray<Part>, from: number, attempt: Attempt): Effect.Effect<void> => {
  for (let index = from; index < parts.length; index++) {
    const room = attempt.emit(parts[index]!)
    if (room !== undefined) {
      return Effect.flatMap(
        Effect.promise(() => room),
        () => emitFrom(parts, index + 1, attempt)
      )
    }
  }
  return Effect.void
}

/** The loop that pulls: in plain promises, because a part must not cost an Effect. */
class Pull {
  private readonly attempt: Attempt
  private readonly controller = new AbortController()
  private iterator: AsyncIterator<Part> | undefined
  private left = false
  private stop: () => void = () => {}

  constructor(attempt: Attempt) {
    this.attempt = attempt
  }

  async run(open: (signal: AbortSignal) => AsyncIterable<Part> | PromiseLike<AsyncIterable<Part>>) {
    this.iterator = (await open(this.controller.signal))[Symbol.asyncIterator]()
    try {
      while (!this.left) {
        const next = await this.iterator.next()
        if (next.done === true) return Summary.is(next.value) ? next.value : Summary.make()
        const room = this.attempt.emit(next.value)
        // A reader who never reads on must not hold work whose caller has left.
        if (room !== undefined && !this.left) await Promise.race([room, this.stopped()])
      }
    } catch (thrown) {
      void this.release()
      throw thrown
    }
    await this.release()
    return Summary.make()
  }

  /** Tells the source to stop; resolves when it has tidied up. */
  leave(): Promise<void> {
    this.left = true
    this.controller.abort()
    this.stop()
    return this.release()
  }

  private async release(): Promise<void> {
    try {
      await this.iterator?.return?.()
    } catch {
      // Nobody is left to tell: its caller has an end already.
    }
  }

  private stopped(): Promise<void> {
    return new Promise((resolve) => {
      this.stop = resolve
    })
  }
}
