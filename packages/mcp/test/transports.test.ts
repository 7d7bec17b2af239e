/** The door over HTTP: who is let in, before anything of a body is read, and what bounds those who are. */
import { connect } from "node:net"
import { request } from "node:http"
import { Effect, Exit } from "effect"
import { describe, expect, it } from "vitest"
import { Http } from "@spillway/mcp"
import { call, connected, held, scene, until } from "./fixtures/scene.ts"

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "0.0.0" } }
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: string
}

/** Sends a request as it is told, with whatever Host and Origin. */
const send = (
  url: string,
  { body = initialize, method = "POST", ...headers }: Record<string, unknown> & { readonly method?: string } = {}
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const usual = { "content-type": "application/json", accept: "application/json, text/event-stream" }
    const asked = request(
      url,
      { method, headers: { ...usual, ...(headers as Record<string, string>) } },
      (response) => {
        let text = ""
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
        response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, body: text }))
        response.on("error", reject)
      }
    )
    asked.on("error", reject)
    asked.end(method === "POST" ? JSON.stringify(body) : undefined)
  })

const began = async (url: string, headers: Record<string, string> = {}): Promise<string> =>
  String((await send(url, headers)).headers["mcp-session-id"])

describe("a page in a browser", () => {
  it("is turned away by the Host that it names, or by its own name, though it comes from this machine", async () => {
    const { sessions, url } = await scene()
    for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io:80", "127.0.0.1@evil.example"]) {
      expect([host, (await send(url, { host })).status]).toStrictEqual([host, 403])
    }
    for (const origin of ["https://evil.example", "null", "http://localhost.evil.example", "file://"]) {
      expect([origin, (await send(url, { origin })).status]).toStrictEqual([origin, 403])
    }
    expect(sessions()).toBe(0)
    for (const host of ["localhost", "127.0.0.1:1", "[::1]:80", "LOCALHOST:99"]) {
      expect([host, (await send(url, { host })).status]).toStrictEqual([host, 200])
    }
    expect((await send(url, { origin: "http://localhost:6274" })).status).toBe(200)
  })

  it("is turned away before anything of its body is read", async () => {
    const { url } = await scene()
    const { port } = new URL(url)
    const socket = connect(Number(port), "127.0.0.1")
    let said = ""
    socket.setEncoding("utf8").on("data", (text: string) => (said += text))
    socket.write("POST /mcp HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1000000\r\n\r\n")
    await until(() => said.includes("\r\n\r\n"))
    expect(said).toMatch(/^HTTP\/1\.1 403 /)
    socket.destroy()
  })

  it("may come by another name where that is said", async () => {
    const { url } = await scene({ http: { hosts: ["models.example"] } })
    expect((await send(url, { host: "models.example" })).status).toBe(200)
    expect((await send(url, { host: "others.example" })).status).toBe(403)
  })
})

describe("a caller", () => {
  const keys = { ann: "open-sesame", bob: "let-me-in" }

  it("is known by his key, and nobody without one is let in", async () => {
    const { url } = await scene({ http: { keys } })
    const refused = await send(url)
    expect([refused.status, refused.headers["www-authenticate"]]).toStrictEqual([401, 'Bearer realm="spillway"'])
    for (const authorization of ["Bearer wrong", "open-sesame", "Basic open-sesame", "Bearer "]) {
      const answer = await send(url, { authorization })
      expect(answer.status).toBe(401)
      expect(answer.body).not.toContain("sesame")
    }
    const client = await connected(url, { authorization: "Bearer let-me-in" })
    expect((await call(client, "budget")).structuredContent).toMatchObject({ caller: "bob" })
  })

  it("has no session that is somebody else's", async () => {
    const { url } = await scene({ http: { keys } })
    const id = await began(url, { authorization: "Bearer open-sesame" })
    const ping = { jsonrpc: "2.0", id: 2, method: "ping" }
    const asking = (key: string) =>
      send(url, { authorization: `Bearer ${key}`, "mcp-session-id": id, body: ping as unknown as typeof initialize })
    expect((await asking("let-me-in")).status).toBe(404)
    expect((await asking("open-sesame")).status).toBe(200)
  })

  it("has limits of his own", async () => {
    const { url } = await scene({
      http: { keys },
      router: () => ({ callers: { ann: { rate: "1/min" } } })
    })
    const [ann, bob] = await Promise.all(
      Object.values(keys).map((key) => connected(url, { authorization: `Bearer ${key}` }))
    )
    const ask = async (client: typeof ann) => (await call(client!, "generate", { prompt: "Why?", model: "a" })).isError
    expect([await ask(ann), await ask(ann), await ask(bob), await ask(bob)]).toStrictEqual([
      undefined,
      true,
      undefined,
      undefined
    ])
  })
})

