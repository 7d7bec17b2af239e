/**
 * Who leaves is let go, and nobody with him: five ways in which a bare ChatOllama is left badly, each shown to happen
 * there and not behind a guard.
 */
import { assert, describe, it } from "@effect/vitest"
import { AIMessage } from "@langchain/core/messages"
import { FakeListChatModel } from "@langchain/core/utils/testing"
import type { ServerResponse } from "node:http"
import { chatOllama, done, failureOf, gathered, guarded, line, pass, saying, until, wordsOf } from "./serving.ts"

const head = (response: ServerResponse): void => {
  response.writeHead(200, { "content-type": "application/x-ndjson" })
}

/** Says a word every few milliseconds, so many in all. */
const slowly = (count: number, millis: number) => async (response: ServerResponse) => {
  head(response)
  for (let word = 0; word < count && !response.destroyed; word++) {
    response.write(line(`word${word} `))
    await pass(millis)
  }
  response.end(done())
}

describe("a server that says nothing for a while", () => {
  const late = () =>
    saying(async (response) => {
      await pass(1_500)
      head(response)
      response.end(line("late") + done())
    })

  it("is waited for to its end by a bare model, which then has said nothing and is no failure", async () => {
    const { url } = await late()
    const from = performance.now()
    const { content } = await chatOllama(url).invoke("Hello", { timeout: 100 })
    assert.deepStrictEqual([content, performance.now() - from >= 1_400], ["", true])
  })

  it("is left on time behind a guard, with a failure, and its connection is closed", async () => {
    const server = await late()
    const from = performance.now()
    const failure = await failureOf(guarded({ targets: [chatOllama(server.url)] }).invoke("Hello", { timeout: 100 }))
    assert.deepStrictEqual([failure.name, performance.now() - from < 1_400], ["TimeoutError", true])
    await until(() => server.left() === server.asked())
  })
})

describe("an answer that takes too long", () => {
  it("is half an answer to who asks a bare model, as if it were all of it", async () => {
    const { url } = await saying(slowly(40, 20))
    const { text } = await chatOllama(url).invoke("Hello", { timeout: 200 })
    assert.match(text, /^word0 /)
    assert.notInclude(text, "word39")
  })

  it("is a failure behind a guard", async () => {
    const server = await saying(slowly(40, 20))
    const failure = await failureOf(guarded({ targets: [chatOllama(server.url)] }).invoke("Hello", { timeout: 200 }))
    assert.strictEqual(failure.name, "TimeoutError")
    await until(() => server.left() === server.asked())
  })
})

describe("a neighbour at the same model", () => {
  const left = async (model: Pick<ReturnType<typeof chatOllama>, "stream">) => {
    const controller = new AbortController()
    const neighbour = gathered(model.stream("Hello")).then(
      (chunks) => wordsOf(chunks),
      ({ name }: Error) => name
    )
    let count = 0
    const leaving = await model.stream("Hello", { signal: controller.signal })
    await failureOf(
      (async () => {
        for await (const _ of leaving) if (++count === 3) controller.abort()
      })()
    )
    return neighbour
  }

  it("is cut off by who leaves a bare one", async () => {
    const { url } = await saying(slowly(30, 10))
    assert.strictEqual(await left(chatOllama(url)), "AbortError")
  })

  it("is answered behind a guard", async () => {
    const { url } = await saying(slowly(30, 10))
    assert.include(await left(guarded({ targets: [{ model: chatOllama(url), slots: 4 }] })), "word29")
  })
})

describe("a stream that was left for its time", () => {
  const orphan = async (url: string, model: Pick<ReturnType<typeof chatOllama>, "stream" | "invoke">) => {
    await failureOf(gathered(model.stream("first", { timeout: 50 })))
    const others = [model.invoke("second"), model.invoke("third")]
    return Promise.all(
      others.map((other) =>
        other.then(
          ({ text }) => text,
          ({ name }: Error) => name
        )
      )
    )
  }
  const server = () =>
    saying(async (response, asked) => {
      if (asked > 1) return slowly(100, 10)(response)
      // Its first word comes when two others are under way.
      await pass(600)
      return slowly(3, 10)(response)
    })

  it("comes back at a bare model and takes two others with it", async () => {
    const { url } = await server()
    assert.deepStrictEqual(await orphan(url, chatOllama(url)), ["AbortError", "AbortError"])
  })

  it("is gone behind a guard", async () => {
    const { left, url } = await server()
    const answers = await orphan(url, guarded({ targets: [{ model: chatOllama(url), slots: 4 }] }))
    for (const answer of answers) assert.include(answer, "word99")
    assert.strictEqual(left(), 1)
  })
})

describe("a reader who stops in the midst", () => {
  const stops = async (model: Pick<ReturnType<typeof chatOllama>, "stream">): Promise<void> => {
    let count = 0
    for await (const _ of await model.stream("Hello")) if (++count === 3) break
  }

  it("leaves a bare model at work, and what it knows of him stays there", async () => {
    const server = await saying(slowly(40, 10))
    const model = chatOllama(server.url)
    await stops(model)
    await pass(200)
    const { ongoingStreamedRequests: kept } = model.client as unknown as { ongoingStreamedRequests: Array<unknown> }
    assert.deepStrictEqual([server.left(), kept.length], [0, 1])
  })

  it("closes the connection behind a guard, and leaves nothing behind", async () => {
    const server = await saying(slowly(40, 10))
    const model = chatOllama(server.url)
    await stops(guarded({ targets: [model] }))
    await until(() => server.left() === server.asked())
    const { ongoingStreamedRequests: kept } = model.client as unknown as { ongoingStreamedRequests: Array<unknown> }
    assert.deepStrictEqual(kept, [])
  })
})

// eslint-disable-next-line require-yield -- it is what the method of a base class does
async function* notStreaming(): AsyncGenerator<never> {
  throw new Error("Not implemented.")
}

describe("a call that is left", () => {
  it("gives back its slot", async () => {
    const server = await saying(slowly(20, 10))
    const model = guarded({ targets: [{ model: chatOllama(server.url), slots: 1 }], queue: { max: 5 } })
    await failureOf(model.invoke("Hello", { timeout: 60 }))
    assert.include((await model.invoke("Hello")).text, "word19")
    assert.strictEqual(server.asked(), 2)
  })

  it("keeps its slot for as long as a model goes on that hears of no abort", async () => {
    let [now, most] = [0, 0]
    const deaf = new FakeListChatModel({ responses: ["yes"] })
    // As one of another copy of LangChain looks: it has the method, and does not stream.
    deaf._streamResponseChunks = notStreaming
    deaf._generate = async () => {
      most = Math.max(most, ++now)
      await pass(200)
      now--
      return { generations: [{ text: "yes", message: new AIMessage("yes") }] }
    }
    const model = guarded({ targets: [{ model: deaf, slots: 1 }] })
    const from = performance.now()
    await failureOf(model.invoke("Hello", { timeout: 50 }))
    assert.isBelow(performance.now() - from, 190)
    assert.strictEqual((await model.invoke("Hello")).text, "yes")
    assert.strictEqual(most, 1)
  })

  it("hears its own reason", async () => {
    const { url } = await saying(slowly(20, 10))
    const controller = new AbortController()
    const reason = new Error("enough")
    setTimeout(() => controller.abort(reason), 50)
    const failure = await failureOf(
      guarded({ targets: [chatOllama(url)] }).invoke("Hello", { signal: controller.signal })
    )
    assert.strictEqual(failure, reason)
  })
})
