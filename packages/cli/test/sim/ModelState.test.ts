/** How models are told to stand while one waits for another to go. */
import { afterEach, describe, expect, it } from "vitest"
import { Server } from "@spillway/sim"
import { Effect, Exit, Scope } from "effect"
import { modelsOf } from "../../src/sim/ModelState.ts"

const scope = Effect.runSync(Scope.make())
afterEach(() => Effect.runPromise(Scope.close(scope, Exit.void)))

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe("a model", () => {
  it("waits until another has gone, and loads only then", async () => {
    const models = [
      { name: "first", load: "1ms" },
      { name: "second", load: "1h" },
      { name: "third", load: "1h" }
    ] as const
    const { ollama, url } = await Effect.runPromise(Scope.provide(Server.start({ models, modelsMax: 1 }), scope))
    const states = () => Object.fromEntries(modelsOf(ollama).map(({ name, state }) => [name, state]))
    const leaving = new AbortController()
    const ask = (model: string, tokens: number, signal?: AbortSignal) =>
      void fetch(`${url}/api/generate`, {
        method: "POST",
        body: JSON.stringify({ model, prompt: `[[sim tokens=${tokens} token_ms=1000]]` }),
        ...(signal !== undefined && { signal })
      }).catch(() => undefined)
    ask("first", 9_999, leaving.signal)
    expect(states()).toEqual({ first: "cold", second: "cold", third: "cold" })
    await until(() => states().first === "loading")
    await until(() => modelsOf(ollama)[0]!.running === 1)
    ask("second", 1)
    await until(() => modelsOf(ollama)[1]!.waitingForLoad === 1)
    expect(states()).toEqual({ first: "loaded", second: "waiting", third: "cold" })
    leaving.abort()
    await until(() => states().first === "cold")
    ask("third", 1)
    await until(() => modelsOf(ollama)[2]!.waitingForLoad === 1)
    expect(states()).toEqual({ first: "cold", second: "loading", third: "waiting" })
  })
})
