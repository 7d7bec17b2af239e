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

const controlled = async (method: string, path: string, body?: unknown) => {
  const given = typeof body === "string" ? body : JSON.stringify(body)
  const response = await fetch(url + path, { method, ...(body !== undefined && { body: given }) })
  const value = (await response.json()) as {
    readonly on: ReadonlyArray<Record<string, unknown>>
    readonly requests?: unknown
    readonly error?: string
  }
  return { status: response.status, allow: response.headers.get("allow"), ...value }
}

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

  it("says which methods a path takes, and which paths there are", async () => {
    const told = async (method: string, path: string) => {
      const { allow, error, status } = await controlled(method, path)
      return [status, allow, error]
    }
    expect(await told("PUT", "/_sim/faults")).toEqual([
      405,
      "GET, POST, DELETE",
      "/_sim/faults takes GET or POST or DELETE"
    ])
    expect(await told("POST", "/_sim/requests")).toEqual([405, "DELETE, GET", "/_sim/requests takes DELETE or GET"])
    expect(await told("DELETE", "/_sim/models")).toEqual([405, "GET", "/_sim/models takes GET"])
    expect(await told("GET", "/_sim/fault")).toEqual([
      404,
      null,
      "write one of /faults, /requests, /models after /_sim"
    ])
  })

  it("takes a fault as it tells of it", async () => {
    await controlled("POST", "/_sim/faults", "die 12.5% x3 model=mini path=/api after=1s for=1m30s every=2m at=3")
    await controlled("POST", "/_sim/faults", "slow-load 100% span=5s")
    const { on } = await controlled("GET", "/_sim/faults")
    expect(on).toEqual([
      {
        fault: "die",
        share: 0.125,
        count: 3,
        model: "mini",
        path: "/api",
        after: "1s",
        for: "1m30s",
        every: "2m",
        at: 3,
        struck: 0,
        phase: "later"
      },
      { fault: "slow-load", share: 1, span: "5s", struck: 0, phase: "now" }
    ])
    expect((await controlled("DELETE", "/_sim/faults")).on).toEqual([])
    // How often it has struck is told anew.
    for (const each of on) expect((await controlled("POST", "/_sim/faults", { ...each, struck: 7 })).status).toBe(200)
    expect((await controlled("DELETE", "/_sim/faults?fault=busy")).on).toEqual(on)
    const { error, status } = await controlled("DELETE", "/_sim/faults?fault=dei")
    expect([status, error]).toEqual([404, '"dei" is no fault: did you mean die?'])
    expect((await controlled("GET", "/_sim/faults")).on).toEqual(on)
    await controlled("DELETE", "/_sim/faults")
  })

  it("switches off nothing where what to switch off is misspelt", async () => {
    await controlled("POST", "/_sim/faults", "die")
    const { error, status } = await controlled("DELETE", "/_sim/faults?falt=die")
    expect([status, error]).toEqual([400, "write fault=NAME, or nothing for all; read falt"])
    expect((await controlled("DELETE", "/_sim/faults")).on).toEqual([])
  })

  it("forgets who has asked, where it is told to", async () => {
    await (await fetch(`${url}/api/version`)).text()
    expect((await controlled("GET", "/_sim/requests")).requests).not.toEqual([])
    expect((await controlled("DELETE", "/_sim/requests")).requests).toEqual([])
  })

  it("takes no share that is none", async () => {
    for (const share of [20, -0.1, 1.01, "0.2"]) {
      const { error, status } = await controlled("POST", "/_sim/faults", { fault: "die", share })
      expect([status, error]).toEqual([400, expect.stringMatching(/share: read .*20?%|share: .*not negative/)])
    }
  })

  it("tells of an answer that broke, or lacks its end, that it is broken", async () => {
    const broken: Array<unknown> = []
    for (const fault of [
      "die at=2",
      "end at=2",
      "empty",
      "done-missing",
      "unreadable at=2",
      "repeat",
      "slow span=1ms"
    ]) {
      const own = await started(Server.start({ models: [{ name: "mini", kind: "go", load: "10ms" }], faults: [fault] }))
      for (const stream of [true, false]) {
        const body = JSON.stringify({ model: "mini", prompt: "hi [[sim tokens=4 token_ms=1]]", stream })
        await (await fetch(`${own.url}/api/generate`, { method: "POST", body })).text()
      }
      broken.push([fault, ...own.traffic.passages.map(({ end, status }) => `${status} ${end}`)])
    }
    expect(broken).toEqual([
      ["die at=2", "200 broken", "500 complete"],
      ["end at=2", "200 broken", "200 broken"],
      ["empty", "200 broken", "200 broken"],
      ["done-missing", "200 broken", "200 broken"],
      ["unreadable at=2", "200 broken", "500 complete"],
      ["repeat", "200 broken", "200 broken"],
      ["slow span=1ms", "200 complete", "200 complete"]
    ])
  })

  it("tells of a page in place of a provider's answer that it is broken, though its status is good", async () => {
    const hosted = await started(HostedServer.start({ face: "openai", faults: ["html-200 x1", "html"] }))
    for (let place = 0; place < 2; place++) await (await fetch(`${hosted.url}/v1/models`)).text()
    const body = JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "hi" }] })
    for (let place = 0; place < 2; place++) {
      await (await fetch(`${hosted.url}/v1/chat/completions`, { method: "POST", body })).text()
    }
    expect(hosted.traffic.passages.map(({ end, status }) => `${status} ${end}`)).toEqual([
      "200 broken",
      "502 complete",
      "502 complete",
      "502 complete"
    ])
  })

  it("is there for hosted providers too, which need no more than a face", async () => {
    for (const face of ["openai", "anthropic"] as const) {
      const hosted = await started(HostedServer.start({ face }))
      await fetch(`${hosted.url}/_sim/faults`, { method: "POST", body: "overloaded x1" })
      const told = (await (await fetch(`${hosted.url}/_sim/faults`)).json()) as { readonly on: ReadonlyArray<unknown> }
      expect(told.on).toEqual([{ fault: "overloaded", count: 1, struck: 0, phase: "now" }])
    }
  })
})
