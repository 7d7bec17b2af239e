/** The model of an agent, guarded call by call. */
import { assert, describe, it } from "@effect/vitest"
import { AIMessage, HumanMessage } from "@langchain/core/messages"
import { tool } from "@langchain/core/tools"
import { Command, interrupt, isInterrupted, MemorySaver } from "@langchain/langgraph"
import { spillwayMiddleware } from "@spillway/langchain/middleware"
import {
  createAgent,
  createMiddleware,
  initChatModel,
  modelFallbackMiddleware,
  modelRetryMiddleware,
  summarizationMiddleware
} from "langchain"
import { z } from "zod"
import { chunk, says, Scripted } from "./scripted.ts"
import { gathered, chatOllama, withMiddleware, done, failureOf, guarded, line, pass, saying } from "./serving.ts"

const weather = tool(({ city }) => `rain in ${city}`, {
  name: "weather",
  description: "The weather of a city",
  schema: z.object({ city: z.string() })
})

const asked = { messages: [new HumanMessage("Oslo")] }

/** Calls the tool so many times, and then answers; ten tokens are read each time, and five written. */
const calling = (count: number) => {
  let calls = 0
  return saying((response) => {
    const call = { function: { name: "weather", arguments: { city: "Oslo" } } }
    const isCalling = calls++ % (count + 1) < count
    const said = isCalling
      ? line("", { message: { role: "assistant", content: "", tool_calls: [call] } })
      : line("rain")
    response.end(said + done(10, 5))
  })
}

