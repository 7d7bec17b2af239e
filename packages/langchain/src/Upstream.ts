/**
 * A chat model of LangChain as an upstream of the core.
 *
 * It is asked by its own methods and without callbacks: through `invoke` every token would reach an agent twice, and
 * failed attempts would show. It streams wherever it can, whoever asks, because only a stream shows when its first word
 * comes and whether it has fallen silent.
 */
import type { BaseMessage } from "@langchain/core/messages"
import { AIMessageChunk } from "@langchain/core/messages"
import type { ChatGenerationChunk, ChatResult } from "@langchain/core/outputs"
import { type Attempt, Call, type Part, type Question, refusal, SpillwayError, type Summary } from "@spillway/core"
import { Clock, Effect } from "effect"
import { Asked, askedOf } from "./Asked.ts"
import { Reading, wholeOf } from "./Chunks.ts"
import { errorOf, type Seen } from "./Failures.ts"
import { type Fields, known, listOf } from "./Fields.ts"
import { type Bound, insideOf, isNotStreaming, type Model, streams, timeoutIn, unwrapped, withTools } from "./Models.ts"
import { scopedTo } from "./Scoped.ts"

/** The upstream that a model is: it serves every door, and takes what it is asked from LangChain as it is. */
export const upstreamOf = (model: Model): { readonly call: Call.Call<SpillwayError> } => ({
  call: (question, attempt) =>
    Effect.withFiber((fiber) => {
      const asked = fiber.getRef(Asked) ?? askedOf(question, attempt.target)
      if (asked instanceof SpillwayError) return Effect.fail(asked)
      const clock = fiber.getRef(Clock.Clock)
      const go = new Go(model, asked, question, attempt)
      const call = Call.fromAsyncIterable((_, signal) => go.parts(signal), {
        catch: (thrown) =>
          errorOf(thrown, { question, attempt, nowMillis: clock.currentTimeMillisUnsafe(), seen: go.seen() })
      })
      return call(question, attempt)
    })
})

/** One go at a model. */
class Go {
  seen: () => Seen | undefined = () => undefined
  private readonly model: Model
  private readonly asked: Asked
  private readonly question: Question.Question
  private readonly attempt: Attempt.Attempt

  constructor(model: Model, asked: Asked, question: Question.Question, attempt: Attempt.Attempt) {
    this.model = model
    this.asked = asked
    this.question = question
    this.attempt = attempt
  }

  async *parts(signal: AbortSignal): AsyncGenerator<Part.Part, Summary.Summary> {
    const reading = new Reading()
    for await (const chunk of this.chunks(signal)) {
      const parts = reading.take(chunk)
      // Known as soon as it is told: who leaves now has used it all the same.
      const { usage } = reading
      if (usage !== undefined) this.attempt.usage = usage
      yield* parts
    }
    const summary = reading.end()
    if (this.isNothing(summary)) {
      const { parts, target = this.question.model } = this.attempt
      throw refusal({ _tag: "Malformed", target, parts, problem: "neither a word nor a token" })
    }
    return summary
  }

  /** Whether an answer is none: it said nothing, and counts no token for it. */
  private isNothing({ finish, usage }: Summary.Summary): boolean {
    const isStopped = listOf(this.asked.options["stop"]).length > 0
    return this.attempt.parts === 0 && usage?.output === 0 && finish !== "refused" && !isStopped
  }

  private async *chunks(attempt: AbortSignal): AsyncGenerator<ChatGenerationChunk> {
    const { configurable, messages, options, structured } = this.asked
    const found = await unwrapped(this.model, configurable)
    const merged = { ...found, options: { ...found.options, ...known(options) } }
    const ready = structured?.of(merged, this.attempt.target) ?? withTools(merged, this.attempt.target)
    if ("answer" in ready) {
      yield wholeOf(await ready.answer([...messages], attempt))
      return
    }
    const timeout = timeoutIn(ready.options)
    const signal = timeout === undefined ? attempt : AbortSignal.any([attempt, AbortSignal.timeout(timeout)])
    const { model, seen } = scopedTo(ready.model, signal, this.question)
    this.seen = seen
    // Whoever stands around it tries again, and nobody in it.
    yield* asking({ model, options: { ...ready.options, signal, maxRetries: 0 } }, [...messages])
  }
}

async function* asking({ model, options }: Bound, messages: Array<BaseMessage>): AsyncGenerator<ChatGenerationChunk> {
  const inside = insideOf(model) as unknown as Asking
  if (typeof inside._generate !== "function") {
    const { maxRetries: _, ...rest } = options
    // What is no chat model tells whoever listens to it: so nobody does.
    for await (const message of await model.stream(messages, { ...rest, callbacks: [] })) yield wholeOf(message)
    return
  }
  if (streams(model)) {
    let hasBegun = false
    try {
      for await (const chunk of inside._streamResponseChunks(messages, options)) {
        hasBegun = true
        yield chunk
      }
      return
    } catch (thrown) {
      if (hasBegun || !isNotStreaming(thrown)) throw thrown
    }
  }
  const all = inside._combineCallOptions?.(options) ?? options
  const { generations, llmOutput } = await inside._generate(messages, all)
  const [first] = generations
  yield wholeOf(first?.message ?? new AIMessageChunk(""), { ...llmOutput, ...first?.generationInfo })
}

/** The methods by which a chat model is asked without anybody hearing of it. */
interface Asking {
  readonly _generate: (messages: Array<BaseMessage>, options: Fields) => Promise<ChatResult>
  readonly _streamResponseChunks: (messages: Array<BaseMessage>, options: Fields) => AsyncIterable<ChatGenerationChunk>
  readonly _combineCallOptions?: (options: Fields) => Fields
}