describe("a session", () => {
  it("that is not known is 404, so that its client begins anew", async () => {
    const { url } = await scene()
    const answer = await send(url, { "mcp-session-id": "nobody's" })
    expect([answer.status, (JSON.parse(answer.body) as { error: { code: number } }).error.code]).toStrictEqual([
      404, -32_001
    ])
  })

  it("is begun by initialize alone: whatever else comes without one leaves nothing behind", async () => {
    const { made, sessions, url } = await scene()
    const { listeners } = made.journal as unknown as { readonly listeners: ReadonlySet<unknown> }
    const ping = { jsonrpc: "2.0", id: 2, method: "ping" } as unknown as typeof initialize
    expect((await send(url, { body: ping })).status).toBe(400)
    expect((await send(url, { method: "GET" })).status).toBe(400)
    expect((await send(url, { method: "DELETE" })).status).toBe(400)
    expect((await send(url.replace("/mcp", "/other"))).status).toBe(404)
    expect([sessions(), listeners.size]).toStrictEqual([0, 0])
  })

  it("is one of so many at most; the next one is told when to come back", async () => {
    const { sessions, url } = await scene({ http: { sessionsMax: 3 } })
    for (let count = 0; count < 3; count++) await began(url)
    const refused = await send(url)
    expect([refused.status, refused.headers["retry-after"], sessions()]).toStrictEqual([503, "10", 3])
  })

  it("is forgotten when nothing has come for long, and not while a client listens to it", async () => {
    const { sessions, url } = await scene({ http: { idleForMillis: 300 } })
    await began(url)
    const client = await connected(url)
    expect(sessions()).toBe(2)
    await until(() => sessions() === 1, 2_000)
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect((await call(client, "health")).isError).toBeUndefined()
    await client.close()
    await until(() => sessions() === 0, 2_000)
  })

  it("ends with its client's DELETE", async () => {
    const { sessions, url } = await scene()
    const id = await began(url)
    expect((await send(url, { method: "DELETE", "mcp-session-id": id })).status).toBe(200)
    expect(sessions()).toBe(0)
  })
})

describe("a body", () => {
  it("that is too long is refused in JSON, whether it says so before or not", async () => {
    const { url } = await scene({ http: { bodyMax: 10_000 } })
    const long = { ...initialize, more: "x".repeat(20_000) } as unknown as typeof initialize
    const answer = await send(url, { body: long })
    expect(answer.status).toBe(413)
    expect(() => JSON.parse(answer.body) as unknown).not.toThrow()
    expect((await send(url, { body: long, "transfer-encoding": "chunked" })).status).toBe(413)
  })

  it("of a prompt as long as a book is none", async () => {
    const client = await connected((await scene()).url)
    const result = await call(client, "generate", { prompt: "why ".repeat(40_000), model: "a" })
    expect(result._meta).toMatchObject({ "dev.spillway/error": { code: "context_too_long" } })
  })

  it("that is no JSON is answered as the protocol says", async () => {
    const { url } = await scene()
    const answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
      body: "{"
    })
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: -32_700 } }])
  })
})

describe("a server", () => {
  const serve = () => {
    throw new Error("Nobody is to be served.")
  }

  it("does not listen where others can reach it without a key", async () => {
    const opened = await Effect.runPromiseExit(Effect.scoped(Http.open(serve, { host: "0.0.0.0" })))
    expect(String(Exit.isFailure(opened) && opened.cause)).toContain("0.0.0.0 can be reached from other machines")
  })

  it("says which port is taken", async () => {
    const { url } = await held(Http.open(serve))
    const port = Number(new URL(url).port)
    const opened = await Effect.runPromiseExit(Effect.scoped(Http.open(serve, { port })))
    expect(String(Exit.isFailure(opened) && opened.cause)).toContain(`127.0.0.1:${port} is taken`)
  })
})
