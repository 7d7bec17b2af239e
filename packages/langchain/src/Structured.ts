/**
 * An answer in a shape: each model is asked for it in its own way, and whoever answered says how it is read.
 *
 * One model takes a schema, another a tool, a third has a method of its own. So the shape goes to the leaf as it was
 * wished for, and each target makes of it what it would make if it were asked alone.
 */
import type { BaseLanguageModelInput } from "@langchain/core/language_models/base"
import { createContentParser } from "@langchain/core/language_models/structured_output"
import { AIMessage, type BaseMessage } from "@langchain/core/messages"
import { Runnable, type RunnableConfig } from "@langchain/core/runnables"
import { concat } from "@langchain/core/utils/stream"
import { toJsonSchema } from "@langchain/core/utils/json_schema"
import { refusal } from "@spillway/core"
import { type Fields, fieldsOf, known, textOf } from "./Fields.ts"
import { type Bound, insideOf, type Model, withoutBindings } from "./Models.ts"

type Parser = Runnable<BaseMessage, unknown>

/** What answers in that shape all by itself, and says nothing of how. */
interface Whole {
  readonly answer: (messages: Array<BaseMessage>, signal: AbortSignal) => Promise<BaseMessage>
}

/** The shape of an answer. */
export class Structured {
  readonly jsonSchema: unknown
  /** What tells answers of this shape from others in a cache. */
  readonly identity: unknown
  private readonly schema: unknown
  private readonly config: Fields
  private readonly parsers = new Map<string, Parser>()

  constructor(schema: unknown, config: Fields = {}) {
    this.schema = schema
    this.config = { ...config, includeRaw: false }
    this.jsonSchema = toJsonSchema(schema as never)
    this.identity = { ...known(config), schema: this.jsonSchema }
  }

  /** A model that answers in that shape, with the options that it needs for it. */
  of({ model, options }: Bound, target: string | undefined): Bound | Whole {
    const pipeline = this.pipelineOf(model, target)
    const { first, last } = pipeline as { readonly first?: Model; readonly last?: Parser }
    if (first === undefined || last === undefined) {
      this.parsers.set(target ?? "", this.otherwise)
      return {
        answer: async (messages, signal) => {
          const said = await pipeline.invoke(messages, { signal, callbacks: [] })
          return new AIMessage(JSON.stringify(said))
        }
      }
    }
    this.parsers.set(target ?? "", last)
    const bound = withoutBindings(first)
    return { model: bound.model, options: { ...options, ...bound.options } }
  }

  /** What a model would say of the shape to whoever traces its calls. */
  tracedBy(model: Model): unknown {
    const { first } = this.pipelineOf(withoutBindings(model).model, undefined) as { readonly first?: Model }
    return first === undefined ? undefined : withoutBindings(first).options["ls_structured_output_format"]
  }

  /** Reads an answer as the model does that gave it. */
  get parser(): Runnable<BaseMessage, Shape> {
    return new ByWhoAnswered(
      (message) => this.parsers.get(answeredBy(message) ?? "") ?? this.otherwise,
      (message) => (this.parsers.size === 0 ? this.otherwise : this.parsers.get(speakers.get(message) ?? ""))
    )
  }

  private get otherwise(): Parser {
    return createContentParser(this.schema as never)
  }

  private pipelineOf(model: Model, target: string | undefined): Runnable<BaseLanguageModelInput, unknown> {
    const structured = insideOf(model)["withStructuredOutput"]
    if (typeof structured !== "function") {
      throw refusal({ _tag: "Unsupported", capability: "structured output", ...known({ target }) })
    }
    let pipeline = structured.call(model, this.schema, known(this.config))
    while (pipeline.first === undefined && pipeline.bound !== undefined) pipeline = pipeline.bound
    return pipeline
  }
}

type Shape = Record<string, unknown>

/** Who has said a message, while nobody has told it yet. */
const speakers = new WeakMap<BaseMessage, string>()

/** Notes who says the messages of a shape: what they say can then be read as it comes. */
export const spokenBy = (target: string | undefined, message: BaseMessage): void => {
  if (target !== undefined) speakers.set(message, target)
}

const answeredBy = (message: BaseMessage): string | undefined =>
  textOf(fieldsOf((message.response_metadata as Fields)["spillway"])?.["target"])

/** Reads a whole answer, or one that comes in pieces, by the parser of whoever gives it. */
class ByWhoAnswered extends Runnable<BaseMessage, Shape> {
  /** What handlers and traces show as its class. */
  static override lc_name(): string {
    return "ByWhoAnswered"
  }

  lc_namespace = ["spillway", "structured"]
  private readonly parserOf: (message: BaseMessage) => Parser
  private readonly parserOfFirst: (message: BaseMessage) => Parser | undefined

  constructor(parserOf: (message: BaseMessage) => Parser, parserOfFirst: (message: BaseMessage) => Parser | undefined) {
    super()
    this.parserOf = parserOf
    this.parserOfFirst = parserOfFirst
  }

  override async invoke(message: BaseMessage, options?: Partial<RunnableConfig>): Promise<Shape> {
    return (await this.parserOf(message).invoke(message, options)) as Shape
  }

  override async *transform(
    messages: AsyncGenerator<BaseMessage>,
    options: Partial<RunnableConfig>
  ): AsyncGenerator<Shape> {
    const first = await messages.next()
    if (first.done === true) return
    const parser = this.parserOfFirst(first.value)
    const all = from(first.value, messages)
    // Who turns out to have answered only at the end is read there.
    if (parser === undefined) yield this.invoke(await whole(all), options)
    else yield* parser.transform(all, options) as AsyncGenerator<Shape>
  }
}

async function* from(first: BaseMessage, rest: AsyncIterable<BaseMessage>): AsyncGenerator<BaseMessage> {
  yield first
  yield* rest
}

const whole = async (messages: AsyncIterable<BaseMessage>): Promise<BaseMessage> => {
  let said: BaseMessage | undefined
  for await (const message of messages) said = said === undefined ? message : concat(said as never, message as never)
  return said!
}
