/** A call that is under way: what its client hears of it, and what becomes of it when the client is gone. */
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js"
import { describe, expect, it } from "vitest"
import { call, connected, gpu, model, scene, until } from "./fixtures/scene.ts"

const long = { prompt: "Why? [[sim tokens=1000]]", model: "a" }

const slow = (more: Readonly<Record<string, unknown>> = {}) => ({ models: [model("a", { decode: 50, ...more })] })

describe("progress", () => {
  it("is told on every change and strictly rising, to whoever wants to hear it", async () => {
    const { url } = await scene({ sim: slow({ load: "600ms" }) })
    const client = await connected(url)
    const heard: Array<{ readonly progress: number; readonly message?: string | undefined; readonly at: number }> = []
    await client.callTool(
      { name: "generate", arguments: { prompt: "Why? [[sim tokens=40]]", model: "a" } },
      undefined,
      {
        onprogress: ({ message, progress }) => heard.push({ progress, message, at: performance.now() })
      }
    )
    const messages = heard.map(({ message }) => message)
    expect(messages.some((each) => each?.startsWith("loading the model at gpu/a") === true)).toBe(true)
    expect(messages.at(-1)).toMatch(/^answering: \d+ parts so far from gpu\/a$/)
    expect(heard.map(({ progress }) => progress)).toStrictEqual(heard.map((_, index) => index + 1))
    const seconds = (heard.at(-1)!.at - heard[0]!.at) / 1_000
    expect(heard.length).toBeLessThanOrEqual(4 * seconds + 2)
    expect(JSON.stringify(messages)).not.toContain("Why")
  })

  it("names the place in line, and how long that takes", async () => {
    const { url } = await scene({ sim: slow(), router: (at) => ({ upstreams: { gpu: gpu(at) } }) })
    const client = await connected(url)
    await call(client, "generate", { prompt: "Why? [[sim tokens=5]]", model: "a" })
    const running = call(client, "generate", { prompt: "Why? [[sim tokens=50]]", model: "a" })
    const heard: Array<string> = []
    const waiting = client.callTool({ name: "generate", arguments: { prompt: "Why?", model: "a" } }, undefined, {
      onprogress: ({ message = "" }) => heard.push(message)
    })
    await Promise.all([running, waiting])
    expect(heard[0]).toMatch(/^waiting: place 1 in line, about \d+ s to go$/)
  })

  it("comes at most four times a second, however fast the line moves", async () => {
    const { url } = await scene({ sim: slow(), router: (at) => ({ upstreams: { gpu: gpu(at) } }) })
    const client = await connected(url)
    await call(client, "generate", { prompt: "Why? [[sim tokens=1]]", model: "a" })
    const others = Array.from({ length: 20 }, () =>
      call(client, "generate", { prompt: "Why? [[sim tokens=3]]", model: "a" })
    )
    const heard: Array<string> = []
    const begun = performance.now()
    const given = { name: "generate", arguments: { prompt: "Why? [[sim tokens=3]]", model: "a" } }
    await client.callTool(given, undefined, { onprogress: ({ message = "" }) => heard.push(message) })
    const seconds = (performance.now() - begun) / 1_000
    await Promise.all(others)
    expect(heard.length).toBeGreaterThan(1)
    expect(heard.length).toBeLessThanOrEqual(4 * seconds + 1)
    expect(new Set(heard).size).toBeGreaterThan(1)
  })

  it("is a heartbeat where nothing changes", async () => {
    const { url } = await scene({ sim: slow({ load: "8s" }) })
    const client = await connected(url)
    const loading: Array<number> = []
    const left = new AbortController()
    const asked = client.callTool({ name: "generate", arguments: long }, undefined, {
      signal: left.signal,
      onprogress: ({ message = "" }) => {
        if (message.startsWith("loading")) loading.push(performance.now())
      }
    })
    await until(() => loading.length >= 2, 9_000)
    expect(loading[1]! - loading[0]!).toBeGreaterThan(4_500)
    left.abort()
    await expect(asked).rejects.toThrow("abort")
  })

  it("is not told to whoever has not asked for it", async () => {
    const { url } = await scene({ sim: slow() })
    const client = await connected(url)
    const heard: Array<unknown> = []
    client.fallbackNotificationHandler = (notification) => Promise.resolve(void heard.push(notification))
    await call(client, "generate", { prompt: "Why? [[sim tokens=40]]", model: "a" })
    expect(heard).toStrictEqual([])
  })
})

/** How long it takes until the server works for nobody any more: the best of a few, since the machine may be busy. */
const stopping = async (leave: (scened: Awaited<ReturnType<typeof scene>>) => Promise<() => unknown>) => {
  const scened = await scene({ sim: slow() })
  const chats = () => scened.server.traffic.passages.filter(({ path }) => path === "/api/chat")
  const took: Array<number> = []
  while (took.length < 5 && !took.some((millis) => millis < 100)) {
    const go = await leave(scened)
    await until(() => chats().some(({ end }) => end === "open"))
    const begun = performance.now()
    void go()
    await until(() => chats().every(({ end }) => end !== "open"))
    took.push(performance.now() - begun)
    expect(chats().at(-1)?.end).toBe("left")
  }
  return Math.min(...took)
}

describe("the work at a server ends within 100 ms", () => {
  it("when its client cancels", async () => {
    const took = await stopping(async ({ url }) => {
      const client = await connected(url)
      const left = new AbortController()
      client.callTool({ name: "generate", arguments: long }, undefined, { signal: left.signal }).catch(() => {})
      return () => left.abort()
    })
    expect(took).toBeLessThan(100)
  })

  it("when its client gives up waiting", async () => {
    const { server, url } = await scene({ sim: slow() })
    const client = await connected(url)
    const asked = client.callTool({ name: "generate", arguments: long }, undefined, { timeout: 500 })
    await expect(asked).rejects.toMatchObject({ code: -32_001 })
    await until(() => server.traffic.open.length === 0, 1_000)
  })

  it("when its client's connection breaks: nobody could ever hear the answer", async () => {
    const took = await stopping(async ({ url }) => {
      const client = await connected(url)
      const { sessionId } = client.transport as { readonly sessionId?: string }
      const left = new AbortController()
      fetch(url, {
        method: "POST",
        signal: left.signal,
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          "mcp-session-id": sessionId!
        },
        body: JSON.stringify({
          jsonrpc: "2.0",
          id: 7,
          method: "tools/call",
          params: { name: "generate", arguments: long }
        })
      })
        .then((response) => response.text())
        .catch(() => {})
      return () => left.abort()
    })
    expect(took).toBeLessThan(100)
  })

  it("when its session is ended", async () => {
    const took = await stopping(async ({ url }) => {
      const client = await connected(url)
      call(client, "generate", long).catch(() => {})
      return () => (client.transport as unknown as { readonly terminateSession: () => unknown }).terminateSession()
    })
    expect(took).toBeLessThan(100)
  })
})

describe("an answer that came after all", () => {
  it("is not disturbed by whoever cancels too late", async () => {
    const client = await connected((await scene()).url)
    const left = new AbortController()
    const result = (await client.callTool({ name: "generate", arguments: { prompt: "Why?" } }, undefined, {
      signal: left.signal
    })) as CallToolResult
    left.abort()
    expect(result.isError).toBeUndefined()
    expect((await call(client, "health")).isError).toBeUndefined()
  })
})
