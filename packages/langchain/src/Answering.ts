/**
 * One call of a chat model: puts the question to the router, and hands out the answer as chunks of LangChain.
 *
 * What is told of a call, its usage and who answered, goes out once, with the last chunk: LangChain adds up whatever
 * it hears twice. And all chunks have one id, whoever has begun the answer and whoever has ended it, since a screen
 * takes another id for another message.
 */
import type { CallbackManagerForLLMRun } from "@langchain/core/callbacks/manager"
import { stampRetryable } from "@langchain/core/errors"
import type { ChatGenerationChunk } from "@langchain/core/outputs"
import {
  Answer,
  Facts,
  type Part,
  Policy,
  refusal,
  type Router,
  SpillwayError,
  type Summary,
  Units
} from "@spillway/core"
import { Cause, Duration, Effect, Exit, Result } from "effect"
import { Asked, questionOf } from "./Asked.ts"
import { chunksOf, endingOf } from "./Chunks.ts"
import type { Feed } from "./Feed.ts"
import { known } from "./Fields.ts"

/** What is asked, by whom, and how it is left. */
export interface Call {
  readonly asked: Asked
  readonly about: Pick<Policy.About, "caller" | "priority" | "deadline">
  readonly signal?: AbortSignal | undefined
  /** By when it is over, where its route says that and it does not. */
  readonly deadline?: Policy.About["deadline"]
  /** Says that nobody is let in any more. */
  readonly closing?: AbortSignal | undefined
  /** Hears of each chunk before it goes on. */
  readonly run?: CallbackManagerForLLMRun | undefined
}

/** A call, and its way to an answer. */
export class Answering {
  private readonly service: Router.Service
  private readonly route: string
  private readonly call: Call
  private readonly began = performance.now()
  private clock: AbortSignal | undefined

  constructor(service: Router.Service, route: string, call: Call) {
    this.service = service
    this.route = route
    this.call = call
  }

  /** The answer as it comes; one of a batch waits where it is refused, and tries again. */
  chunks(feed: Feed | undefined): AsyncGenerator<ChatGenerationChunk> {
    return feed === undefined ? this.once() : this.fed(feed)
  }

  /** The whole answer: what breaks begins anew, where nobody has heard a word of it. */
  async whole(feed: Feed | undefined): Promise<ChatGenerationChunk> {
    const { run } = this.call
    if (run?.handlers.some(listens) === true) {
      const heard: Array<ChatGenerationChunk> = []
      for await (const chunk of this.chunks(feed)) heard.push(chunk)
      return wholeOf(heard)
    }
    const ask = () => this.wholeOnce()
    const chunks = await (feed === undefined ? ask() : this.inTime((until) => feed.through(until, ask)))
    // One after the other, as they would have come.
    if (run !== undefined) for (const chunk of chunks) await heard(run, chunk)
    return wholeOf(chunks)
  }

  private async *fed(feed: Feed): AsyncGenerator<ChatGenerationChunk> {
    const turn = await this.inTime((until) => feed.enter(until))
    let isAnswered = false
    try {
      while (!isAnswered) {
        let hasBegun = false
        try {
          for await (const chunk of this.once()) {
            hasBegun = true
            yield chunk
          }
          isAnswered = true
        } catch (thrown) {
          if (hasBegun || !(await this.inTime(() => turn.refused(thrown)))) throw thrown
        }
      }
    } finally {
      turn.end(isAnswered)
    }
  }

  /** Whoever waits for his turn does so until his call has to be over, or the router is closed. */
  private async inTime<A>(wait: (until: AbortSignal | undefined) => Promise<A>): Promise<A> {
    const { closing, signal } = this.call
    const { total } = this
    if (total !== undefined) this.clock ??= AbortSignal.timeout(Math.min(Math.ceil(total), timerMax))
    const { clock } = this
    const all = [signal, clock, closing].filter((each) => each !== undefined)
    try {
      return await wait(all.length === 0 ? undefined : AbortSignal.any(all))
    } catch (thrown) {
      if (total === undefined || clock?.aborted !== true || thrown !== clock.reason) throw thrown
      throw told(refusal({ _tag: "TimedOut", phase: "queue", after: Duration.millis(total), parts: 0 }), signal)
    }
  }

  /** How many milliseconds it may take in all, its turn in a batch included, where that was said. */
  private get total(): number | undefined {
    const said = this.call.about.deadline ?? this.call.deadline
    return said === undefined ? undefined : Duration.toMillis(Result.getOrThrow(Units.span.parse(said)))
  }

