/** Agents over a guarded model: tools, tokens and events come as from a bare one, whichever target answers. */
import { assert, describe, it } from "@effect/vitest"
import { type BaseMessage, HumanMessage } from "@langchain/core/messages"
import { tool } from "@langchain/core/tools"
import { MessagesAnnotation, START, StateGraph } from "@langchain/langgraph"
import type { Record as Records } from "@spillway/core"
import { Words } from "@spillway/sim"
import { Effect } from "effect"
import { createAgent, initChatModel, modelRetryMiddleware, toolStrategy } from "langchain"
import { z } from "zod"
import {
  chatOllama,
  withMiddleware,
  done,
  failureOf,
  gathered,
  guarded,
  hosted,
  line,
  ollama,
  pass,
  type Saying,
  saying,
  usageOf
} from "./serving.ts"
import { chunk, says, Scripted } from "./scripted.ts"

const weather = tool(({ city }) => `rain in ${city}`, {
  name: "weather",
  description: "The weather of a city",
  schema: z.object({ city: z.string() })
})

interface Body {
  readonly messages: ReadonlyArray<{ readonly role: string; readonly content: string }>
  readonly tools?: ReadonlyArray<unknown>
}

/** A server that calls the tool for a city, and says what it has heard of it; some of its answers it breaks off. */
const forecaster = (breaks: (asked: number) => "refuses" | "dies" | "well" = () => "well"): Promise<Saying> =>
  saying((response, asked, _request, written) => {
    const { messages, tools = [] } = JSON.parse(written) as Body
    const fate = breaks(asked)
    if (fate === "refuses") return void response.writeHead(503).end("{}")
    response.writeHead(200, { "content-type": "application/x-ndjson" })
    if (fate === "dies") return void response.write(line(""), () => response.destroy())
    const last = messages.at(-1)!
    if (last.role === "tool") {
      const words = `It is ${last.content}.`.split(/(?<= )/)
      return void response.end(words.map((word) => line(word)).join("") + done(10, words.length))
    }
    assert.lengthOf(tools, 1)
    const call = { function: { name: "weather", arguments: { city: last.content } } }
    const calling = line("", { message: { role: "assistant", content: "", tool_calls: [call] } })
    return void response.end(calling + done(5, 3))
  })

const asked = (city: string) => ({ messages: [new HumanMessage(city)] })

const textsOf = (messages: ReadonlyArray<BaseMessage>): ReadonlyArray<string> => messages.map(({ text }) => text)