describe("the middleware", () => {
  it("guards the agent's own model, and goes over to another one", async () => {
    const bad = await saying((response) => void response.writeHead(500).end("{}"))
    const good = await calling(1)
    const middleware = [spillwayMiddleware({ overflow: [chatOllama(good.url)], retry: { attempts: 1 } })]
    const agent = createAgent({ model: chatOllama(bad.url), tools: [weather], middleware })
    const { messages } = await agent.invoke(asked)
    assert.deepStrictEqual([messages.at(-1)?.content, bad.asked(), good.asked()], ["rain", 2, 2])
  })

  it("keeps what it knows from one call to the next: a limit holds for all runs of an agent", async () => {
    const { url } = await calling(0)
    const middleware = [spillwayMiddleware({ anonymous: { rate: "1/min", burst: 1 } })]
    const agent = createAgent({ model: chatOllama(url), tools: [], middleware })
    await agent.invoke(asked)
    assert.match((await failureOf(agent.invoke(asked))).message, /has reached its limit of 1\/min/)
  })

  it("asks with the key of the model that a request has brought, whatever others were called the same", async () => {
    const keys: Array<string | undefined> = []
    const { url } = await saying((response, _asked, { headers }) => {
      keys.push(headers.authorization)
      response.writeHead(401).end("{}")
    })
    const middleware = [spillwayMiddleware()]
    for (const apiKey of ["ann", "bob"]) {
      const model = await initChatModel("openai:gpt-4o-mini", { apiKey, configuration: { baseURL: `${url}/v1` } })
      await failureOf(createAgent({ model, tools: [], middleware }).invoke(asked))
    }
    assert.deepStrictEqual(keys, ["Bearer ann", "Bearer bob"])
  })

  it("holds its limits for all models together that its requests bring, however many and however called", async () => {
    const { url } = await calling(0)
    const middleware = [spillwayMiddleware({ anonymous: { rate: "2/min", burst: 2 }, onRefusal: "end" })]
    const said: Array<string> = []
    for (const model of ["a", "b", "c"]) {
      const agent = createAgent({ model: chatOllama(url, { model }), tools: [], middleware })
      said.push((await agent.invoke(asked)).messages.at(-1)!.text.slice(0, 4))
    }
    assert.deepStrictEqual(said, ["rain", "rain", '"def'])
  })

  it("tells the circuits of models apart", async () => {
    const { url } = await saying((response, _asked, _request, body) => {
      if (body.includes('"bad"')) response.writeHead(500).end("{}")
      else response.end(line("rain") + done())
    })
    const middleware = [
      spillwayMiddleware({ retry: { attempts: 1 }, defaults: { breaker: { failures: 1, open: "1m" } } })
    ]
    const ask = (model: string) =>
      createAgent({ model: chatOllama(url, { model }), tools: [], middleware }).invoke(asked)
    await failureOf(ask("bad"))
    assert.match((await failureOf(ask("bad"))).message, /agent\/ollama\/bad/)
    assert.strictEqual((await ask("good")).messages.at(-1)!.text, "rain")
  })

  it("asks nobody twice for whoever tries again himself", async () => {
    const { asked: count, url } = await saying((response) => void response.writeHead(500).end("{}"))
    const once = createMiddleware({
      name: "Once",
      wrapModelCall: (request, handler) => handler({ ...request, modelSettings: { maxRetries: 0 } })
    })
    const middleware = [once, spillwayMiddleware()]
    await failureOf(createAgent({ model: chatOllama(url), tools: [], middleware }).invoke(asked))
    assert.strictEqual(count(), 1)
  })

  it("lets a model that is guarded be guarded as it says, and refuses to say more of it", async () => {
    const { url } = await calling(0)
    const model = guarded({ targets: [chatOllama(url)] })
    const plain = createAgent({ model, tools: [], middleware: [spillwayMiddleware({ runBudget: "50k tok" })] })
    assert.strictEqual((await plain.invoke(asked)).messages.at(-1)!.text, "rain")
    const limited = [spillwayMiddleware({ anonymous: { rate: "1/min", burst: 1 } })]
    const failure = await failureOf(createAgent({ model, tools: [], middleware: limited }).invoke(asked))
    assert.match(failure.message, /anonymous: .*write it where the agent's ChatSpillway is made/)
  })

  it("ends a run with what the refusal says, where it is told to", async () => {
    const { url } = await calling(0)
    const middleware = [spillwayMiddleware({ anonymous: { rate: "1/min", burst: 1 }, onRefusal: "end" })]
    const agent = createAgent({ model: chatOllama(url), tools: [], middleware })
    await agent.invoke(asked)
    const { messages } = await agent.invoke(asked)
    const last = messages.at(-1) as AIMessage
    assert.match(last.text, /has reached its limit of 1\/min: come back in/)
    assert.deepStrictEqual(last.response_metadata, { spillway: { refused: "rate_limited" } })
  })

  it("does not take a failure for a refusal", async () => {
    const { url } = await saying((response) => void response.writeHead(400).end("{}"))
    const agent = createAgent({
      model: chatOllama(url),
      tools: [],
      middleware: [spillwayMiddleware({ onRefusal: "end" })]
    })
    assert.match((await failureOf(agent.invoke(asked))).message, /refused by its server/)
  })

  it("lets an interrupt pass that comes from further in", async () => {
    const { url } = await calling(0)
    const asks = createMiddleware({
      name: "Asks",
      wrapModelCall: (request, handler) => {
        assert.strictEqual(interrupt("May I?"), "yes")
        return handler(request)
      }
    })
    const middleware = [spillwayMiddleware({ onRefusal: "end" }), asks]
    const agent = createAgent({ model: chatOllama(url), tools: [], middleware, checkpointer: new MemorySaver() })
    const config = { configurable: { thread_id: "1" } }
    assert.isTrue(isInterrupted(await agent.invoke(asked, config)))
    const { messages } = await agent.invoke(new Command({ resume: "yes" }), config)
    assert.strictEqual(messages.at(-1)?.content, "rain")
  })

  it("asks nobody for whoever has left already", async () => {
    const server = await calling(0)
    const agent = createAgent({ model: chatOllama(server.url), tools: [], middleware: [spillwayMiddleware()] })
    await failureOf(agent.invoke(asked, { signal: AbortSignal.abort() }))
    assert.strictEqual(server.asked(), 0)
  })

  it("streams tokens once", async () => {
    const { url } = await calling(1)
    const agent = createAgent({ model: chatOllama(url), tools: [weather], middleware: [spillwayMiddleware()] })
    let words = ""
    for await (const [message] of await agent.stream(asked, { streamMode: "messages" })) {
      if (message.getType() === "ai") words += message.text
    }
    assert.strictEqual(words, "rain")
  })

  it("refuses options that mean nothing", () => {
    assert.throws(() => spillwayMiddleware({ onRefusal: "stop" } as never), /write throw or end/)
    assert.throws(() => spillwayMiddleware({ runBudget: "much" }), /write 50k tok, or \$0.50/)
  })
})

describe("the budget of a run", () => {
  it("in tokens refuses the call after the one that has spent it", async () => {
    const server = await calling(9)
    const middleware = [spillwayMiddleware({ runBudget: "40 tok", onRefusal: "end" })]
    const agent = createAgent({ model: chatOllama(server.url), tools: [weather], middleware })
    const { messages } = await agent.invoke(asked)
    assert.match(messages.at(-1)!.text, /The budget of this run \(40 tok\) is spent/)
    // Fifteen each: after two there is room for ten, of which the prompt takes some.
    assert.isAtMost(server.asked(), 3)
  })

  it("in money counts what its answers have cost, and begins anew with the next run", async () => {
    const server = await calling(9)
    const target = { model: chatOllama(server.url), price: { input: 0, output: 20_000 } }
    const middleware = [spillwayMiddleware({ targets: [target], runBudget: "$0.15", onRefusal: "end" })]
    const agent = createAgent({ model: chatOllama(server.url), tools: [weather], middleware })
    const first = await agent.invoke(asked)
    assert.strictEqual(server.asked(), 2)
    const second = await agent.invoke({ messages: [...first.messages, new HumanMessage("again")] })
    assert.strictEqual(server.asked(), 4)
    assert.match(second.messages.at(-1)!.text, /is spent/)
  })

  const usage_metadata = { input_tokens: 10, output_tokens: 10, total_tokens: 20 }
  /** Calls a tool so many times, and then says that it is done; twenty tokens each. */
  const looping = (times: number) =>
    new Scripted(async function* (at) {
      const tool_call_chunks = [
        { type: "tool_call_chunk", index: 0, id: `call${at}`, name: "weather", args: '{"city":"a"}' }
      ]
      yield at < times ? chunk("", { tool_call_chunks, usage_metadata }) : chunk("done", { usage_metadata })
    })

  it("holds where an agent is read event by event, in money too", async () => {
    const model = looping(5)
    const target = { model, price: { input: 1_000, output: 1_000 } }
    const middleware = [spillwayMiddleware({ targets: [target], runBudget: "$0.03", onRefusal: "end" })]
    const agent = createAgent({ model, tools: [weather], middleware })
    const told = await agent.streamEvents(asked, { version: "v3" })
    await gathered(told)
    const { messages } = (await told.output) as unknown as { readonly messages: ReadonlyArray<AIMessage> }
    assert.strictEqual(model.options.length, 2)
    assert.match(messages.at(-1)!.text, /is spent: begin another one with the next turn/)
  })

  it("in money takes no answer for free that was given elsewhere", async () => {
    const model = looping(0)
    const target = { model, price: { input: 1_000, output: 1_000 } }
    const middleware = [spillwayMiddleware({ targets: [target], runBudget: "$1" })]
    const messages = [new HumanMessage("Oslo"), new AIMessage({ content: "rain", usage_metadata } as never)]
    const failure = await failureOf(createAgent({ model, tools: [], middleware }).invoke({ messages }))
    assert.match(failure.message, /Nobody has said what "an answer of this run" costs/)
  })

  it("is not begun anew by a history that was summed up on the way", async () => {
    const model = looping(8)
    const shorter = { model: says("sum"), trigger: { messages: 4 }, keep: { messages: 2 } }
    const summing = summarizationMiddleware(shorter as never)
    const middleware = [summing, spillwayMiddleware({ runBudget: "120 tok", onRefusal: "end" })]
    const { messages } = await withMiddleware({ model, tools: [weather], middleware }).invoke(asked)
    assert.isAtMost(model.options.length, 6)
    assert.match(messages.at(-1)!.text, /The budget of this run \(120 tok\) is spent/)
  })

  it("counts what the agent says before all of it, and its tools", async () => {
    const middleware = [spillwayMiddleware({ runBudget: "200 tok" })]
    const systemPrompt = "Tell of the weather. ".repeat(200)
    const said = createAgent({ model: looping(0), tools: [], systemPrompt, middleware }).invoke(asked)
    assert.match((await failureOf(said)).message, /is spent/)
    const description = "The weather of a city. ".repeat(200)
    const long = tool(() => "rain", { name: "weather", description, schema: z.object({}) })
    const offered = createAgent({ model: looping(0), tools: [long], middleware }).invoke(asked)
    assert.match((await failureOf(offered)).message, /is spent/)
  })

  it("bounds an answer by what is left of it, less the question, or by less where that was asked for", async () => {
    const model = looping(0)
    const bounded = createMiddleware({
      name: "Bounded",
      wrapModelCall: (request, handler) => handler({ ...request, modelSettings: { maxTokens: 5 } })
    })
    const budget = spillwayMiddleware({ runBudget: "1000 tok" })
    await createAgent({ model, tools: [], middleware: [budget] }).invoke(asked)
    await createAgent({ model, tools: [], middleware: [bounded, budget] }).invoke(asked)
    const [left, less] = model.options.map(({ maxTokens }) => maxTokens as number)
    assert.isTrue(left! > 900 && left! < 1_000)
    assert.strictEqual(less, 5)
  })

  it("in money refuses what nobody has priced", async () => {
    const { url } = await calling(9)
    const middleware = [spillwayMiddleware({ runBudget: "$1" })]
    const agent = createAgent({ model: chatOllama(url), tools: [weather], middleware })
    assert.match((await failureOf(agent.invoke(asked))).message, /Nobody has said what "agent\/ollama\/a" costs/)
  })
})

describe("what others do", () => {
  const dying = () =>
    saying((response) => {
      response.writeHead(200)
      response.write(line("The first ") + line("half"), () => void pass(150).then(() => response.destroy()))
    })

  it("modelRetryMiddleware makes an answer of a failure, and of an interrupt", async () => {
    const { url } = await saying((response) => void response.writeHead(500).end("{}"))
    const retry = modelRetryMiddleware({ maxRetries: 1, initialDelayMs: 1, jitter: false })
    const { messages } = await withMiddleware({ model: chatOllama(url), tools: [], middleware: [retry] }).invoke(asked)
    assert.match(messages.at(-1)!.text, /^Model call failed after 2 attempts/)
    const asks = createMiddleware({ name: "Asks", wrapModelCall: () => interrupt("May I?") })
    const middleware = [retry, asks]
    const agent = withMiddleware({ model: chatOllama(url), tools: [], middleware, checkpointer: new MemorySaver() })
    assert.isFalse(isInterrupted(await agent.invoke(asked, { configurable: { thread_id: "1" } })))
  })

  it("modelFallbackMiddleware shows the first half, and then another answer under another name", async () => {
    const [bad, good] = await Promise.all([dying(), calling(0)])
    const middleware = [modelFallbackMiddleware(chatOllama(good.url))]
    const agent = createAgent({ model: chatOllama(bad.url), tools: [], middleware })
    const said = new Map<string, string>()
    for await (const [message] of await agent.stream(asked, { streamMode: "messages" })) {
      said.set(message.id!, (said.get(message.id!) ?? "") + message.text)
    }
    assert.deepStrictEqual([...said.values()], ["The first half", "rain"])
  })

  it("this one shows no other answer after the first half of one: it says that it broke", async () => {
    const [bad, good] = await Promise.all([dying(), calling(0)])
    const middleware = [spillwayMiddleware({ overflow: [chatOllama(good.url)] })]
    const agent = createAgent({ model: chatOllama(bad.url), tools: [], middleware })
    let words = ""
    const failure = await failureOf(
      (async () => {
        for await (const [message] of await agent.stream(asked, { streamMode: "messages" })) words += message.text
      })()
    )
    assert.strictEqual(words, "The first half")
    assert.match(failure.message, /broke off after 2 parts: what has come is not all of its answer/)
  })
})
