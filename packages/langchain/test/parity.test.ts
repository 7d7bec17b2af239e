/**
 * The cases of LangChain's own standard tests, by their names: a guarded model answers each as the bare one does, also
 * where its first target always fails.
 *
 * That suite is not published. What it asserts is asserted here of the bare model, and of the others that they come to
 * the same.
 */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { BaseChatModel } from "@langchain/core/language_models/chat_models"
import { InMemoryCache } from "@langchain/core/caches"
import { AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages"
import { RunnableLambda } from "@langchain/core/runnables"
import { tool } from "@langchain/core/tools"
import { concat } from "@langchain/core/utils/stream"
import { ChatOllama, type ChatOllamaInput } from "@langchain/ollama"
import { z } from "zod"
import { failureOf, gathered, guarded, name, ollama, usageOf } from "./serving.ts"

type Fields = Readonly<Record<string, unknown>>
type Made = (more?: Partial<ChatOllamaInput> & { readonly cache?: InMemoryCache }) => BaseChatModel

const subjects: Record<string, Made> = {}

beforeAll(async () => {
  const [good, bad] = await Promise.all([ollama(), ollama({ faults: ["internal"] })])
  const bare: (url: string) => (more?: Partial<ChatOllamaInput>) => ChatOllama =
    (baseUrl) =>
    (more = {}) =>
      new ChatOllama({ baseUrl, model: name, ...more })
  subjects["ChatOllama alone"] = bare(good.url)
  subjects["ChatSpillway over one that is well"] = ({ cache, ...more } = {}) =>
    guarded({ targets: [bare(good.url)(more)], ...(cache && { cache }) })
  subjects["ChatSpillway whose first always answers 500"] = ({ cache, ...more } = {}) =>
    guarded({ targets: [bare(bad.url)(more)], overflow: [bare(good.url)(more)], ...(cache && { cache }) })
})

/** What differs from one answer to the next, and who has given it. */
const passing = new Set(
  "created_at total_duration load_duration prompt_eval_duration eval_duration prompt_eval_cached_count spillway".split(
    " "
  )
)

const toldBy = (said: unknown): Fields => {
  const message = said as AIMessageChunk
  const metadata = Object.entries(message.response_metadata).filter(([key]) => !passing.has(key))
  return {
    type: message.getType(),
    content: message.content,
    thought: message.additional_kwargs["reasoning_content"],
    calls: (message.tool_calls ?? []).map(({ args, id, name: called }) => ({
      args,
      called,
      isNamed: id !== undefined
    })),
    usage: usageOf(message),
    metadata: Object.fromEntries(metadata)
  }
}

const whole = (chunks: ReadonlyArray<AIMessageChunk>): Fields =>
  toldBy(chunks.reduce((one, other) => concat(one, other)))

const spoken = ({ content, usage }: Fields): void => {
  assert.isString(content)
  assert.isAbove((content as string).length, 0)
  const { input_tokens: input, output_tokens: output, total_tokens: total } = usage as Record<string, number>
  assert.deepStrictEqual([input! > 0, output! > 0, total], [true, true, input! + output!])
}

const adds = tool(({ a, b }) => String(a + b), {
  name: "math_addition",
  description: "Adds two numbers.",
  schema: z.object({ a: z.number(), b: z.number() })
})
const weather = tool(() => "rain", {
  name: "get_current_weather",
  description: "The weather of a place.",
  schema: z.object({ location: z.string() })
})
const inOpenAi = (named: string, properties: Fields) => ({
  type: "function" as const,
  function: { name: named, description: "A tool.", parameters: { type: "object", properties } }
})
const addition = 'Add them. [[sim tool=math_addition arguments={"a":1,"b":2}]]'
const asksWeather = 'The weather? [[sim tool=get_current_weather arguments={"location":"Oslo"}]]'
const called = { type: "tool_call" as const, id: "123", name: "math_addition", args: { a: 1, b: 2 } }
const person = z.object({ name: z.string(), isTall: z.boolean() })

/** What each case comes to; what it throws is what the bare model throws too. */
const cases: Readonly<Record<string, (make: Made) => Promise<unknown>>> = {
  testChatModelInit: async (make) => make() instanceof BaseChatModel,
  testChatModelInitApiKey: async (make) => make() instanceof BaseChatModel,
  testChatModelInitStreaming: async (make) => make({ streaming: true }) instanceof BaseChatModel,
  testChatModelWithBindTools: async (make) => typeof make().bindTools?.([weather]).invoke,
  testChatModelWithStructuredOutput: async (make) => typeof make().withStructuredOutput(person).invoke,
  testStandardParams: async (make) => {
    const model = make({ temperature: 0, numPredict: 100 })
    const params = model.getLsParams({ stop: [] })
    assert.deepStrictEqual(
      Object.keys(params).toSorted(),
      ["ls_max_tokens", "ls_model_name", "ls_model_type", "ls_provider", "ls_stop", "ls_temperature"].toSorted()
    )
    return params
  },
  testInvokeThrowsWithAbortedSignal: async (make) =>
    (await failureOf(make().invoke("Hello", { signal: AbortSignal.abort() }))).name,
  testStreamReturnsEarlyWithAbortedSignal: async (make) => {
    const controller = new AbortController()
    let count = 0
    const stream = await make().stream("Hello [[sim tokens=50 token_ms=5]]", { signal: controller.signal })
    const failure = await failureOf(
      (async () => {
        for await (const _ of stream) if (++count === 1) controller.abort()
      })()
    )
    return [count, failure.name]
  },
  testInvoke: async (make) => {
    const told = toldBy(await make().invoke("Hello"))
    spoken(told)
    return told
  },
  testStream: async (make) => {
    const chunks = await gathered(make().stream("Hello"))
    assert.isAbove(chunks.length, 3)
    spoken(whole(chunks))
    // What says nothing may come in one chunk or in two.
    return [chunks.map(({ content }) => content).filter((words) => words !== ""), whole(chunks)]
  },
  testBatch: async (make) => {
    const told = (await make().batch(["Hello", "Hey"])).map(toldBy)
    for (const each of told) spoken(each)
    return told
  },
  testConversation: async (make) =>
    toldBy(await make().invoke([new HumanMessage("hello"), new AIMessage("hello"), new HumanMessage("how are you")])),
  testUsageMetadata: async (make) => {
    const told = toldBy(await make().invoke("Hello"))
    spoken(told)
    return told["usage"]
  },
  testUsageMetadataStreaming: async (make) => {
    const chunks = await gathered(make().stream("Hello"))
    const counted = chunks.filter((chunk) => chunk.usage_metadata !== undefined)
    assert.lengthOf(counted, 1)
    return whole(chunks)["usage"]
  },
  testToolMessageHistoriesStringContent: async (make) =>
    toldBy(
      await make().bindTools!([adds]).invoke([
        new HumanMessage("What is 1 + 2"),
        new AIMessage({ content: "", tool_calls: [called] }),
        new ToolMessage({ name: "math_addition", tool_call_id: "123", content: "3" })
      ])
    ),
  testToolMessageHistoriesListContent: async (make) =>
    toldBy(
      await make().bindTools!([adds]).invoke([
        new HumanMessage("What is 1 + 2"),
        new AIMessage({
          content: [
            { type: "text", text: "some content" },
            { type: "tool_use", id: "123", name: "math_addition", input: { a: 1, b: 2 } }
          ],
          tool_calls: [called]
        }),
        new ToolMessage({ name: "math_addition", tool_call_id: "123", content: "3" })
      ])
    ),
  testStructuredFewShotExamples: async (make) =>
    toldBy(
      await make().bindTools!([adds]).invoke([
        new HumanMessage("What is 1 + 2"),
        new AIMessage({ content: "", tool_calls: [called] }),
        new ToolMessage({ name: "math_addition", tool_call_id: "123", content: "3" }),
        new AIMessage("It is 3."),
        new HumanMessage("What is 3 + 4")
      ])
    ),
  testWithStructuredOutput: async (make) => {
    const answer = await make().withStructuredOutput(person).invoke("Who?")
    assert.deepStrictEqual([typeof answer.name, typeof answer.isTall], ["string", "boolean"])
    return answer
  },
  testWithStructuredOutputIncludeRaw: async (make) => {
    const { parsed, raw } = await make().withStructuredOutput(person, { includeRaw: true }).invoke("Who?")
    return [parsed, toldBy(raw)]
  },
  testBindToolsWithOpenAIFormattedTools: async (make) => {
    const offered = inOpenAi("math_addition", { a: { type: "number" }, b: { type: "number" } })
    const told = toldBy(await make().bindTools!([offered]).invoke(addition))
    assert.deepStrictEqual(told["calls"], [{ args: { a: 1, b: 2 }, called: "math_addition", isNamed: true }])
    return told
  },
  testBindToolsWithRunnableToolLike: async (make) => {
    const runnable = RunnableLambda.from(({ a, b }: { a: number; b: number }) => String(a + b)).asTool({
      name: "math_addition",
      description: "Adds two numbers.",
      schema: z.object({ a: z.number(), b: z.number() })
    })
    return toldBy(await make().bindTools!([runnable]).invoke(addition))
  },
  testCacheComplexMessageTypes: async (make) => {
    const model = make({ cache: new InMemoryCache() })
    const asked = [new HumanMessage({ content: [{ type: "text", text: "Hello there!" }] })]
    const first = await model.invoke(asked)
    const second = await model.invoke(asked)
    assert.deepStrictEqual(second.content, first.content)
    assert.strictEqual(usageOf(second)?.["total_tokens"], 0)
    return first.content
  },
  testStreamTokensWithToolCalls: async (make) => whole(await gathered(make().bindTools!([adds]).stream(addition))),
  testModelCanUseToolUseAIMessage: async (make) => {
    const asked = [new SystemMessage("Be short."), new HumanMessage(asksWeather)]
    const first = await make().bindTools!([weather]).invoke(asked)
    const result = new ToolMessage({ content: "rain", tool_call_id: first.tool_calls![0]!.id!, name: "weather" })
    return toldBy(await make().bindTools!([weather]).invoke([new HumanMessage("The weather?"), first, result]))
  },
  testModelCanUseToolUseAIMessageWithStreaming: async (make) => {
    const chunks = await gathered(make().bindTools!([weather]).stream(asksWeather))
    const first = chunks.reduce((one, other) => concat(one, other))
    const result = new ToolMessage({ content: "rain", tool_call_id: first.tool_calls![0]!.id!, name: "weather" })
    const asked = [new HumanMessage("The weather?"), first, result]
    return whole(await gathered(make().bindTools!([weather]).stream(asked)))
  },
  testInvokeMoreComplexTools: async (make) => {
    const properties = { urls: { type: "array", items: { type: "object" } }, depth: { type: "integer" } }
    return toldBy(
      await make().bindTools!([inOpenAi("crawl", properties)]).invoke(
        'Crawl. [[sim tool=crawl arguments={"urls":[{"url":"a"}],"depth":2}]]'.replace('[{"url":"a"}]', "{}")
      )
    )
  },
  testParallelToolCalling: async (make) => toldBy(await make().bindTools!([adds, weather]).invoke(asksWeather)),
  testModelCanAcceptStructuredToolParamsSchema: async (make) => {
    const offered = { name: "math_addition", description: "Adds.", schema: z.object({ a: z.number(), b: z.number() }) }
    return toldBy(await make().bindTools!([offered]).invoke(addition))
  },
  testStreamTools: async (make) => {
    const chunks = await gathered(make().bindTools!([weather]).stream(asksWeather))
    const told = whole(chunks)
    assert.lengthOf(told["calls"] as ReadonlyArray<unknown>, 1)
    return told
  },
  testStandardTextContentBlocks: async (make) =>
    toldBy(await make().invoke([new HumanMessage({ content: [{ type: "text", text: "Hello" }] })])),
  testStandardImageContentBlocks: async (make) => {
    const block = { type: "image", mimeType: "image/png", data: "iVBORw0KGgo=" }
    return (await failureOf(make().invoke([new HumanMessage({ content: [block] })]))) instanceof Error
  },
  testStandardAudioContentBlocks: async (make) => {
    const block = { type: "audio", mimeType: "audio/wav", data: "UklGRg==" }
    return (await failureOf(make().invoke([new HumanMessage({ content: [block] })]))) instanceof Error
  },
  testStandardFileContentBlocks: async (make) => {
    const block = { type: "file", mimeType: "application/pdf", data: "JVBERi0=" }
    return (await failureOf(make().invoke([new HumanMessage({ content: [block] })]))) instanceof Error
  }
}

describe("the standard tests of LangChain", () => {
  const bare: Record<string, unknown> = {}
  beforeAll(async () => {
    for (const [title, run] of Object.entries(cases)) bare[title] = await run(subjects["ChatOllama alone"]!)
  })
  for (const [title, run] of Object.entries(cases)) {
    it(`${title}: ChatSpillway over one that is well comes to what ChatOllama does`, async () => {
      assert.deepStrictEqual(await run(subjects["ChatSpillway over one that is well"]!), bare[title])
    })
    it(`${title}: so does ChatSpillway whose first always answers 500`, async () => {
      assert.deepStrictEqual(await run(subjects["ChatSpillway whose first always answers 500"]!), bare[title])
    })
  }
})
