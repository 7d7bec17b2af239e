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
import { Answer, Facts, Policy, refusal, type Router, SpillwayError } from "@spillway/core"
import { Duration, Effect } from "effect"
import { Asked, questionOf } from "./Asked.ts"
import { chunksOf, endingOf } from "./Chunks.ts"
import type { Feed } from "./Feed.ts"
import { known } from "./Fields.ts"

/** What is asked, by whom, and how it is left. */
export interface Call {
  readonly asked: Asked
  readonly about: Pick<Policy.About, "caller" | "priority" | "deadline">
  readonly signal?: AbortSignal | undefined
  /** Hears of each chunk before it goes on. */
  readonly run?: CallbackManagerForLLMRun | undefined
}

/** A call, and its way to an answer. */
export class Answering {
  private readonly service: Router.Service
  private readonly route: string
  private readonly call: Call

  constructor(service: Router.Service, route: string, call: Call) {
    this.service = service
    this.route = route
    this.call = call
  }

  /** The answer; one of a batch waits where it is refused, and tries again. */
  chunks(feed: Feed | undefined): AsyncGenerator<ChatGenerationChunk> {
    return feed === undefined ? this.once() : this.fed(feed)
  }

  private async *fed(feed: Feed): AsyncGenerator<ChatGenerationChunk> {
    const turn = await feed.enter(this.call.signal)
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
          if (hasBegun || !(await turn.refused(thrown))) throw thrown
        }
      }
    } finally {
      turn.end(isAnswered)
    }
  }

  private async *once(): AsyncGenerator<ChatGenerationChunk> {
    const { about, asked, run, signal } = this.call
    const { call, receipt } = this.service
    let facts: Facts.Facts | undefined
    const noted: Router.Service["call"] = Effect.withFiber((fiber) => {
      facts = fiber.getRef(Facts.Facts)
      return call
    })
    const asking = noted.pipe(Policy.about(about), Effect.provideService(Asked, asked))
    const question = questionOf(this.route, asked)
    const reader = Answer.toAsyncIterable(asking, question, known({ signal }))[Symbol.asyncIterator]()
    let id: string | undefined
    const named = (chunk: ChatGenerationChunk): ChatGenerationChunk => {
      id ??= chunk.message.id
      return id === undefined || chunk.message.id === id ? chunk : renamed(chunk, id)
    }
    try {
      while (true) {
        const next = await reader.next()
        if (next.done === true) {
          const { attempts, costUsd, queueMs, target } = receipt(facts!)
          const told = known({ target, attempts, queueMs, costUsd })
          const ending = named(endingOf(next.value, { spillway: told }))
          if (run !== undefined) await heard(run, ending)
          yield ending
          return
        }
        for (const each of chunksOf(next.value)) {
          const chunk = named(each)
          if (run !== undefined) await heard(run, chunk)
          yield chunk
        }
      }
    } catch (thrown) {
      throw told(thrown, signal)
    } finally {
      await reader.return?.()
    }
  }
}

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
