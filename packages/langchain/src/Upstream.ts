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
import { chunksOf, Reading, wholeOf } from "./Chunks.ts"
import { errorOf, type Seen } from "./Failures.ts"
import { type Fields, known, listOf } from "./Fields.ts"
import { type Bound, insideOf, isNotStreaming, type Model, streams, timeoutIn, unwrapped, withTools } from "./Models.ts"
import { spokenBy } from "./Structured.ts"
import { isUncopied, scopedTo } from "./Scoped.ts"

/** What answers as a model does. */
interface Answers {
  readonly call: Call.Call<SpillwayError>
}

/** The upstream that a model is: it serves every door, and takes what it is asked from LangChain as it is. */
export const upstreamOf = (model: Model): Answers => answeredBy(() => model)

/** The upstream that asks the model that a call brings along: never another one, whatever that is called. */
export const upstreamOfEach: Answers = answeredBy(({ model }) => model)

function answeredBy(modelOf: (asked: Asked) => Model | undefined): Answers {
  return {
    call: (question, attempt) =>
      Effect.withFiber((fiber) => {
        const asked = fiber.getRef(Asked) ?? askedOf(question, attempt.target)
        if (asked instanceof SpillwayError) return Effect.fail(asked)
        const model = modelOf(asked)
        if (model === undefined) return Effect.fail(refusal({ _tag: "ModelNotFound", model: question.model }))
        const clock = fiber.getRef(Clock.Clock)
        const go = new Go(model, asked, question, attempt)
        const call = Call.fromAsyncIterable((_, signal) => go.parts(signal), {
          catch: (thrown) =>
            errorOf(thrown, { question, attempt, nowMillis: clock.currentTimeMillisUnsafe(), seen: go.seen() })
        })
        return call(question, attempt)
      })
  }
}

/** One go at a model. */
class Go {
  seen: () => Seen | undefined = () => undefined
  private hasBegun = false
  private asking: Model | undefined
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
    try {
      return yield* this.said(signal)
    } catch (thrown) {
      if (this.hasBegun || this.asking === undefined || !isUncopied(this.asking, thrown)) throw thrown
      return yield* this.said(signal)
    }
  }

  private async *said(signal: AbortSignal): AsyncGenerator<Part.Part, Summary.Summary> {
    const reading = new Reading()
    const { structured } = this.asked
    const { target } = this.attempt
    const asking = await this.ready(signal)
    let source = await asking.chunks()
    for (let isOver = false; !isOver;) {
      try {
        for await (const chunk of source) {
          this.hasBegun = true
          for (const part of reading.take(chunk)) {
            if (structured !== undefined) for (const { message } of chunksOf(part)) spokenBy(target, message)
            yield part
          }
        }
        isOver = true
      } catch (thrown) {
        if (this.hasBegun || !isNotStreaming(thrown)) throw thrown
        source = await asking.whole()
      }
    }
    const summary = reading.end()
    if (this.isNothing(summary)) {
      const asked = target ?? this.question.model
      throw refusal({ _tag: "Malformed", target: asked, parts: 0, problem: "neither a word nor a token" })
    }
    return summary
  }

  /** Whether an answer is none: it said nothing, and counts no token for it. */
  private isNothing({ finish, usage }: Summary.Summary): boolean {
    const isStopped = listOf(this.asked.options["stop"]).length > 0
    return this.attempt.parts === 0 && usage?.output === 0 && finish !== "refused" && !isStopped
  }

  /** The model as this go asks it: with its tools or its shape, bounded, and alone. */
  private async ready(attempt: AbortSignal): Promise<Asking> {
    const { configurable, messages, options, structured } = this.asked
    const { target } = this.attempt
    const found = await unwrapped(this.model, configurable)
    const merged = { ...found, options: { ...found.options, ...known(options) } }
    const ready = structured?.of(merged, target) ?? withTools(merged, target)
    if ("answer" in ready) {
      const whole = async () => [wholeOf(await ready.answer([...messages], attempt))]
      return { chunks: whole, whole }
    }
    const timeout = timeoutIn(ready.options)
    const signal = timeout === undefined ? attempt : AbortSignal.any([attempt, AbortSignal.timeout(timeout)])
    this.asking = ready.model
    const { model, options: bounds, seen } = scopedTo(ready.model, signal, this.question)
    this.seen = seen
    return askingOf({ model, options: { ...ready.options, ...bounds, signal } }, [...messages])
  }
}

/** A model that is about to be asked. */
interface Asking {
  readonly chunks: () => Chunks | Promise<Chunks>
  /** The same in one piece, of a model that only looks as if it streamed. */
  readonly whole: () => Promise<Chunks>
}

type Chunks = AsyncIterable<ChatGenerationChunk> | Iterable<ChatGenerationChunk>

const askingOf = ({ model, options }: Bound, messages: Array<BaseMessage>): Asking => {
  const inside = insideOf(model) as unknown as Inside
  if (typeof inside._generate !== "function") {
    // What is no chat model tells whoever listens to it: so nobody does.
    const said = () => model.stream(messages, { ...options, callbacks: [] })
    return { chunks: async () => wholeEach(await said()), whole: async () => wholeEach(await said()) }
  }
  // Whoever stands around it tries again, and nobody in it.
  const own = { ...options, maxRetries: 0 }
  const whole = async () => {
    const all = inside._combineCallOptions?.(own) ?? own
    const { generations, llmOutput } = await inside._generate(messages, all)
    const [first] = generations
    return [wholeOf(first?.message ?? new AIMessageChunk(""), { ...llmOutput, ...first?.generationInfo })]
  }
  return { chunks: streams(model) ? () => inside._streamResponseChunks(messages, own) : whole, whole }
}

async function* wholeEach(messages: AsyncIterable<BaseMessage>): AsyncGenerator<ChatGenerationChunk> {
  for await (const message of messages) yield wholeOf(message)
}

/** The methods by which a chat model is asked without anybody hearing of it. */
interface Inside {
  readonly _generate: (messages: Array<BaseMessage>, options: Fields) => Promise<ChatResult>
  readonly _streamResponseChunks: (messages: Array<BaseMessage>, options: Fields) => AsyncIterable<ChatGenerationChunk>
  readonly _combineCallOptions?: (options: Fields) => Fields
}
