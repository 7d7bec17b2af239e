/**
 * Two servers behind one router, one of which is killed in the midst of answers and comes back: none of 200 calls is
 * lost, cut or spliced. And a route that keeps its model: it is loaded before anybody asks, for the context that the
 * route says, and no question loads it anew. Played on simulated servers, and on real ones where there are any.
 */
import { connect, createServer, type Server, type Socket } from "node:net"
import type { AddressInfo } from "node:net"
import { createSpillway, Question, type Record } from "@spillway/core"
import { Ollama } from "@spillway/upstream"
import { describe, expect, it } from "vitest"
import type { Environment, Started } from "./environment.ts"
import { program, start } from "./ollama.ts"
import { pause } from "./scenario.ts"
import { startSimulated } from "./simulated.ts"

const calls = 200
const tokens = 12

/** A port that stays the same whichever server is behind it, or none. */
const door = async (): Promise<{ readonly url: string; behind: string | undefined; close: () => void }> => {
  const sockets = new Set<Socket>()
  const state: { readonly url: string; behind: string | undefined; close: () => void } = {
    url: "",
    behind: undefined,
    close: () => undefined
  }
  const server: Server = createServer((client) => {
    if (state.behind === undefined) return client.destroy()
    const { hostname, port } = new URL(state.behind)
    const inner = connect(Number(port), hostname)
    for (const [one, other] of [
      [client, inner],
      [inner, client]
    ] as const) {
      sockets.add(one)
      one.on("error", () => other.destroy())
      one.on("close", () => {
        sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
    return undefined
  })
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve)
  })
  const { port } = server.address() as AddressInfo
  const close = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return Object.assign(state, { url: `http://127.0.0.1:${port}`, close })
}

const play = async (starting: (environment: Environment) => Promise<Started>, rescue: "resume" | "whole") => {
  const environment = { parallel: 4 }
  const doors = [await door(), await door()]
  let [one, two] = [await starting(environment), await starting(environment)]
  doors[0]!.behind = one.url
  doors[1]!.behind = two.url
  const records: Array<Record.CallRecord> = []
  const spillway = createSpillway({
    upstreams: {
      one: { upstream: Ollama.make("one", { url: doors[0]!.url }), slots: 4 },
      two: { upstream: Ollama.make("two", { url: doors[1]!.url }), slots: 4 }
    },
    routes: { chat: { targets: ["one/mini-a", "two/mini-a"], queue: { max: calls } } },
    defaults: { rescue, breaker: { open: "1s" }, retry: { attempts: 5, budget: "off" } },
    record: (each) => void records.push(each)
  })
  try {
    const prompt = `How high is it? [[sim tokens=${tokens} token_ms=10]]`
    const whole = (await spillway.ask({ model: "chat", prompt })).text
    const asked = Array.from({ length: calls }, async (_, index) => {
      await pause(index * 20)
      return spillway.ask({ model: "chat", prompt }).then(
        ({ text }) => text,
        (error: unknown) => String(error)
      )
    })
    await pause(1_000)
    doors[0]!.behind = undefined
    await one.stop()
    await pause(1_500)
    one = await starting(environment)
    doors[0]!.behind = one.url
    const texts = await Promise.all(asked)
    const broken = records.flatMap(({ attempts }) => attempts.filter(({ outcome }) => outcome !== "ok"))
    const again = records.slice(-20).some(({ target }) => target === "one/mini-a")
    return { texts: new Set(texts), whole, records: records.length, broken: broken.length, again }
  } finally {
    await spillway.close()
    for (const each of doors) each.close()
    await one.stop()
    await two.stop()
    two = one
  }
}

const found = process.env.SPILLWAY_REAL === undefined ? { why: "`pnpm real` builds one and asks it" } : await program()

describe.each([
  ["simulated", startSimulated, "resume", false],
  ["simulated, held back", startSimulated, "whole", false],
  ["real", start, "whole", "why" in found]
] as const)("a server of two that is killed and comes back: %s", (_, starting, rescue, isMissing) => {
  it.skipIf(isMissing)(
    "costs none of 200 calls a word",
    async () => {
      const told = await play(starting, rescue)
      expect([...told.texts]).toEqual([told.whole])
      expect(told.whole.trim().split(/\s+/)).toHaveLength(tokens)
      expect(told.records).toBe(calls + 1)
      expect(told.broken).toBeGreaterThan(0)
      expect(told.again).toBe(true)
    },
    90_000
  )
})

/** The models that are loaded there, with their contexts, and for how many minutes they stay. */
const loaded = async (url: string) => {
  const answer = (await (await fetch(`${url}/api/ps`)).json()) as {
    readonly models: ReadonlyArray<{ readonly name: string; context_length: number; expires_at: string }>
  }
  return answer.models.map(({ context_length: context, expires_at: expires, name }) => ({
    name,
    context,
    minutes: Math.round((Date.parse(expires) - Date.now()) / 60_000)
  }))
}

const keep = async (starting: (environment: Environment) => Promise<Started>) => {
  const server = await starting({ parallel: 1 })
  const spillway = createSpillway({
    upstreams: { one: { upstream: Ollama.make("one", { url: server.url }), slots: 1 } },
    routes: { chat: { targets: ["one/mini-a"], context: 2_048, keepLoaded: "20m", preload: true } }
  })
  try {
    const until = performance.now() + 20_000
    while ((await loaded(server.url)).length === 0 && performance.now() < until) await pause(100)
    const before = await loaded(server.url)
    const prompt = "How high is it? [[sim tokens=3]]"
    const loads: Array<number> = []
    for (const model of ["chat", "one/mini-a", "mini-a"]) {
      const { summary } = await spillway.ask({ model, prompt })
      loads.push((summary.timings?.load ?? Infinity) / 1e6)
    }
    const messages = [{ role: "user", text: prompt }] as const
    const asked = Question.make("chat", { kind: "chat", messages, tools: [{ name: "measure", parameters: {} }] })
    const refused = await spillway.ask(asked).then(
      () => "ok",
      (error: { readonly reason: { readonly _tag: string } }) => error.reason._tag
    )
    return { before, loads, refused, after: await loaded(server.url) }
  } finally {
    await spillway.close()
    await server.stop()
  }
}

describe.each([
  ["simulated", startSimulated, false],
  ["real", start, "why" in found]
] as const)("a route that keeps its model: %s", (_, starting, isMissing) => {
  it.skipIf(isMissing)(
    "has it loaded before anybody asks, and asks it by any name without loading it anew",
    async () => {
      const told = await keep(starting)
      const kept = [{ name: "mini-a:latest", context: 2_048, minutes: 20 }]
      expect([told.before, told.after]).toEqual([kept, kept])
      expect(Math.max(...told.loads)).toBeLessThan(150)
      expect(told.refused).toBe("Unsupported")
    },
    90_000
  )
})