describe("an agent", () => {
  it("calls its tool and answers, though its first target always fails", async () => {
    const [bad, good] = await Promise.all([forecaster(() => "refuses"), forecaster()])
    const model = guarded({ targets: [chatOllama(bad.url), chatOllama(good.url)] })
    const { messages } = await createAgent({ model, tools: [weather] }).invoke(asked("Oslo"))
    assert.deepStrictEqual(textsOf(messages), ["Oslo", "", "rain in Oslo", "It is rain in Oslo."])
  })

  it("streams every token once, and no token of a target that failed", async () => {
    const [bad, good] = await Promise.all([forecaster(() => "dies"), forecaster()])
    const agent = createAgent({
      model: guarded({ targets: [chatOllama(bad.url), chatOllama(good.url)] }),
      tools: [weather]
    })
    const said = new Map<string, string>()
    for await (const [message] of await agent.stream(asked("Oslo"), { streamMode: "messages" })) {
      if (message.getType() === "ai") said.set(message.id!, (said.get(message.id!) ?? "") + message.text)
    }
    assert.deepStrictEqual([...said.values()], ["", "It is rain in Oslo."])
  })

  it("tells the usage of each call to whoever listens to its tokens", async () => {
    const agent = createAgent({ model: guarded({ targets: [chatOllama((await forecaster()).url)] }), tools: [weather] })
    let tokens = 0
    for await (const [message] of await agent.stream(asked("Oslo"), { streamMode: "messages" })) {
      tokens += Number(usageOf(message)?.["total_tokens"] ?? 0)
    }
    assert.strictEqual(tokens, 8 + 15)
  })

  it("streams events of the second kind: one start and one end for each call", async () => {
    const [bad, good] = await Promise.all([forecaster(() => "refuses"), forecaster()])
    const agent = createAgent({
      model: guarded({ targets: [chatOllama(bad.url), chatOllama(good.url)] }),
      tools: [weather]
    })
    const kinds: Record<string, number> = {}
    for await (const { event } of agent.streamEvents(asked("Oslo"), { version: "v2" })) {
      kinds[event] = (kinds[event] ?? 0) + 1
    }
    assert.deepStrictEqual([kinds["on_chat_model_start"], kinds["on_chat_model_end"]], [2, 2])
  })

  it("answers in a shape by a tool", async () => {
    const city = toolStrategy(z.object({ city: z.string() }))
    const { url } = await saying((response, _asked, _request, written) => {
      const [offered] = (JSON.parse(written) as { tools: ReadonlyArray<{ function: { name: string } }> }).tools
      const call = { function: { name: offered!.function.name, arguments: { city: "Oslo" } } }
      response.end(line("", { message: { role: "assistant", content: "", tool_calls: [call] } }) + done())
    })
    const agent = createAgent({ model: guarded({ targets: [chatOllama(url)] }), tools: [], responseFormat: city })
    const { structuredResponse } = await agent.invoke(asked("Where?"))
    assert.deepStrictEqual(structuredResponse, { city: "Oslo" })
  })

  it("may have a model that is chosen by its name", async () => {
    const { url } = await hosted()
    const late = await initChatModel("openai:gpt-4o-mini", {
      apiKey: "sesame",
      configuration: { baseURL: `${url}/v1` }
    })
    const model = guarded({ targets: [late] })
    const chunks = await gathered(model.bindTools([weather]).stream("Hello [[sim tokens=9]]"))
    assert.isAbove(chunks.length, 8)
    const called = await model.bindTools([weather]).invoke('hi [[sim tool=weather arguments={"city":"Oslo"}]]')
    assert.deepInclude(called.tool_calls![0]!, { name: "weather", args: { city: "Oslo" } })
  })

  it("that tries again by itself is the only one who does", async () => {
    const server = await forecaster(() => "refuses")
    const model = guarded({ targets: [chatOllama(server.url)] })
    const retry = modelRetryMiddleware({ maxRetries: 2, initialDelayMs: 1, jitter: false, onFailure: "error" })
    await failureOf(withMiddleware({ model, tools: [weather], middleware: [retry] }).invoke(asked("Oslo")))
    assert.strictEqual(server.asked(), 3)
  })

  it("is left on time", async () => {
    const server = await saying(() => undefined)
    const agent = createAgent({ model: guarded({ targets: [chatOllama(server.url)] }), tools: [weather] })
    const from = performance.now()
    const failure = await failureOf(agent.invoke(asked("Oslo"), { signal: AbortSignal.timeout(100) }))
    assert.isBelow(performance.now() - from, 10_000)
    assert.match(failure.name, /Timeout|Abort/)
  })
})