  /** What is said with a call that has waited before it: only what is left of its time. */
  private get about(): Call["about"] {
    const { about } = this.call
    const waited = performance.now() - this.began
    if (this.total === undefined || waited < waitedMin) return about
    return { ...about, deadline: `${Math.max(1, Math.round(this.total - waited))}ms` }
  }

  private async *once(): AsyncGenerator<ChatGenerationChunk> {
    const { run, signal } = this.call
    const { asking, ending, question } = this.asked()
    const reader = Answer.toAsyncIterable(asking, question, known({ signal }))[Symbol.asyncIterator]()
    const named = naming()
    try {
      while (true) {
        const next = await reader.next()
        const chunks = next.done === true ? [ending(next.value)] : chunksOf(next.value)
        for (const each of chunks) {
          const chunk = named(each)
          if (run !== undefined) await heard(run, chunk)
          yield chunk
        }
        if (next.done === true) return
      }
    } catch (thrown) {
      throw told(thrown, signal)
    } finally {
      await reader.return?.()
    }
  }

  private async wholeOnce(): Promise<ReadonlyArray<ChatGenerationChunk>> {
    const { signal } = this.call
    const { asking, ending, question } = this.asked()
    const parts: Array<Part.Part> = []
    const sink = { emit: (part: Part.Part) => void parts.push(part), isWhole: true }
    signal?.throwIfAborted()
    const exit = await Effect.runPromiseExit(Answer.toSink(asking, question, sink), known({ signal }))
    if (Exit.isSuccess(exit)) return [...parts.flatMap(chunksOf), ending(exit.value)].map(naming())
    signal?.throwIfAborted()
    throw told(Cause.hasInterruptsOnly(exit.cause) ? refusal({ _tag: "Cancelled" }) : Cause.squash(exit.cause), signal)
  }

  /** The call as the router has it, and the last chunk of its answer. */
  private asked() {
    const { asked } = this.call
    const { about } = this
    const { call, receipt } = this.service
    let facts: Facts.Facts | undefined
    const noted: Router.Service["call"] = Effect.withFiber((fiber) => {
      facts = fiber.getRef(Facts.Facts)
      return call
    })
    return {
      asking: noted.pipe(Policy.about(about), Effect.provideService(Asked, asked)),
      question: questionOf(this.route, asked),
      ending: (summary: Summary.Summary): ChatGenerationChunk => {
        const { attempts, costUsd, queueMs, target } = receipt(facts!)
        return endingOf(summary, { spillway: known({ target, attempts, queueMs, costUsd }) })
      }
    }
  }
}

/** No timer takes longer. */
const timerMax = 2 ** 31 - 1

/** Less is no wait, and a call that has not waited says what it was told to say. */
const waitedMin = 5

/** Gives all chunks the first id that one of them has. */
const naming = (): ((chunk: ChatGenerationChunk) => ChatGenerationChunk) => {
  let id: string | undefined
  return (chunk) => {
    id ??= chunk.message.id
    return id === undefined || chunk.message.id === id ? chunk : renamed(chunk, id)
  }
}

const wholeOf = (chunks: ReadonlyArray<ChatGenerationChunk>): ChatGenerationChunk =>
  chunks.reduce((whole, chunk) => whole.concat(chunk))

/** Whether somebody wants each word as it comes; who only writes down what has happened does not. */
const listens = (handler: object): boolean =>
  "handleLLMNewToken" in handler &&
  typeof handler.handleLLMNewToken === "function" &&
  !("runMap" in handler || "runTreeMap" in handler)

const heard = (run: CallbackManagerForLLMRun, chunk: ChatGenerationChunk): Promise<void> =>
  run.handleLLMNewToken(chunk.text, undefined, undefined, undefined, undefined, { chunk })

/** The same chunk under another id: whoever made it may hand it out again. */
const renamed = (chunk: ChatGenerationChunk, id: string): ChatGenerationChunk => {
  const message = Object.assign(Object.create(Object.getPrototypeOf(chunk.message)), chunk.message, { id })
  return Object.assign(Object.create(Object.getPrototypeOf(chunk)), chunk, { message })
}

/** The error as LangChain's own retries and handlers read it; who left himself hears his own reason. */
const told = (thrown: unknown, signal: AbortSignal | undefined): unknown => {
  if (signal?.aborted === true || !(thrown instanceof SpillwayError)) return thrown
  // Nobody has left, so that the router has been closed.
  const error = thrown.reason._tag === "Cancelled" ? refusal({ _tag: "Unavailable" }) : thrown
  const { retryAfter, retryable } = error
  stampRetryable(error, retryable)
  return retryAfter === undefined ? error : Object.assign(error, { retryAfterMs: Duration.toMillis(retryAfter) })
}
