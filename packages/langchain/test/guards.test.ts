/** What stands around a call of LangChain: failures with names, callers, budgets, and a router that is shared. */
import { assert, describe, it } from "@effect/vitest"
import { getRetryable } from "@langchain/core/errors"
import { createSpillway, type Record as Records, SpillwayError } from "@spillway/core"
import { Ollama } from "@spillway/upstream"
import { ChatSpillway, upstreamOf } from "@spillway/langchain"
import { Effect } from "effect"
import { z } from "zod"
import {
  answering,
  chatOllama,
  refusing,
  weather,
  done,
  failureOf,
  gathered,
  guarded,
  line,
  name,
  ollama,
  pass,
  until,
  saying,
  usageOf
} from "./serving.ts"

describe("a failure", () => {
  it("is one of ours, says whether to come back, and when", async () => {
    const { url } = await refusing(429, { "retry-after": "7" })
    const failure = await failureOf(guarded({ targets: [chatOllama(url)], retry: { attempts: 1 } }).invoke("Hello"))
    assert.instanceOf(failure, SpillwayError)
    assert.deepStrictEqual(
      [(failure as unknown as SpillwayError).reason._tag, getRetryable(failure), failure["retryAfterMs"]],
      ["UpstreamRateLimited", true, 7_000]
    )
  })

  it("that is a caller's mistake is not to be tried again", async () => {
    const { url } = await refusing(400)
    const failure = await failureOf(guarded({ targets: [chatOllama(url)] }).invoke("Hello"))
    assert.deepStrictEqual(
      [getRetryable(failure), (failure as unknown as SpillwayError).reason._tag],
      [false, "BadRequest"]
    )
  })

  it("shows no word of what was asked", async () => {
    const { url } = await saying((response, _asked, _request, body) => void response.writeHead(400).end(body))
    const failure = await failureOf(guarded({ targets: [chatOllama(url)] }).invoke("swordfish"))
    assert.notInclude(`${String(failure)} ${JSON.stringify(failure)} ${failure.stack}`, "swordfish")
  })

  it("of a router that is closed meanwhile is that nobody is there any more", async () => {
    const server = await saying(() => undefined)
    const model = new ChatSpillway({ targets: [{ model: chatOllama(server.url), slots: 2 }] })
    const asked = [model.invoke("Hello"), gathered(model.stream("Hello"))].map((each) => failureOf(each))
    await until(() => server.asked() === 2)
    await model.close()
    for (const failure of await Promise.all(asked)) {
      assert.strictEqual((failure as unknown as SpillwayError).reason._tag, "Unavailable")
    }
  })

  it("of a router that was closed is that nobody is there", async () => {
    const { url } = await answering()
    const model = new ChatSpillway({ targets: [chatOllama(url)] })
    await model.close()
    const failure = await failureOf(model.invoke("Hello"))
    assert.strictEqual((failure as unknown as SpillwayError).reason._tag, "Unavailable")
  })
})

describe("a caller", () => {
  it("is read from the call, from its configuration, and from the model", async () => {
    const { url } = await answering()
    const callers: Array<string> = []
    const record: Records.Sink = ({ caller }) => void callers.push(caller)
    const model = guarded({ targets: [chatOllama(url)], caller: "model", record })
    await model.invoke("Hello")
    await model.invoke("Hello", { caller: "call" })
    await model.invoke("Hello", { configurable: { caller: "configuration" } })
    await gathered(model.stream("Hello", { configurable: { caller: "streamed" } }))
    await pass(20)
    assert.deepStrictEqual(callers, ["model", "call", "configuration", "streamed"])
  })

  it("who asks without a second try is on record by the same route, and may do so where he may ask", async () => {
    const { url } = await answering()
    const routes: Array<string | undefined> = []
    const record: Records.Sink = ({ model, route }) => void routes.push(`${model} ${route}`)
    const model = guarded({ targets: [chatOllama(url)], callers: { ann: { routes: ["chat"] } }, record })
    await model.invoke("Hello", { caller: "ann", maxRetries: 0 })
    await until(() => routes.length === 1)
    assert.deepStrictEqual(routes, ["chat chat"])
  })

  it("has his own limits", async () => {
    const { url } = await answering()
    const model = guarded({ targets: [chatOllama(url)], callers: { ann: { rate: "1/min", burst: 1 } } })
    await model.invoke("Hello", { caller: "ann" })
    const failure = await failureOf(model.invoke("Hello", { caller: "ann" }))
    assert.strictEqual((failure as unknown as SpillwayError).reason._tag, "RateLimited")
    await model.invoke("Hello", { caller: "bob" })
  })
})

