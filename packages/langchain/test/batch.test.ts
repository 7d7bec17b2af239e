/** A batch is fed to the router as fast as that admits it: whoever would be refused waits instead. */
import { assert, describe, it } from "@effect/vitest"
import { getRetryable } from "@langchain/core/errors"
import type { SpillwayError } from "@spillway/core"
import { chatOllama, done, failureOf, guarded, line, ollama, pass, saying } from "./serving.ts"

const questions = (count: number) => Array.from({ length: count }, (_, at) => `Question ${at}`)

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
    // All but twenty at first, and then one for a round of twenty answers or so.
    assert.isBelow(refused, 1_200)
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
})
