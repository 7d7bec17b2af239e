/** A chat model of LangChain that says what a test wants, chunk by chunk, and remembers how it was asked. */
import { BaseChatModel } from "@langchain/core/language_models/chat_models"
import { AIMessageChunk, type BaseMessage } from "@langchain/core/messages"
import { ChatGenerationChunk, type ChatResult } from "@langchain/core/outputs"

type Fields = Readonly<Record<string, unknown>>
type Script = (asked: number, options: Fields) => AsyncIterable<ChatGenerationChunk>

/** The model. */
export class Scripted extends BaseChatModel {
  readonly model: string
  readonly options: Array<Fields> = []
  private readonly script: Script

  constructor(script: Script, name = "m") {
    super({})
    this.script = script
    this.model = name
  }

  override _llmType(): string {
    return "scripted"
  }

  override bindTools(tools: Array<unknown>, more: Fields = {}) {
    return this.withConfig({ tools, ...more } as never)
  }

  override _generate(): Promise<ChatResult> {
    return Promise.reject(new Error("It only streams"))
  }

  override async *_streamResponseChunks(_messages: Array<BaseMessage>, options: this["ParsedCallOptions"]) {
    this.options.push(options)
    yield* this.script(this.options.length - 1, options)
  }
}

/** A chunk of an answer. */
export const chunk = (content: string | ReadonlyArray<Fields>, more: Fields = {}): ChatGenerationChunk =>
  new ChatGenerationChunk({
    text: typeof content === "string" ? content : "",
    message: new AIMessageChunk({ content, ...more } as never)
  })

/** A model that always says that. */
export const says = (text: string, name?: string): Scripted =>
  new Scripted(async function* () {
    yield chunk(text)
  }, name)

/** A model that always fails with that. */
export const throws = (thrown: unknown, name?: string): Scripted =>
  // eslint-disable-next-line require-yield -- it never comes to that.
  new Scripted(async function* () {
    throw thrown
  }, name)