describe("a budget", () => {
  it("is never overspent by many at once, and the bound that was reserved is sent along", async () => {
    const bounds: Array<unknown> = []
    const { url } = await saying((response, _asked, _request, body) => {
      bounds.push(JSON.parse(body).options.num_predict)
      response.writeHead(200).end(line("yes") + done(0, 100))
    })
    const model = guarded({
      targets: [{ model: chatOllama(url), price: { input: 0, output: 10_000 }, slots: 64 }],
      budgets: { total: "$5/day" },
      maxTokens: 100
    })
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => model.invoke("Hello")))
    // Each answer costs a dollar.
    assert.lengthOf(
      answers.filter(({ status }) => status === "fulfilled"),
      5
    )
    assert.deepStrictEqual(new Set(bounds), new Set([100]))
    const { total } = await Effect.runPromise(model.spillway.budget())
    assert.deepInclude(total as object, { spent: 5_000_000, reserved: 0, unsettled: 0 })
  })
})

describe("one router", () => {
  it("is shared by two models: who has spent a limit by one has spent it by the other", async () => {
    const { url } = await answering()
    await using spillway = createSpillway({
      upstreams: { gpu: upstreamOf(chatOllama(url)) },
      routes: { chat: { targets: ["gpu/a"] }, other: { targets: ["gpu/a"] } },
      callers: { ann: { rate: "1/min", burst: 1 } }
    })
    const [one, other] = ["chat", "other"].map((model) => new ChatSpillway({ spillway, model, caller: "ann" }))
    assert.strictEqual((await one!.invoke("Hello")).content, "yes")
    const failure = await failureOf(other!.invoke("Hello"))
    assert.strictEqual((failure as unknown as SpillwayError).reason._tag, "RateLimited")
  })

  it("may reach servers by its own wires: tools, thoughts, shapes and usage come out the same", async () => {
    const server = await ollama({}, { can: ["tools", "thinking"] })
    const bare = chatOllama(server.url)
    await using spillway = createSpillway({
      upstreams: { gpu: Ollama.make("gpu", { url: server.url }) },
      routes: { chat: { targets: [`gpu/${name}`] } }
    })
    const model = new ChatSpillway({ spillway, model: "chat" })
    const plain = "Hello [[sim tokens=9 thinking=3]]"
    const [mine, his] = [await model.invoke(plain), await bare.invoke(plain)]
    assert.strictEqual(mine.content, his.content)
    assert.strictEqual(mine.additional_kwargs["reasoning_content"], his.additional_kwargs["reasoning_content"])
    assert.deepInclude(usageOf(mine), { input_tokens: usageOf(his)?.["input_tokens"], output_tokens: 9 })
    const asks = 'hi [[sim thinking=0 tool=weather arguments={"city":"Oslo"}]]'
    const { tool_calls: calls } = await model.bindTools([weather]).invoke(asks)
    assert.deepInclude(calls![0]!, { name: "weather", args: { city: "Oslo" } })
    const person = z.object({ name: z.string(), isTall: z.boolean() })
    const answer = await model.withStructuredOutput(person).invoke("Who? [[sim thinking=0]]")
    assert.deepStrictEqual([typeof answer.name, typeof answer.isTall], ["string", "boolean"])
  })
})
