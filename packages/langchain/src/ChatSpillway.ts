/**
 * A chat model of LangChain around others: whoever asks it asks the router of the core.
 *
 * Nothing is implemented twice: limits, lines, retries, circuits, clocks, budgets and overflow are the router's, and
 * this class only turns messages into a question and parts into chunks. It tells its callbacks of each token once,
 * whichever target it came from, and of one run, however many were tried.
 */
import type { BaseLanguageModelInput, StructuredOutputMethodOptions } from "@langchain/core/language_models/base"
import {
  BaseChatModel,
  type BaseChatModelCallOptions,
  type BindToolsInput,
  type LangSmithParams
} from "@langchain/core/language_models/chat_models"
import type { ChatModelStreamEvent } from "@langchain/core/language_models/event"
import type { ModelProfile } from "@langchain/core/language_models/profile"
import { assembleStructuredOutputPipeline } from "@langchain/core/language_models/structured_output"
import type { CallbackManagerForLLMRun } from "@langchain/core/callbacks/manager"
import { AIMessage, type AIMessageChunk, type BaseMessage, type UsageMetadata } from "@langchain/core/messages"
import type { ChatGenerationChunk, ChatResult } from "@langchain/core/outputs"
import type { Runnable, RunnableBatchOptions, RunnableConfig } from "@langchain/core/runnables"
import type { SerializableSchema } from "@langchain/core/utils/standard_schema"
import type { InteropZodType } from "@langchain/core/utils/types"
import { type Policy, refusal, type Router, Units } from "@spillway/core"
import { Effect, Exit, Result } from "effect"
import { Answering, type Call } from "./Answering.ts"
import { blocksOf } from "./Chunks.ts"
import { Feed } from "./Feed.ts"
import { type Fields, fieldsOf, known, numberOf, textOf } from "./Fields.ts"
import { identityOf, insideOf, withoutBindings } from "./Models.ts"
import { type Behind, behind as routerOf, type Options } from "./Options.ts"
import { profileOf } from "./Profile.ts"
import { Structured } from "./Structured.ts"

/** What may be said with a call, beside all that a target itself knows. */
export interface CallOptions extends BaseChatModelCallOptions {
  readonly tools?: Array<BindToolsInput>
  /** Who asks; also read from `configurable.caller`. */
  readonly caller?: string
  readonly priority?: Policy.About["priority"]
  /** By when it has to be over: only sooner than its route says. */
  readonly deadline?: Policy.About["deadline"]
  /** The most tokens of the answer. */
  readonly maxTokens?: number
  /** With 0 no target is asked a second time, for whoever tries again himself; nothing else means anything here. */
  readonly maxRetries?: number
  /** What a target itself knows, as `temperature`. */
  readonly [own: string]: unknown
}

/** What an answer may be, and how that is said. */
type Shape = Record<string, any>
type Schema<Output extends Shape> = InteropZodType<Output> | SerializableSchema<Output> | Shape

/** The chat model. */
export class ChatSpillway extends BaseChatModel<CallOptions> {
  /** What handlers and traces show as its class. */
  static override lc_name(): string {
    return "ChatSpillway"
  }

  /** The route that it asks, or the model. */
  readonly model: string
  // No private names: what is bound to a shape, and what a batch asks, are copies that share all of this.
  private readonly behind: Behind
  private readonly asks: Pick<CallOptions, "caller" | "priority">
  private readonly structured: Structured | undefined = undefined
  private readonly feed: Feed | undefined = undefined

  // Only the middleware, whose router is there already, says what is behind it.
  constructor(options: Options, behind: Behind = routerOf(options)) {
    super(options)
    this.behind = behind
    this.model = this.behind.route
    this.asks = known({ caller: options.caller, priority: options.priority })
  }

  /** The same for a program without Effect; nothing where the router of an Effect program is shared. */
  get outside(): Router.Outside | undefined {
    return this.behind.outside
  }

  /** The router, for whoever wants to see how everything stands. */
  get spillway(): Router.Service {
    return this.behind.service
  }

  /** Ends what runs, and the router, unless others share it. */
  close(): Promise<void> {
    return this.behind.close()
  }

