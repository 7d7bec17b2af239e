/** A batch is fed to the router as fast as that admits it: whoever would be refused waits instead. */
import { assert, describe, it } from "@effect/vitest"
import { getRetryable } from "@langchain/core/errors"
import type { AIMessage } from "@langchain/core/messages"
import type { SpillwayError } from "@spillway/core"
import { chunk, says, Scripted } from "./scripted.ts"
import { chatOllama, done, failureOf, guarded, line, ollama, pass, saying } from "./serving.ts"

const questions = (count: number) => Array.from({ length: count }, (_, at) => `Question ${at}`)

const slow = (millis: number) =>
  new Scripted(async function* () {
    await pass(millis)
    yield chunk("yes")
  })

describe("a batch", () => {
  it("of a thousand is answered, all of it, though only some may wait in line", async () => {
    const { url } = await ollama()
    let [starts, ends] = [0, 0]
    const handler = { handleChatModelStart: () => void starts++, handleLLMEnd: () => void ends++ }
    let refused = 0
    const model = guarded({
      targets: [{ model: chatOllama(url), slots: 4 }],
      queue: { max: 16 },
      record: ({ error }) => void (error === undefined || refused++)
    })
    const answers = await model.batch(questions(1_000), { callbacks: [handler] })
    assert.lengthOf(
      answers.filter(({ content }) => content !== ""),
      1_000
    )
    assert.deepStrictEqual([starts, ends], [1_000, 1_000])
    assert.isBelow(refused, 10)
  })

  it("waits for a limit of its caller for as long as that says", async () => {
    const { url } = await ollama()
    const model = guarded({ targets: [chatOllama(url)], anonymous: { rate: "10/s", burst: 2 } })
    const from = performance.now()
    await model.batch(questions(6))
    assert.isAbove(performance.now() - from, 350)
  })

  it("never asks more at once than it may", async () => {
    let [now, most] = [0, 0]
    const { url } = await saying(async (response) => {
      most = Math.max(most, ++now)
      await pass(10)
      now--
      response.end(line("yes") + done())
    })
    await guarded({ targets: [{ model: chatOllama(url), slots: 64 }] }).batch(questions(30), { maxConcurrency: 3 })
    assert.strictEqual(most, 3)
  })

  it("tells of each question that failed for a reason of its own", async () => {
    const { url } = await saying((response, _asked, _request, body) =>
      body.includes("Question 1") ? void response.writeHead(400).end("{}") : void response.end(line("yes") + done())
    )
    const answers = await guarded({ targets: [chatOllama(url)] }).batch(questions(3), {}, { returnExceptions: true })
    const told = answers.map((answer) => (answer instanceof Error ? getRetryable(answer) : answer.content))
    assert.deepStrictEqual(told, ["yes", false, "yes"])
  })

  it("does not wait for ever where nobody answers", async () => {
    const { url } = await saying((response) => void response.writeHead(500).end("{}"))
    const model = guarded({
      targets: [chatOllama(url)],
      retry: { attempts: 1 },
      defaults: { breaker: { failures: 1, open: "20ms" } }
    })
    const failure = await failureOf(model.batch(questions(10)))
    assert.include(["Overloaded", "Unavailable"], (failure as unknown as SpillwayError).reason._tag)
  })

  it("is left by who leaves it, also where he waits for his turn", async () => {
    const { url } = await saying(() => undefined)
    const model = guarded({ targets: [{ model: chatOllama(url), slots: 1 }], queue: { max: 1 } })
    const from = performance.now()
    const failure = await failureOf(model.batch(questions(20), { signal: AbortSignal.timeout(100) }))
    assert.deepStrictEqual([failure.name, performance.now() - from < 10_000], ["TimeoutError", true])
  })

  it("is left although a limit says to come back much later", async () => {
    const { url } = await ollama()
    const model = guarded({ targets: [chatOllama(url)], anonymous: { rate: "1/min", burst: 1 } })
    const from = performance.now()
    const leaving = { signal: AbortSignal.timeout(1_500) }
    const answers = await model.batch(questions(3), leaving, { returnExceptions: true })
    assert.lengthOf(
      answers.filter((answer) => answer instanceof Error && answer.name === "TimeoutError"),
      2
    )
    assert.isBelow(performance.now() - from, 10_000)
  })

  it("through a binding is fed as well", async () => {
    const { url } = await ollama()
    const model = guarded({ targets: [{ model: chatOllama(url), slots: 4 }], queue: { max: 4 } })
    const answers = await model.withConfig({ stop: ["\n"] }).batch(questions(50))
    assert.lengthOf(answers, 50)
  })

  it("leaves room in line for others, of the same caller too", async () => {
    const model = guarded({ targets: [{ name: "g", model: slow(2), slots: 2 }] })
    let isOver = false
    const batch = model.batch(questions(600)).then(() => (isOver = true))
    const others: Array<string> = []
    for (let at = 0; at < 20; at++) others.push((await model.invoke("mine")).text)
    assert.isFalse(isOver)
    assert.deepStrictEqual(new Set(others), new Set(["yes"]))
    await batch
  })

  it("asks nobody while a limit has said when to come back, and then as many as are let in", async () => {
    let refused = 0
    const model = guarded({
      targets: [says("yes")],
      anonymous: { rate: "10/s", burst: 1 },
      record: ({ error }) => void (error === undefined || refused++)
    })
    await model.batch(questions(8))
    // A handful at first, and one more each time, at the most.
    assert.isAtMost(refused, 12)
  })

  it("uses all slots that there are", async () => {
    let [now, most] = [0, 0]
    const model = new Scripted(async function* () {
      most = Math.max(most, ++now)
      await pass(5)
      now--
      yield chunk("yes")
    })
    await guarded({ targets: [{ name: "g", model, slots: 20 }] }).batch(questions(200))
    assert.strictEqual(most, 20)
  })

  const limited = { targets: [says("yes")], anonymous: { rate: "1/min", burst: 1 } }

  it("ends for whoever waits for his turn when his call has to be over, as it says or its route", async () => {
    for (const [options, route] of [
      [{ deadline: "300ms" }, {}],
      [{}, { deadline: "300ms" }]
    ] as const) {
      const from = performance.now()
      const model = guarded({ ...limited, ...route })
      const [first, second] = await model.batch(["a", "b"], options, { returnExceptions: true })
      assert.strictEqual((first as AIMessage).text, "yes")
      assert.deepInclude((second as unknown as SpillwayError).reason, { _tag: "TimedOut", phase: "queue" })
      assert.isBelow(performance.now() - from, 3_000)
    }
  })

  it("takes the time that somebody has waited for his turn from what his answer may take", async () => {
    const model = guarded({ targets: [{ name: "g", model: slow(400), slots: 1 }], queue: { max: 0 } })
    const from = performance.now()
    const answers = await model.batch(questions(3), { deadline: "600ms" }, { returnExceptions: true })
    const late = answers.filter((answer) => answer instanceof Error)
    assert.lengthOf(late, 2)
    assert.isBelow(performance.now() - from, 1_100)
  })

  it("ends when its model is closed, also for whoever waits until a limit lets him in", async () => {
    const model = guarded(limited)
    const batch = model.batch(["a", "b"], {}, { returnExceptions: true })
    await pass(50)
    await model.close()
    const [, second] = await batch
    assert.strictEqual((second as unknown as SpillwayError).reason._tag, "Unavailable")
  })

  it("is told so where it is read word by word, too", async () => {
    const model = guarded({ ...limited, deadline: "300ms" })
    const heard: Array<string> = []
    const callbacks = [{ handleLLMNewToken: (word: string) => void heard.push(word) }]
    const [, second] = await model.batch(["a", "b"], { callbacks }, { returnExceptions: true })
    assert.deepInclude((second as unknown as SpillwayError).reason, { _tag: "TimedOut", phase: "queue" })
    assert.strictEqual(heard.join(""), "yes")
  })
})
