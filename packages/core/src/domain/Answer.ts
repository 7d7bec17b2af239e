/**
 * Puts a question to a guarded call and brings the answer to whoever asked: as one value, a Stream, an AsyncIterable,
 * or part by part into a sink.
 *
 * All of them run the same Effect on one fiber and differ only in who reads. A reader who leaves interrupts that fiber,
 * whichever of the four it is, and nothing reaches it afterwards.
 */
// @effect-diagnostics newPromise:off asyncFunction:off
import { Cause, Context, Effect, Exit, Fiber, Stream } from "effect"
import type { Sink } from "./Attempt.ts"
import type { Delivery } from "./Delivery.ts"
import { asking, contextOf } from "./Facts.ts"
import * as Frame from "./Frame.ts"
import { HandOver } from "./HandOver.ts"
import * as Part from "./Part.ts"
import type { Question } from "./Question.ts"
import { refusal } from "./SpillwayError.ts"

/** A whole answer. */
export interface Whole<A> {
  readonly parts: ReadonlyArray<Part.Part>
  readonly text: string
  readonly summary: A
}

/** How many parts may wait for a slow reader before the producer has to. */
export interface Reading {
  readonly partsMax?: number
}

/** Puts the question and hands every part to a sink; succeeds when the last one has been taken. */
export const toSink = <A, E, R>(call: Effect.Effect<A, E, R>, question: Question, sink: Sink): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const facts = asking(fiber, question, sink)
    return Frame.framedAtOnce(new Asked(call, facts.call.delivery), fiber, contextOf(fiber, facts))
  })

/** A call under way to its sink, which hears nothing more once it has ended. */
class Asked<A, E, R> implements Frame.Run<A, E, R> {
  private readonly call: Effect.Effect<A, E, R>
  private readonly delivery: Delivery

  constructor(call: Effect.Effect<A, E, R>, delivery: Delivery) {
    this.call = call
    this.delivery = delivery
  }

  enter(): Effect.Effect<A, E, R> {
    return this.call
  }

  leave(): Effect.Effect<never> | undefined {
    const { delivery } = this
    delivery.close()
    return delivery.broken === undefined ? undefined : Effect.die(delivery.broken.thrown)
  }
}

/** Puts the question and waits for the whole answer. */
export const collect = <A, E, R>(call: Effect.Effect<A, E, R>, question: Question): Effect.Effect<Whole<A>, E, R> =>
  Effect.suspend(() => {
    const parts: Array<Part.Part> = []
    const sink: Sink = { emit: (part) => void parts.push(part) }
    return Effect.map(toSink(call, question, sink), (summary) => ({ parts, text: Part.textOf(parts), summary }))
  })

/** The answer as a Stream, which ends with the answer or fails with the call. */
export const toStream = <A, E, R>(
  call: Effect.Effect<A, E, R>,
  question: Question,
  reading: Reading = {}
): Stream.Stream<Part.Part, E, R> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const context = yield* Effect.context<R>()
      const handOver = new HandOver<A, E>(reading.partsMax)
      yield* Effect.acquireRelease(
        Effect.sync(() => start(call, question, handOver, context)),
        Fiber.interrupt
      )
      const ready = Effect.callback<void>((resume) => {
        // Not at once: what the producer has in hand comes first, and then goes on as one array.
        handOver.onReady(() => resume(Effect.yieldNow))
      })
      const pull: Effect.Effect<readonly [Part.Part, ...Array<Part.Part>], E | Cause.Done> = Effect.suspend(() => {
        const parts = handOver.takeAll()
        if (parts.length > 0) return Effect.succeed(parts as [Part.Part, ...Array<Part.Part>])
        const exit = handOver.ended
        if (exit === undefined) return Effect.andThen(ready, pull)
        return Exit.isSuccess(exit) ? Cause.done() : Effect.failCause(exit.cause)
      })
      return Stream.fromPull(Effect.succeed(pull))
    })
  )

/** How an answer is read outside of Effect. */
export interface ReadingOutside extends Reading {
  /** Aborting it interrupts the call. */
  readonly signal?: AbortSignal
}

/**
 * The answer for programs without Effect: `for await` over its parts; the iterator's last value is the summary.
 *
 * Nothing runs before the first part is asked for. `break` interrupts the call and waits until it has ended; an aborted
 * signal interrupts it too and throws the signal's reason. A failure is thrown as it is.
 */