  /** The same as `close`, at the end of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // LangChain asks for it before any field of ours is there.
  override _llmType(): string {
    return "spillway"
  }

  /** What tells its answers apart in a cache. */
  override _identifyingParams(): Record<string, unknown> {
    const { behind, structured } = this
    const targets = behind.named.map(({ id, model }) => ({ ...identityOf(model), id }))
    const shape = structured?.identity
    return { route: this.model, ...behind.identity, ...(targets.length > 0 && { targets }), ...known({ shape }) }
  }

  /** What all of its targets can. */
  override get profile(): ModelProfile {
    return profileOf(this.behind.named.map(({ model }) => model))
  }

  /** A trace is told of the first target before anybody knows who will answer. */
  override getLsParams(options: this["ParsedCallOptions"]): LangSmithParams {
    const [first] = this.behind.named
    const told = first === undefined ? undefined : insideOf(withoutBindings(first.model).model).getLsParams?.(options)
    return { ...super.getLsParams(options), ls_model_name: this.model, ...known(told ?? {}) }
  }

  /** Binds tools, as they are: each target makes of them what it reads. */
  override bindTools(
    tools: Array<BindToolsInput>,
    more: Partial<CallOptions> = {}
  ): Runnable<BaseLanguageModelInput, AIMessageChunk, CallOptions> {
    for (const { id, model } of this.behind.named) {
      const inside = insideOf(withoutBindings(model).model)
      if (typeof inside.bindTools !== "function") {
        throw refusal({ _tag: "Unsupported", capability: "tools, since it has no bindTools", target: id })
      }
    }
    return this.withConfig({ tools, ...more })
  }

  /** An answer in a shape, which each target is asked for in its own way. */
  override withStructuredOutput<Output extends Shape = Shape>(
    schema: Schema<Output>,
    config?: StructuredOutputMethodOptions
  ): Runnable<BaseLanguageModelInput, Output>
  override withStructuredOutput<Output extends Shape = Shape>(
    schema: Schema<Output>,
    config?: StructuredOutputMethodOptions<true>
  ): Runnable<BaseLanguageModelInput, { raw: BaseMessage; parsed: Output }>
  override withStructuredOutput(
    schema: Schema<Shape>,
    config: StructuredOutputMethodOptions<boolean> = {}
  ): Runnable<BaseLanguageModelInput, Shape> {
    const structured = new Structured(schema, { ...config })
    const [traced] = this.behind.named.map(({ model }) => structured.tracedBy(model))
    const copy: ChatSpillway = Object.assign(Object.create(this), { structured })
    const model = copy.withConfig(known({ ls_structured_output_format: traced }) as Partial<CallOptions>)
    const name = config.includeRaw === true ? "StructuredOutputRunnable" : "ChatSpillwayStructuredOutput"
    return assembleStructuredOutputPipeline(model, structured.parser, config.includeRaw, name)
  }

  /** Asks all of them: who is refused by a line or a limit of ours waits for his turn. */
  override batch(
    inputs: Array<BaseLanguageModelInput>,
    options?: Partial<CallOptions> | Array<Partial<CallOptions>>,
    batchOptions?: RunnableBatchOptions & { returnExceptions?: false }
  ): Promise<Array<AIMessageChunk>>
  override batch(
    inputs: Array<BaseLanguageModelInput>,
    options?: Partial<CallOptions> | Array<Partial<CallOptions>>,
    batchOptions?: RunnableBatchOptions
  ): Promise<Array<AIMessageChunk | Error>>
  override batch(
    inputs: Array<BaseLanguageModelInput>,
    options?: Partial<CallOptions> | Array<Partial<CallOptions>>,
    batchOptions?: RunnableBatchOptions
  ): Promise<Array<AIMessageChunk | Error>> {
    const copy: ChatSpillway = Object.assign(Object.create(this), { feed: this.feed ?? new Feed(() => this.slots) })
    return super.batch.call(copy, inputs, options, batchOptions)
  }

  /** How many calls its own targets run at once, as far as that is known. */
  private get slots(): number {
    const told = Effect.runSyncExit(this.behind.service.explain(this.model))
    const targets = Exit.isSuccess(told) ? (told.value.tiers[0]?.targets ?? []) : []
    return targets.reduce((sum, { slots }) => sum + slots, 0)
  }

