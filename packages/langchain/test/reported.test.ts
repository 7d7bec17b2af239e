/**
 * What users report of the guards that LangChain brings along, each shown to happen there and not here.
 *
 * Beside them stand the numbers of the threads, all in langchain-ai/langchainjs.
 */
import { assert, describe, it } from "@effect/vitest"
import { type AIMessageChunk, HumanMessage } from "@langchain/core/messages"
import { tool } from "@langchain/core/tools"
import { createAgent } from "langchain"
import { z } from "zod"
import { chatOllama, chatOpenAi, done, failureOf, gathered, guarded, line, saying, wordsOf } from "./serving.ts"

const weather = tool(() => "rain", {
  name: "weather",
  description: "The weather of a city",
  schema: z.object({ city: z.string() })
})

const refusing = (status = 500) => saying((response) => void response.writeHead(status).end("{}"))

const answering = () => saying((response) => void response.end(line("yes") + done()))

/** Sends its first chunk, which says nothing, and dies. */
const dying = () =>
  saying((response) => {
    response.writeHead(200)
    response.write(line(""), () => void setTimeout(() => response.destroy(), 150))
  })

describe("tools and shapes (6869)", () => {
  it("are lost by withFallbacks", async () => {
    const [bad, good] = await Promise.all([refusing(), answering()])
    const either = chatOllama(bad.url).withFallbacks([chatOllama(good.url)])
    assert.deepStrictEqual(["bindTools" in either, "withStructuredOutput" in either], [false, false])
  })

  it("are kept here, for every target", async () => {
    const bodies: Array<string> = []
    const [bad, good] = await Promise.all([
      refusing(),
      saying((response, _asked, _request, body) => {
        bodies.push(body)
        response.end(line('{"city":"Oslo"}') + done())
      })
    ])
    const model = guarded({ targets: [chatOllama(bad.url)], overflow: [chatOllama(good.url)] })
    await model.bindTools([weather]).invoke("Hello")
    assert.deepStrictEqual(await model.withStructuredOutput(z.object({ city: z.string() })).invoke("Where?"), {
      city: "Oslo"
    })
    assert.match(bodies[0]!, /"tools":\[\{"type":"function","function":\{"name":"weather"/)
    assert.match(bodies[1]!, /"format":\{/)
  })
})

describe("a stream that dies after its first chunk, which says nothing (6026, 8686)", () => {
  it("is not replaced by withFallbacks, nor tried again by withRetry", async () => {
    const [bad, good] = await Promise.all([dying(), answering()])
    const either = chatOllama(bad.url).withFallbacks([chatOllama(good.url)])
    assert.match((await failureOf(gathered(either.stream("Hello")))).message, /terminated/)
    const again = chatOllama(bad.url).withRetry({ stopAfterAttempt: 3 })
    const before = bad.asked()
    assert.match((await failureOf(gathered(again.stream("Hello")))).message, /terminated/)
    assert.strictEqual(bad.asked() - before, 1)
  })

  it("is replaced here", async () => {
    const [bad, good] = await Promise.all([dying(), answering()])
    const model = guarded({ targets: [chatOllama(bad.url)], overflow: [chatOllama(good.url)] })
    const chunks = await gathered(model.stream("Hello"))
    assert.strictEqual(wordsOf(chunks), "yes")
  })
})

describe("a retry in an agent", () => {
  it("is dropped without a word where it is withRetry", async () => {
    const { asked, url } = await refusing()
    const model = chatOllama(url).withRetry({ stopAfterAttempt: 3 })
    await failureOf(
      createAgent({ model: model as never, tools: [weather] }).invoke({ messages: [new HumanMessage("Hello")] })
    )
    assert.strictEqual(asked(), 1)
  })

  it("is made here", async () => {
    const { asked, url } = await refusing(503)
    const model = guarded({ targets: [chatOllama(url)], retry: { attempts: 3, base: "1ms", max: "2ms" } })
    await failureOf(createAgent({ model, tools: [weather] }).invoke({ messages: [new HumanMessage("Hello")] }))
    assert.strictEqual(asked(), 3)
  })
})

describe("a retry around a model that tries again by itself (11339)", () => {
  it("multiplies an outage where it is withRetry", async () => {
    const { asked, url } = await refusing(500)
    const model = chatOpenAi(url, { maxRetries: 1 }).withRetry({
      stopAfterAttempt: 2,
      onFailedAttempt: () => undefined
    })
    await failureOf(model.invoke("Hello"))
    assert.strictEqual(asked(), 4)
  })

  it("is the only one here", async () => {
    const { asked, url } = await refusing(500)
    const model = guarded({
      targets: [chatOpenAi(url, { maxRetries: 1 })],
      retry: { attempts: 2, base: "1ms", max: "2ms" }
    })
    await failureOf(model.invoke("Hello"))
    assert.strictEqual(asked(), 2)
  })
})

describe("usage, to who listens to tokens (11155)", () => {
  const heardBy = async (model: Pick<ReturnType<typeof chatOllama>, "stream">): Promise<number> => {
    let told = 0
    const handler = {
      handleLLMNewToken: (_: string, _at: unknown, _run: string, _of?: string, _tags?: unknown, fields?: unknown) => {
        const { chunk } = fields as { readonly chunk?: { readonly message: AIMessageChunk } }
        if (chunk?.message.usage_metadata !== undefined) told++
      }
    }
    await gathered(model.stream("Hello", { callbacks: [handler] }))
    return told
  }

  it("is not told by a bare model", async () => {
    assert.strictEqual(await heardBy(chatOllama((await answering()).url)), 0)
  })

  it("is told here, once", async () => {
    assert.strictEqual(await heardBy(guarded({ targets: [chatOllama((await answering()).url)] })), 1)
  })
})

describe("when to come back", () => {
  const busy = () =>
    saying((response, asked) => {
      if (asked > 1) return void response.end(line("yes") + done())
      return void response.writeHead(429, { "retry-after": "1" }).end("{}")
    })

  it("is dropped by a bare model, so that a retry comes too early", async () => {
    const failure = await failureOf(chatOllama((await busy()).url).invoke("Hello"))
    assert.deepStrictEqual(
      [failure["status_code"], failure["retryAfterMs"], failure["headers"]],
      [429, undefined, undefined]
    )
  })

  it("is read here and waited for", async () => {
    const from = performance.now()
    assert.strictEqual((await guarded({ targets: [chatOllama((await busy()).url)] }).invoke("Hello")).content, "yes")
    assert.isAtLeast(performance.now() - from, 950)
  })
})
