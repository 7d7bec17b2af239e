/**
 * An answer in a shape: each model is asked for it in its own way, and whoever answered says how it is read.
 *
 * One model takes a schema, another a tool, a third has a method of its own. So the shape goes to the leaf as it was
 * wished for, and each target makes of it what it would make if it were asked alone.
 */
import type { BaseLanguageModelInput } from "@langchain/core/language_models/base"
import { createContentParser } from "@langchain/core/language_models/structured_output"
import { AIMessage, type BaseMessage } from "@langchain/core/messages"
import { type Runnable, RunnableLambda } from "@langchain/core/runnables"
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
  private readonly schema: unknown
  private readonly config: Fields
  private readonly parsers = new Map<string, Parser>()

  constructor(schema: unknown, config: Fields = {}) {
    this.schema = schema
    this.config = { ...config, includeRaw: false }
    this.jsonSchema = toJsonSchema(schema as never)
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
  get parser(): Runnable<BaseMessage, Record<string, unknown>> {
    return RunnableLambda.from(async (message: BaseMessage, config) => {
      const target = textOf(fieldsOf((message.response_metadata as Fields)["spillway"])?.["target"]) ?? ""
      const parser = this.parsers.get(target) ?? this.otherwise
      return (await parser.invoke(message, config)) as Record<string, unknown>
    })
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
