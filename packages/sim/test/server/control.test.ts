/** The control API: it tells no word of a prompt, and obeys no page. */
import { request } from "node:http"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Effect, Exit, Scope } from "effect"
import * as HostedServer from "../../src/HostedServer.ts"
import * as Server from "../../src/Server.ts"

const scope = Effect.runSync(Scope.make())
const started = <A, E>(server: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Scope.provide(server, scope))

let url = ""
beforeAll(async () => {
  url = (await started(Server.start({ models: [{ name: "mini", load: "10ms", decode: 1_000 }] }))).url
})
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

const statusOf = (path: string, headers: Record<string, string>): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const asking = request(url + path, { headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    asking.once("error", reject)
    asking.end()
  })

describe("the control API", () => {
  it("tells who was asked and how it went, and no word of a prompt or of an answer", async () => {
    const body = JSON.stringify({ model: "mini", prompt: "sesame [[sim text=treasure tokens=3]]", stream: false })
    const answer = await (await fetch(`${url}/api/generate`, { method: "POST", body })).text()
    expect(answer).toContain("treasure")
    const told: Array<string> = []
    for (const path of ["requests", "models", "faults"]) {
      told.push(await (await fetch(`${url}/_sim/${path}`)).text())
    }
    expect(told.join()).not.toMatch(/sesame|treasure/)
    expect(told[0]).toMatch(/"path":"\/api\/generate","model":"mini"/)
  })

  it("obeys no page: neither one that says where it is from, nor one under a name that leads here", async () => {
    expect(await statusOf("/_sim/requests", {})).toBe(200)
    expect(await statusOf("/_sim/requests", { Origin: "http://localhost:3000" })).toBe(403)
    expect(await statusOf("/_sim/requests", { Host: "evil.example" })).toBe(403)
  })

  it("names the fault of a request also where it struck its load, or a provider", async () => {
    const models = [{ name: "mini", load: "10ms" }] as const
    const ollama = await started(Server.start({ models, faults: ["load-memory"] }))
    const hosted = await started(HostedServer.start({ face: "openai", faults: ["rate-limited"] }))
    const asked = { model: "mini", messages: [{ role: "user", content: "hi" }] }
    const named: Array<unknown> = []
    for (const [{ traffic, url: own }, path, model] of [
      [ollama, "/api/chat", "mini"],
      [hosted, "/v1/chat/completions", "gpt-4o-mini"]
    ] as const) {
      await (await fetch(own + path, { method: "POST", body: JSON.stringify({ ...asked, model }) })).text()
      named.push(traffic.passages.map(({ fault, status }) => [fault, status]))
    }
    expect(named).toEqual([[["load-memory", 500]], [["rate-limited", 429]]])
  })

  it("is there for hosted providers too, which need no more than a face", async () => {
    for (const face of ["openai", "anthropic"] as const) {
      const hosted = await started(HostedServer.start({ face }))
      await fetch(`${hosted.url}/_sim/faults`, { method: "POST", body: "overloaded x1" })
      const told = (await (await fetch(`${hosted.url}/_sim/faults`)).json()) as { readonly on: ReadonlyArray<unknown> }
      expect(told.on).toEqual([{ fault: "overloaded", count: 1, struck: 0 }])
    }
  })
})
