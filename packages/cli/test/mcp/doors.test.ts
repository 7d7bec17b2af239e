/** `spillway mcp` as a client of the SDK meets it, the same over both of its doors. */
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js"
import { describe, expect, it } from "vitest"
import { http, model, simulated, stdio, until } from "./doors.ts"

type Client = Awaited<ReturnType<typeof http>>

const call = async (client: Client, name: string, given: Record<string, unknown> = {}): Promise<CallToolResult> =>
  (await client.callTool({ name, arguments: given })) as CallToolResult

const slow = { models: [model("a", { decode: 50 })] }

for (const [door, open] of [
  ["stdio", stdio],
  ["HTTP", http]
] as const) {
  describe(`over ${door}`, { timeout: 60_000 }, () => {
    it("every tool answers what its schema says, and every resource can be read", async () => {
      const { url } = await simulated()
      const client = await open(["--ollama", url, "--admin"])
      expect(client.getServerVersion()?.name).toBe("spillway")
      expect((await call(client, "list_models")).structuredContent).toMatchObject({ default: "a:latest" })
      const asked = await call(client, "generate", { prompt: "Why? [[sim tokens=5]]" })
      expect(asked.structuredContent).toMatchObject({ target: "ollama/a:latest", truncated: false })
      expect((await call(client, "embed", { input: ["one"] })).structuredContent).toMatchObject({ dims: 64 })
      expect((await call(client, "health", { detail: true })).structuredContent).toMatchObject({ status: "ok" })
      expect((await call(client, "budget")).structuredContent).toStrictEqual({ caller: "default", budgets: [] })
      const drained = { upstream: "ollama", enabled: false }
      expect((await call(client, "set_upstream", drained)).structuredContent).toStrictEqual(drained)
      for (const { uri } of (await client.listResources()).resources) {
        const { contents } = await client.readResource({ uri })
        expect(JSON.parse((contents[0] as { readonly text: string }).text)).toBeInstanceOf(Object)
      }
    })

    it("only models that were named can be asked, the first by default, as the caller that was named", async () => {
      const { url } = await simulated({ models: [model("a"), model("b"), model("c")] })
      const client = await open(["--ollama", url, "--model", "b", "--model", "c", "--caller", "editor"])
      expect((await call(client, "list_models")).structuredContent).toMatchObject({
        default: "b",
        models: [{ name: "b" }, { name: "c" }]
      })
      expect((await call(client, "generate", { prompt: "Why?" })).structuredContent).toMatchObject({
        target: "ollama/b"
      })
      const other = await call(client, "generate", { prompt: "Why?", model: "a" })
      expect(other._meta).toMatchObject({ "dev.spillway/error": { code: "forbidden", retryable: false } })
      expect((await call(client, "budget")).structuredContent).toMatchObject({ caller: "editor" })
    })

    it("a refusal reaches a client that has read the schemas", async () => {
      const { url } = await simulated({ models: [model("a")], faults: ["overloaded model=a*"] })
      const result = await call(await open(["--ollama", url]), "generate", { prompt: "Why?", deadline_ms: 1_000 })
      expect(result.isError).toBe(true)
      expect(result.structuredContent).toBeUndefined()
      expect(result._meta).toMatchObject({ "dev.spillway/error": { code: "overloaded", retryable: true } })
    })

    it("it is told how far a call has come", async () => {
      const { url } = await simulated(slow)
      const heard: Array<string> = []
      const client = await open(["--ollama", url])
      await client.callTool({ name: "generate", arguments: { prompt: "Why? [[sim tokens=40]]" } }, undefined, {
        onprogress: ({ message = "" }) => heard.push(message)
      })
      expect(heard.at(-1)).toMatch(/^answering: \d+ parts so far from ollama\/a:latest$/)
    })

    it("whoever cancels ends the work at the server within 100 ms", async () => {
      const server = await simulated(slow)
      const chats = () => server.traffic.passages.filter(({ path }) => path === "/api/chat")
      const client = await open(["--ollama", server.url])
      const took: Array<number> = []
      // A machine that is busy with something else is late for one and another, not for all of them.
      while (took.length < 5 && !took.some((millis) => millis < 100)) {
        const left = new AbortController()
        const given = { name: "generate", arguments: { prompt: "Why? [[sim tokens=1000]]" } }
        client.callTool(given, undefined, { signal: left.signal }).catch(() => {})
        await until(() => chats().some(({ end }) => end === "open"))
        const begun = performance.now()
        left.abort()
        await until(() => chats().every(({ end }) => end !== "open"))
        took.push(performance.now() - begun)
        expect(chats().at(-1)?.end).toBe("left")
      }
      expect(Math.min(...took)).toBeLessThan(100)
    })

    it("a call is over after as long as was said", async () => {
      const { url } = await simulated(slow)
      const client = await open(["--ollama", url, "--patience", "1500ms"])
      const result = await call(client, "generate", { prompt: "Why? [[sim tokens=1000]]" })
      expect(result.structuredContent).toMatchObject({ truncated: true, finish_reason: "timeout" })
    })

    it("an answer that takes too long is cut, and says so", async () => {
      const { url } = await simulated(slow)
      const client = await open(["--ollama", url])
      await call(client, "generate", { prompt: "Warm up [[sim tokens=1]]" })
      const result = await call(client, "generate", { prompt: "Why? [[sim tokens=1000]]", deadline_ms: 1_000 })
      expect(result.structuredContent).toMatchObject({ truncated: true, finish_reason: "timeout" })
    })
  })
}
