/** One trace on a socket and in virtual time: the two forms of the simulation must tell the same story. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { Given } from "../src/ollama/Model.ts"
import * as Server from "../src/Server.ts"
import * as Virtual from "../src/Virtual.ts"
import { all, asking } from "./asked.ts"

interface Call {
  readonly at: number
  readonly model: string
  readonly prompt: string
}

/** Two models of which one may be loaded, so that all of it is in play: loads, evictions, slots, lines. */
const options = {
  models: ["a", "b"].map((name): Given => ({ name, kind: "plain", load: "400ms", prefill: 1e6, decode: 50 })),
  modelsMax: 1,
  parallel: 2,
  queueMax: 3
}

/** Arrivals of a second and a half, from a seed. */
const trace: Effect.Effect<ReadonlyArray<Call>> = Random.withSeed(
  Effect.forEach([...Array(30).keys()], (place) =>
    Effect.gen(function* () {
      const model = (yield* Random.next) < 0.7 ? "a" : "b"
      const tokens = 2 + Math.floor((yield* Random.next) * 12)
      return { at: place * 50, model, prompt: `${place} [[sim tokens=${tokens}]]` }
    })
  ),
  "trace"
)

/** What became of a call: how it ended, what it said, and milliseconds from the question to the end. */
interface Story {
  readonly status: number
  readonly text: string
  readonly took: number
}

const onSocket = async (url: string, { at, model, prompt }: Call): Promise<Story> => {
  await new Promise((resolve) => setTimeout(resolve, at))
  const begun = performance.now()
  const body = JSON.stringify({ model, messages: [{ role: "user", content: prompt }], stream: false })
  const response = await fetch(`${url}/api/chat`, { method: "POST", body })
  const { message } = (await response.json()) as { readonly message?: { readonly content: string } }
  return { status: response.status, text: message?.content ?? "", took: performance.now() - begun }
}

const toldOnSocket = (calls: ReadonlyArray<Call>): Effect.Effect<ReadonlyArray<Story>> =>
  Effect.promise(async () => {
    const scope = await Effect.runPromise(Scope.make())
    const { url } = await Effect.runPromise(Scope.provide(Server.start(options), scope))
    const stories = await Promise.all(calls.map((call) => onSocket(url, call)))
    await Effect.runPromise(Scope.close(scope, Exit.void))
    return stories
  })

const outcomesOf = (stories: ReadonlyArray<Story>) => stories.map(({ status, text }) => [status, text])

const equals = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other)

describe("one trace", () => {
  it.effect("is the same story on a socket and in virtual time", () =>
    Effect.gen(function* () {
      const calls = yield* trace
      const virtual = yield* Virtual.make("gpu", options)
      const fibers = yield* Effect.forEach(calls, ({ at, model, prompt }) =>
        asking(virtual, prompt, { model, after: at })
      )
      yield* TestClock.adjust("5 minutes")
      const told = yield* all(fibers)
      const outcomes = told.map(({ reason, text }) => [reason === undefined ? 200 : 503, text])
      let live = yield* toldOnSocket(calls)
      // A machine that is busy with something else lets calls arrive in another order: not every time.
      for (let again = 0; again < 4 && !equals(outcomesOf(live), outcomes); again++) live = yield* toldOnSocket(calls)
      assert.deepStrictEqual(outcomesOf(live), outcomes)
      assert.include(
        live.map(({ status }) => status),
        503
      )
      const late = live.map(({ took }, place) => took - told[place]!.tookMillis).toSorted((one, other) => one - other)
      // A busy machine makes all of it later, and never sooner.
      assert.isAbove(late[0]!, -60)
      assert.isBelow(late[Math.floor(late.length / 2)]!, 250)
    })
  )
})