export const toAsyncIterable = <A, E>(
  call: Effect.Effect<A, E>,
  question: Question,
  reading: ReadingOutside = {}
): AsyncIterable<Part.Part, A> => iterable(call, question, reading, Context.empty())

/** The same for a call that needs services, or who asks it: it takes them from the fiber that makes the iterable. */
export const toAsyncIterableEffect = <A, E, R>(
  call: Effect.Effect<A, E, R>,
  question: Question,
  reading: ReadingOutside = {}
): Effect.Effect<AsyncIterable<Part.Part, A>, never, R> =>
  Effect.contextWith((context: Context.Context<R>) => Effect.succeed(iterable(call, question, reading, context)))

const iterable = <A, E, R>(
  call: Effect.Effect<A, E, R>,
  question: Question,
  reading: ReadingOutside,
  context: Context.Context<R>
): AsyncIterable<Part.Part, A> => ({ [Symbol.asyncIterator]: () => new Reader(call, question, reading, context) })

const start = <A, E, R>(
  call: Effect.Effect<A, E, R>,
  question: Question,
  handOver: HandOver<A, E>,
  context: Context.Context<R>,
  signal?: AbortSignal
): Fiber.Fiber<A, E> => {
  const fiber = Effect.runForkWith(context)(toSink(call, question, handOver), { signal })
  fiber.addObserver((exit) => handOver.end(exit))
  handOver.onDeaf(() => fiber.interruptUnsafe())
  return fiber
}

const over: IteratorReturnResult<never> = { done: true, value: undefined as never }

class Reader<A, E, R> implements AsyncIterator<Part.Part, A> {
  private readonly handOver: HandOver<A, E>
  private fiber: Fiber.Fiber<A, E> | undefined
  private done = false
  private tail: Promise<void> | undefined
  private readonly call: Effect.Effect<A, E, R>
  private readonly question: Question
  private readonly context: Context.Context<R>
  private readonly signal: AbortSignal | undefined

  constructor(call: Effect.Effect<A, E, R>, question: Question, reading: ReadingOutside, context: Context.Context<R>) {
    this.handOver = new HandOver(reading.partsMax)
    this.call = call
    this.question = question
    this.context = context
    this.signal = reading.signal
  }

  next(): Promise<IteratorResult<Part.Part, A>> {
    const part = this.tail === undefined && !this.done ? this.handOver.take() : undefined
    if (part !== undefined) return Promise.resolve({ done: false, value: part })
    const turn = this.tail === undefined ? this.wait() : this.tail.then(() => this.wait())
    const tail: Promise<void> = turn.then(
      () => this.clear(tail),
      () => this.clear(tail)
    )
    this.tail = tail
    return turn
  }

  async return(): Promise<IteratorResult<Part.Part, A>> {
    this.done = true
    const fiber = this.fiber
    if (fiber !== undefined) {
      fiber.interruptUnsafe()
      await new Promise<void>((resolve) => void fiber.addObserver(() => resolve()))
    }
    return over
  }

  /** The way of a part that is not there yet. Several who wait are served in the order in which they asked. */
  private async wait(): Promise<IteratorResult<Part.Part, A>> {
    if (this.done) return over
    if (this.fiber === undefined) {
      this.done = this.signal?.aborted === true
      this.signal?.throwIfAborted()
      this.fiber = start(this.call, this.question, this.handOver, this.context, this.signal)
    }
    await new Promise<void>((resolve) => this.handOver.onReady(resolve))
    if (this.done) return over
    const part = this.handOver.take()
    return part === undefined ? this.finish(this.handOver.ended!) : { done: false, value: part }
  }

  private clear(tail: Promise<void>): void {
    if (this.tail === tail) this.tail = undefined
  }

  private finish(exit: Exit.Exit<A, E>): IteratorResult<Part.Part, A> {
    if (this.done) return over
    this.done = true
    if (Exit.isSuccess(exit)) return { done: true, value: exit.value }
    this.signal?.throwIfAborted()
    if (Cause.hasInterruptsOnly(exit.cause)) throw refusal({ _tag: "Cancelled" })
    throw Cause.squash(exit.cause)
  }
}