  override async _generate(
    messages: Array<BaseMessage>,
    options: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun
  ): Promise<ChatResult> {
    const whole = await this.asking(messages, options, runManager).whole(this.feed)
    const { generationInfo, message, text } = whole
    const { additional_kwargs, content, id, invalid_tool_calls, name, response_metadata, tool_calls, usage_metadata } =
      message as AIMessageChunk
    const fields = { content, additional_kwargs, response_metadata, tool_calls, invalid_tool_calls, usage_metadata }
    return {
      generations: [
        { text, message: new AIMessage({ ...fields, ...known({ id, name }) }), ...known({ generationInfo }) }
      ],
      // Models of OpenAI tell it so where they answer in one piece, and no others do.
      ...(usage_metadata !== undefined &&
        response_metadata["model_provider"] === "openai" && { llmOutput: { tokenUsage: tokensIn(usage_metadata) } })
    }
  }

  override _streamResponseChunks(
    messages: Array<BaseMessage>,
    options: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun
  ): AsyncGenerator<ChatGenerationChunk> {
    return this.asking(messages, options, runManager).chunks(this.feed)
  }

  // LangChain makes events of chunks by their numbers: it takes a call for a piece of the words before it, and drops
  // what was thought.
  override async *_streamChatModelEvents(
    messages: Array<BaseMessage>,
    options: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun
  ): AsyncGenerator<ChatModelStreamEvent> {
    let spillway: unknown
    const chunks = blocksOf(this._streamResponseChunks(messages, options, runManager), (metadata) => {
      spillway = metadata["spillway"] ?? spillway
    })
    const copy: ChatSpillway = Object.assign(Object.create(this), { _streamResponseChunks: () => chunks })
    for await (const event of super._streamChatModelEvents.call(copy, messages, options)) {
      yield event.event === "message-finish"
        ? { ...event, responseMetadata: { ...event.responseMetadata, spillway } }
        : event
    }
  }

  private asking(
    messages: Array<BaseMessage>,
    options: this["ParsedCallOptions"],
    run: CallbackManagerForLLMRun | undefined
  ): Answering {
    const { asks, behind, structured } = this
    const { [chosen]: config, maxRetries, ...given } = options as Chosen & Fields
    const configurable = fieldsOf(config)
    const { about, rest } = askingOf({ caller: configurable?.["caller"], ...given })
    const route = numberOf(maxRetries) === 0 ? behind.routeOnce : behind.route
    return new Answering(behind.service, route, {
      asked: { messages, options: rest, configurable, structured, model: behind.model },
      about: { ...asks, ...about },
      signal: (options as { readonly signal?: AbortSignal }).signal,
      deadline: behind.deadline,
      closing: behind.closing,
      run
    })
  }

  /** What stands in a configuration is taken out before a model is asked; who calls may stand there. */
  protected override _separateRunnableConfigFromCallOptionsCompat(
    options?: Partial<CallOptions>
  ): [RunnableConfig, this["ParsedCallOptions"]] {
    const [config, callOptions] = super._separateRunnableConfigFromCallOptionsCompat(options)
    return [config, Object.assign(callOptions, { [chosen]: config.configurable })]
  }
}

/** What was used, as handlers read it that know no messages. */
const tokensIn = ({ input_tokens, output_tokens, total_tokens }: UsageMetadata): Fields => ({
  promptTokens: input_tokens,
  completionTokens: output_tokens,
  totalTokens: total_tokens
})

/** Who asks with a call and how, and what else it says; or throws what of that cannot be. */
const askingOf = ({ caller, deadline, priority, ...rest }: Fields): { about: Call["about"]; rest: Fields } => {
  const { maxTokens } = rest
  check("caller", caller, textOf(caller) !== undefined, "the name of who asks")
  check("priority", priority, ["low", "normal", "high"].includes(priority as string), "low, normal or high")
  check("deadline", deadline, Result.isSuccess(Units.span.parse(deadline)), "a duration, as 30s")
  check(
    "maxTokens",
    maxTokens,
    Number.isSafeInteger(maxTokens) && (maxTokens as number) > 0,
    "a whole number from 1 on"
  )
  return { about: known({ caller, deadline, priority }) as Call["about"], rest }
}

const check = (field: string, read: unknown, isRight: boolean, expected: string): void => {
  if (!isRight && read !== undefined) throw refusal({ _tag: "BadRequest", field, read: Units.shown(read), expected })
}

/** Where a call keeps its configuration: no text, so that no cache and no trace takes it for an option. */
const chosen: unique symbol = Symbol("spillway/langchain/configurable")

interface Chosen {
  readonly [chosen]?: unknown
}
