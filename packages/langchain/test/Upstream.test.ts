/** A model of LangChain behind the other doors of a router: what it is asked there, and what comes out. */
import { assert, describe, it } from "@effect/vitest"
import { AIMessage, type BaseMessage, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages"
import { fakeModel } from "@langchain/core/testing"
import { createSpillway, Part, Question, type Router, type SpillwayError } from "@spillway/core"
import { upstreamOf } from "@spillway/langchain"
import { Duration, Redacted } from "effect"
import { questionOf } from "../src/Asked.ts"
import { messagesOf, turnsOf } from "../src/Messages.ts"
import { chunk, Scripted } from "./scripted.ts"
import { chatOllama, done, failureOf, guarded, line, saying } from "./serving.ts"

const over = (model: Parameters<typeof upstreamOf>[0], more: Partial<Router.Route> = {}) =>
  createSpillway({ upstreams: { gpu: upstreamOf(model) }, routes: { chat: { targets: ["gpu/a"], ...more } } })

/** A server that keeps what it is asked. */
const keeping = async () => {
  const bodies: Array<Record<string, unknown>> = []
  const { url } = await saying((response, _asked, _request, body) => {
    bodies.push(JSON.parse(body))
    response.end(line("243 ") + line("metres") + done(7, 2))
  })
  return { url, bodies }
}

describe("a model of LangChain, asked by another door", () => {
  it("answers what a program asks, with its usage and its end", async () => {
    const { url } = await keeping()
    await using spillway = over(chatOllama(url))
    const { summary, text } = await spillway.ask({ model: "chat", prompt: "How high?" })
    assert.strictEqual(text, "243 metres")
    assert.deepInclude(summary, { finish: "stop", usage: { input: 7, output: 2 } })
  })

  it("is asked the whole question, with its bound and how it is kept", async () => {
    const { bodies, url } = await keeping()
    await using spillway = over(chatOllama(url), { context: 2_048, keepLoaded: "30m" })
    const parameters = { type: "object", properties: { of: { type: "string" } } }
    const question = Question.make(
      "chat",
      {
        kind: "chat",
        messages: [
          { role: "system", text: "Be short." },
          { role: "user", text: "What?", images: [{ base64: "iVBORw0KGgo=" }] },
          { role: "assistant", text: "", toolCalls: [{ id: "1", name: "height", arguments: '{"of":"dam"}' }] },
          { role: "tool", text: "243", toolCallId: "1" }
        ],
        tools: [{ name: "height", description: "How high.", parameters }],
        format: { type: "object" },
        stop: ["\n"]
      },
      { maxTokens: 9 }
    )
    await spillway.ask(question)
    const [body] = bodies
    assert.deepStrictEqual(body!["options"], { num_predict: 9, num_ctx: 2_048, stop: ["\n"] })
    assert.deepStrictEqual([body!["format"], body!["keep_alive"]], [{ type: "object" }, 1_800])
    assert.deepStrictEqual(body!["tools"], [
      { type: "function", function: { name: "height", description: "How high.", parameters } }
    ])
    const roles = (body!["messages"] as ReadonlyArray<{ role: string }>).map(({ role }) => role)
    assert.deepStrictEqual(roles, ["system", "user", "user", "assistant", "tool"])
  })

  it("says what it cannot carry", async () => {
    await using spillway = over(fakeModel())
    const vectors = Question.make("chat", { kind: "embed", inputs: ["a"] })
    const suffix = Question.make("chat", { kind: "generate", prompt: "a", suffix: "b" })
    for (const question of [vectors, suffix]) {
      const failure = (await failureOf(spillway.ask(question))) as unknown as SpillwayError
      assert.strictEqual(failure.reason._tag, "Unsupported")
    }
  })

  it("is not asked what was called with no object of JSON: that is the caller's mistake", async () => {
    const { bodies, url } = await keeping()
    await using spillway = over(chatOllama(url))
    const toolCalls = [{ name: "weather", arguments: '{"city":' }]
    const messages = [{ role: "assistant", text: "", toolCalls }] as const
    const failure = await failureOf(spillway.ask(Question.chat("chat", messages)))
    assert.deepInclude((failure as unknown as SpillwayError).reason, { _tag: "BadRequest", field: "A tool call" })
    assert.lengthOf(bodies, 0)
  })

  it("completes a prompt", async () => {
    const { bodies, url } = await keeping()
    await using spillway = over(chatOllama(url))
    await spillway.ask(Question.make("chat", { kind: "generate", prompt: "Once" }))
    assert.deepStrictEqual(bodies[0]!["messages"], [{ role: "user", content: "Once" }])
  })

  it("calls tools, each by itself", async () => {
    const calls = ["x", "y"].map((id) => ({ id, name: "add", args: { id }, type: "tool_call" as const }))
    await using spillway = over(fakeModel().respond(new AIMessage({ content: "", tool_calls: calls })))
    const { parts, summary } = await spillway.ask({ model: "chat", prompt: "Add." })
    assert.deepStrictEqual(
      Part.toolCallsOf(parts),
      ["x", "y"].map((id) => ({ id, name: "add", arguments: JSON.stringify({ id }) }))
    )
    assert.strictEqual(summary.finish, "tool-calls")
  })

  it("teaches the router how fast it is", async () => {
    const { url } = await saying((response) => {
      const timed = { total_duration: 3e9, load_duration: 0, prompt_eval_duration: 1e9, eval_duration: 2e9 }
      const last = { done: true, done_reason: "stop", prompt_eval_count: 100, eval_count: 100, ...timed }
      response.end(line("yes") + line("", last))
    })
    await using spillway = over(chatOllama(url))
    for (let count = 0; count < 3; count++) await spillway.ask({ model: "chat", prompt: "How high is the dam?" })
    const { tiers } = await spillway.explain({ model: "chat", prompt: "How high is the dam?" })
    const { expects } = tiers[0]!.targets[0]!
    assert.isAbove(Duration.toMillis(expects!.endsIn.likely), 500)
  })
})

describe("a conversation of LangChain", () => {
  const messages: ReadonlyArray<BaseMessage> = [
    new SystemMessage("Be short."),
    new HumanMessage({
      content: [
        { type: "text", text: "What is " },
        { type: "text", text: "this?" },
        { type: "image_url", image_url: { url: "https://example.com/dam.png" } },
        { type: "image", source_type: "base64", mime_type: "image/png", data: "iVBORw0KGgo=" }
      ]
    }),
    new AIMessage({
      content: [
        { type: "thinking", thinking: "hm", signature: "signed" },
        { type: "text", text: "A dam." }
      ],
      tool_calls: [{ id: "1", name: "height", args: { of: "dam" } }]
    }),
    new ToolMessage({ content: "243", tool_call_id: "1" })
  ]

  it("is one of the core: words, pictures, thoughts, calls and what they were answered", () => {
    assert.deepStrictEqual(turnsOf(messages), [
      { role: "system", text: "Be short." },
      {
        role: "user",
        text: "What is this?",
        images: [{ url: "https://example.com/dam.png" }, { base64: "iVBORw0KGgo=" }]
      },
      {
        role: "assistant",
        text: "A dam.",
        thinking: [{ text: "hm", signature: "signed" }],
        toolCalls: [{ id: "1", name: "height", arguments: '{"of":"dam"}' }]
      },
      { role: "tool", text: "243", toolCallId: "1", toolName: "height" }
    ])
  })

  it("comes back as it was", () => {
    // A picture comes back as an address that holds it, and a thought without its seal.
    const turns = turnsOf(messagesOf(turnsOf(messages)))
    assert.deepStrictEqual(turnsOf(messagesOf(turns)), turns)
    assert.deepStrictEqual([turns[1]!.images?.length, turns[2]!.thinking, turns[3]!.toolName], [2, "hm", "height"])
  })

  it("holds pictures of any size, and says of which kind they are", () => {
    const large = new Uint8Array(2_000_000).fill(7)
    const webp = Uint8Array.from("RIFF....WEBP", (letter) => letter.charCodeAt(0))
    const [message] = messagesOf([{ role: "user", text: "", images: [{ bytes: large }, { bytes: webp }] }])
    const [first, second] = message!.content as unknown as ReadonlyArray<{
      readonly image_url: { readonly url: string }
    }>
    assert.strictEqual(first!.image_url.url, `data:image/png;base64,${Buffer.from(large).toString("base64")}`)
    assert.match(second!.image_url.url, /^data:image\/webp;base64,/)
  })

  it("holds a sound or a file in the place of a picture that nobody can open: it is refused, not left out", () => {
    const [turn] = turnsOf([
      new HumanMessage({ content: [{ type: "audio", data: "UklGRg==", mimeType: "audio/wav" }] })
    ])
    assert.deepStrictEqual(turn!.images, [{ url: "data:,audio" }])
  })

  it("is a question with its tools, choice, format, stop and bound", () => {
    const tool = { type: "function", function: { name: "height", description: "How high.", parameters: { a: 1 } } }
    const options = {
      tools: [tool],
      tool_choice: "any",
      stop: ["x"],
      max_tokens: 7,
      response_format: { type: "json_object" }
    }
    const { content, settings, tools } = questionOf("chat", { messages, options })
    assert.deepStrictEqual([settings, tools], [{ maxTokens: 7 }, 1])
    assert.deepInclude(Redacted.value(content) as object, {
      tools: [{ name: "height", description: "How high.", parameters: { a: 1 } }],
      toolChoice: "required",
      format: "json",
      stop: ["x"]
    })
  })
})

describe("a model that cannot be copied", () => {
  /** Counts in a private field, and says how it is bounded. */
  class Private extends Scripted {
    #count = 0
    readonly maxTokens = 100

    override async *_streamResponseChunks(
      _messages: never,
      { maxTokens }: this["ParsedCallOptions"] & { maxTokens?: number }
    ) {
      yield chunk(`${++this.#count} of ${maxTokens ?? this.maxTokens}`)
    }
  }

  it("since it has private fields is asked itself, and told with the call how it is bounded", async () => {
    const model = new Private(() => {
      throw new Error("It says what it says")
    })
    const chat = guarded({ targets: [model], maxTokens: 10, retry: { attempts: 1 } })
    assert.deepStrictEqual([(await chat.invoke("q")).text, (await chat.invoke("q")).text], ["1 of 10", "2 of 10"])
    assert.strictEqual(model.maxTokens, 100)
  })

  it("since its bound can only be read is bounded all the same", async () => {
    class Reading extends Scripted {
      get maxTokens() {
        return 100
      }

      override async *_streamResponseChunks() {
        yield chunk(`of ${this.maxTokens}`)
      }
    }
    const model = new Reading(() => {
      throw new Error("It says what it says")
    })
    assert.strictEqual((await guarded({ targets: [model], maxTokens: 10 }).invoke("q")).text, "of 10")
  })
})