describe("a graph", () => {
  it("hears every token once in its mode of messages", async () => {
    const key = Words.keyOf(1, "<user>Hello [[sim tokens=6]]")
    const model = guarded({ targets: [chatOllama((await ollama()).url)] })
    const graph = new StateGraph(MessagesAnnotation)
      .addNode("ask", async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
      .addEdge(START, "ask")
      .compile()
    let words = ""
    const input = { messages: [new HumanMessage("Hello [[sim tokens=6]]")] }
    for await (const [message] of await graph.stream(input, { streamMode: "messages" })) words += message.text
    assert.strictEqual(words, Words.text(key, 6))
  })
})

describe("streamed events of the third kind", () => {
  it("hold each of several calls, and the thoughts and words before them", async () => {
    const { url } = await saying((response) => {
      const calls = ["Oslo", "Rome"].map((city) => ({ function: { name: "weather", arguments: { city } } }))
      const calling = line("", { message: { role: "assistant", content: "", tool_calls: calls } })
      const thinking = line("", { message: { role: "assistant", content: "", thinking: "Hm" } })
      response.end(thinking + thinking + line("Let me ") + line("look.") + calling + done())
    })
    const model = guarded({ targets: [chatOllama(url)] })
    const told = await model.streamEvents([new HumanMessage("Where?")], { tools: [weather] })
    assert.strictEqual(told.text, "Let me look.")
    const reasoning = told.contentBlocks.find(({ type }) => type === "reasoning")
    assert.deepInclude(reasoning!, { reasoning: "HmHm" })
    const words: Array<string> = []
    for await (const word of model.streamEvents([new HumanMessage("Where?")], { tools: [weather] }).text)
      words.push(word)
    assert.deepStrictEqual(words, ["Let me ", "look."])
    assert.deepStrictEqual(
      told.tool_calls?.map(({ args }) => args),
      [{ city: "Oslo" }, { city: "Rome" }]
    )
    const { tool_calls: calls } = await model.bindTools([weather]).invoke("Where?")
    assert.deepStrictEqual(
      calls?.map(({ args }) => args),
      [{ city: "Oslo" }, { city: "Rome" }]
    )
  })

  it("come to the whole message, of whichever target", async () => {
    const [bad, good] = await Promise.all([forecaster(() => "refuses"), forecaster()])
    const model = guarded({ targets: [chatOllama(bad.url), chatOllama(good.url)] })
    const message = await model.bindTools([weather]).invoke("Oslo")
    const told = await model.streamEvents([new HumanMessage("Oslo")], { tools: [weather] })
    assert.deepStrictEqual(
      told.tool_calls?.map(({ args, name }) => ({ args, name })),
      message.tool_calls?.map(({ args, name }) => ({ args, name }))
    )
  })

  it("hold the calls of a model that numbers its own blocks as it would tell them itself", async () => {
    const calling = { type: "tool_call_chunk", id: "t1", index: 2, name: "weather" }
    const model = new Scripted(async function* () {
      yield chunk([{ index: 0, type: "thinking", thinking: "hm" }], { id: "m1" })
      yield chunk([{ index: 1, type: "text", text: "hi" }])
      yield chunk([{ index: 2, type: "tool_use", id: "t1", name: "weather", input: "" }], {
        tool_call_chunks: [{ ...calling, args: "" }]
      })
      yield chunk([{ index: 2, type: "input_json_delta", input: '{"city":"Oslo"}' }], {
        tool_call_chunks: [{ type: "tool_call_chunk", index: 2, args: '{"city":"Oslo"}' }]
      })
    })
    const bare = await model.streamEvents("q")
    const told = await guarded({ targets: [model] }).streamEvents("q")
    assert.deepStrictEqual([told.text, told.tool_calls], [bare.text, bare.tool_calls])
    assert.deepInclude(told.tool_calls![0]!, { name: "weather", args: { city: "Oslo" } })
    assert.deepStrictEqual(told.content, bare.content)
  })

  it("hold calls apart from words that have the number of one", async () => {
    const model = new Scripted(async function* () {
      yield chunk([{ index: 0, type: "text", text: "hi" }])
      const args = '{"city":"Oslo"}'
      yield chunk("", { tool_call_chunks: [{ type: "tool_call_chunk", id: "t1", index: 1, name: "weather", args }] })
    })
    const told = await guarded({ targets: [model] }).streamEvents("q")
    assert.strictEqual(told.text, "hi")
    assert.deepStrictEqual(
      told.tool_calls?.map(({ args }) => args),
      [{ city: "Oslo" }]
    )
  })

  it("say who answered, and what that has cost", async () => {
    const model = guarded({ targets: [{ model: says("rain"), price: "free" }] })
    const { response_metadata: told } = await model.streamEvents("Oslo")
    assert.deepInclude(told["spillway"] as object, { target: "Scripted/m", attempts: 1 })
  })
})

describe("fifty agents at once over servers that fail now and then", () => {
  it("lose no call of a tool, double no token, leave nothing behind, and pay to the cent", async () => {
    const flaky = (of: number) => (count: number) => (count % of === 0 ? "refuses" : count % of === 2 ? "dies" : "well")
    const servers = await Promise.all([forecaster(flaky(5)), forecaster(flaky(7)), forecaster()])
    const records: Array<Parameters<Records.Sink>[0]> = []
    const model = guarded({
      targets: servers.map(({ url }, at) => ({
        name: `server${at}`,
        model: chatOllama(url),
        slots: 4,
        price: { input: 1, output: 10 }
      })),
      queue: { max: 200 },
      retry: { attempts: 5, base: "5ms", max: "20ms", budget: "100%" },
      budgets: { total: "$100/day" },
      record: (record) => void records.push(record)
    })
    const agent = createAgent({ model, tools: [weather] })
    const cities = Array.from({ length: 50 }, (_, at) => `City${at}`)
    const runs = await Promise.all(
      cities.map(async (city) => {
        let said = ""
        let called = 0
        for await (const [message] of await agent.stream(asked(city), { streamMode: "messages" })) {
          if (message.getType() === "tool") called++
          else said += message.text
        }
        return { said, called }
      })
    )
    assert.deepStrictEqual(
      runs,
      cities.map((city) => ({ said: `It is rain in ${city}.`, called: 1 }))
    )
    await pass(50)
    assert.strictEqual(records.length, 100)
    const { total } = await Effect.runPromise(model.spillway.budget())
    // What was lost on its way is feared to have cost all that it might.
    const paid = records.reduce((sum, { costUsd = 0 }) => sum + costUsd, 0)
    assert.deepStrictEqual([total!.reserved, total!.spent - total!.unsettled], [0, Math.round(paid * 1e6)])
  })
})
