/** The tools as a client of the SDK meets them that has read their schemas: it holds every answer to these. */
import { Ollama } from "@spillway/upstream"
import { describe, expect, it } from "vitest"
import { call, connected, model, scene, textOf, until } from "./fixtures/scene.ts"

describe("generate", () => {
  it("answers with words and the same as data, with where it came from and what it took", async () => {
    const client = await connected((await scene()).url)
    const result = await call(client, "generate", { prompt: "Why? [[sim tokens=5]]", model: "b" })
    const { latency_ms, queue_ms, text, ...data } = result.structuredContent as Record<string, unknown>
    expect(data).toStrictEqual({
      truncated: false,
      finish_reason: "stop",
      model: "b",
      target: "gpu/b",
      fallback_used: false,
      attempts: 1,
      usage: { input: 3, output: 5 }
    })
    expect(textOf(result)).toBe(text)
    expect(String(text).split(" ")).toHaveLength(5)
    expect([latency_ms, queue_ms].every((span) => Number(span) >= 0)).toBe(true)
    expect(result.isError).toBeUndefined()
  })

  it("asks what is loaded where no model is named, and says so in list_models", async () => {
    const { url } = await scene()
    const client = await connected(url)
    await call(client, "generate", { prompt: "Why?", model: "b" })
    expect((await call(client, "list_models")).structuredContent).toMatchObject({ default: "b:latest" })
    expect((await call(client, "generate", { prompt: "Why?" })).structuredContent).toMatchObject({
      target: "gpu/b:latest"
    })
  })

  it("asks the first route where there are routes", async () => {
    const { url } = await scene({
      router: () => ({ routes: { chat: { targets: ["gpu/b"] }, other: { targets: ["gpu/a"] } } }),
      door: { routes: ["chat", "other"] }
    })
    const client = await connected(url)
    expect((await call(client, "list_models")).structuredContent).toStrictEqual({
      default: "chat",
      models: [
        { name: "chat", targets: ["gpu/b"], loaded: false, available: true, ask_with: ["generate"] },
        { name: "other", targets: ["gpu/a"], loaded: false, available: true, ask_with: ["generate"] }
      ]
    })
    expect((await call(client, "generate", { prompt: "Why?" })).structuredContent).toMatchObject({ target: "gpu/b" })
  })

  it("says when another than the route's own servers has answered", async () => {
    const { url } = await scene({
      sim: { faults: ["overloaded model=a*"] },
      router: (at) => ({
        upstreams: { gpu: Ollama.make("gpu", { url: at }), hosted: Ollama.make("hosted", { url: at }) },
        routes: { chat: { targets: ["gpu/a"], overflow: ["hosted/b"] } },
        defaults: { retry: { attempts: 1 } }
      }),
      door: { routes: ["chat"] }
    })
    const result = await call(await connected(url), "generate", { prompt: "Why?" })
    expect(result.structuredContent).toMatchObject({ fallback_used: true, target: "hosted/b", attempts: 2 })
  })

  it("takes a conversation, and a system prompt before it", async () => {
    const client = await connected((await scene()).url)
    const messages = [
      { role: "user", content: "one two three" },
      { role: "assistant", content: "four" },
      { role: "user", content: "five [[sim tokens=2]]" }
    ]
    const alone = await call(client, "generate", { messages, model: "a" })
    const led = await call(client, "generate", { messages, system: "six seven eight", model: "a" })
    const [before, after] = [alone, led].map(
      ({ structuredContent }) => (structuredContent as { usage: { input: number } }).usage.input
    )
    expect(before).toBeGreaterThan(4)
    expect(after).toBeGreaterThan(before!)
  })

  it("answers JSON where the format is a schema", async () => {
    const client = await connected((await scene()).url)
    const format = { type: "object", properties: { name: { type: "string" } }, required: ["name"] }
    const result = await call(client, "generate", { prompt: "Who?", model: "a", format })
    const data = result.structuredContent as { readonly json: unknown; readonly text?: string }
    expect(data.json).toBeInstanceOf(Object)
    expect(data.text).toBeUndefined()
    expect(JSON.parse(textOf(result))).toStrictEqual(data.json)
  })

  it("says in words that it is no JSON, where a model was asked for a shape and has none", async () => {
    const prose = async () => "Sure! Here it is: {a:"
    const { url } = await scene({ router: () => ({ upstreams: { prose: { upstream: prose, slots: 2 } } }) })
    const client = await connected(url)
    const result = await call(client, "generate", { prompt: "Who?", model: "prose/m", format: { type: "object" } })
    expect(result.structuredContent).toMatchObject({ text: "Sure! Here it is: {a:", truncated: false })
    expect(result.structuredContent).not.toHaveProperty("json")
    expect(textOf(result)).toContain("it is no JSON")
  })

  it("says in words and in data that it is not whole, where it reached its most tokens", async () => {
    const client = await connected((await scene()).url)
    const result = await call(client, "generate", { prompt: "Why? [[sim tokens=50]]", model: "a", max_tokens: 3 })
    expect(result.structuredContent).toMatchObject({ truncated: true, finish_reason: "length" })
    expect(textOf(result)).toContain("Not the whole answer")
  })

  it("is cut where it is longer than anybody wants to read, and the work at the server ends", async () => {
    const { server, url } = await scene({ sim: { models: [model("a", { decode: 500 })] }, door: { bytesMax: 400 } })
    const result = await call(await connected(url), "generate", { prompt: "Why? [[sim tokens=2000]]", model: "a" })
    expect(result.structuredContent).toMatchObject({ truncated: true, finish_reason: "size" })
    expect((result.structuredContent as { readonly text: string }).text.length).toBe(200)
    expect(textOf(result)).toContain("[Not the whole answer: it is longer than 0.0004 MB. Ask for less.]")
    await until(() => server.traffic.passages.findLast(({ path }) => path === "/api/chat")?.end === "left")
  })

  it("is over before its client gives up, with what is there by then", async () => {
    const { server, url } = await scene({
      sim: { models: [model("a", { decode: 50 })] },
      door: { patience: "600 millis" }
    })
    const client = await connected(url)
    await call(client, "generate", { prompt: "Warm up [[sim tokens=1]]", model: "a" })
    const result = await call(client, "generate", { prompt: "Why? [[sim tokens=1000]]", model: "a" })
    expect(result.structuredContent).toMatchObject({ truncated: true, finish_reason: "timeout", target: "gpu/a" })
    const { latency_ms, text } = result.structuredContent as { readonly latency_ms: number; readonly text: string }
    expect(text.length).toBeGreaterThan(0)
    expect(latency_ms).toBeGreaterThanOrEqual(600)
    expect(latency_ms).toBeLessThan(10_000)
    expect(textOf(result)).toMatch(/Not the whole answer: it was ended after 0\.[67] s/)
    await until(() => server.traffic.open.length === 0)
  })

  it("answers what is there at the deadline that was named", async () => {
    const { url } = await scene({ sim: { models: [model("a", { decode: 50 })] } })
    const client = await connected(url)
    const result = await call(client, "generate", {
      prompt: "Why? [[sim tokens=1000]]",
      model: "a",
      deadline_ms: 1_500
    })
    expect(result.structuredContent).toMatchObject({ truncated: true, finish_reason: "timeout" })
  })

  it("says for what it has waited in vain where there is nothing to answer yet", async () => {
    const { url } = await scene({
      sim: { models: [model("a", { load: "20s" })] },
      door: { patience: "500 millis" }
    })
    const result = await call(await connected(url), "generate", { prompt: "Why?", model: "a" })
    expect(result.isError).toBe(true)
    expect(result.structuredContent).toBeUndefined()
    expect(textOf(result)).toContain('"code":"timed_out"')
  })
})

describe("embed", () => {
  it("answers the vectors of its texts, by the model that is there for it", async () => {
    const result = await call(await connected((await scene()).url), "embed", { input: ["one", "two"] })
    const {
      dims,
      model: by,
      vectors
    } = result.structuredContent as {
      readonly dims: number
      readonly model: string
      readonly vectors: ReadonlyArray<ReadonlyArray<number>>
    }
    expect([by, dims, vectors.length, vectors[1]!.length]).toStrictEqual(["v-embed:latest", 64, 2, 64])
    expect(textOf(result)).toBe("2 vectors of 64 numbers by v-embed:latest")
  })

  it("refuses more numbers than anybody wants to read", async () => {
    const input = Array.from({ length: 257 }, (_, index) => `text ${index}`)
    const client = await connected((await scene()).url)
    expect(textOf(await call(client, "embed", { input }))).toMatch(/^input was of type array: .* at most 256\./)
    const { url } = await scene({ sim: { models: [model("v-embed", { kind: "embed" })] } })
    expect((await call(await connected(url), "embed", { input: input.slice(0, 256) })).isError).toBeUndefined()
  })
})

describe("set_upstream and reset_breaker", () => {
  const routes = { router: () => ({ routes: { chat: { targets: ["gpu/a"] } } }), door: { routes: ["chat"] } }

  it("are for whom they are offered, and take a server out of service and back", async () => {
    const { url } = await scene({ ...routes, surface: { admin: true } })
    const client = await connected(url)
    const state = async () => ((await call(client, "health")).structuredContent as { readonly status: string }).status
    const drained = await call(client, "set_upstream", { upstream: "gpu", enabled: false })
    expect(drained.structuredContent).toStrictEqual({ upstream: "gpu", enabled: false })
    expect(await state()).toBe("down")
    const refused = await call(client, "generate", { prompt: "Why?" })
    expect(refused._meta).toMatchObject({ "dev.spillway/error": { code: "unavailable" } })
    await call(client, "set_upstream", { upstream: "gpu", enabled: true })
    expect([await state(), (await call(client, "generate", { prompt: "Why?" })).isError]).toStrictEqual([
      "ok",
      undefined
    ])
    expect(textOf(await call(client, "set_upstream", { upstream: "cpu", enabled: true }))).toMatch(
      /^upstream was "cpu":/
    )
  })

  it("close a breaker whose target has been mended", async () => {
    const { server, url } = await scene({
      ...routes,
      sim: { faults: ["overloaded model=a*"] },
      router: () => ({
        routes: { chat: { targets: ["gpu/a"] } },
        defaults: { retry: { attempts: 1 }, breaker: { failures: 1, open: "10m" } }
      }),
      surface: { admin: true }
    })
    const client = await connected(url)
    await call(client, "generate", { prompt: "Why?" })
    await fetch(`${server.url}/_sim/faults`, { method: "DELETE" })
    const ask = async () => (await call(client, "generate", { prompt: "Why?" })).isError
    expect(await ask()).toBe(true)
    expect((await call(client, "reset_breaker", { target: "gpu/a" })).structuredContent).toStrictEqual({
      target: "gpu/a"
    })
    expect(await ask()).toBeUndefined()
    expect((await call(client, "reset_breaker", { target: "gpu/z" })).isError).toBe(true)
  })

  it("are not there for anybody else", async () => {
    const client = await connected((await scene()).url)
    await expect(call(client, "set_upstream", { upstream: "gpu", enabled: false })).rejects.toMatchObject({
      code: -32_602
    })
  })
})

describe("a tool that is not there", () => {
  it("is an error of the protocol, and so is a resource", async () => {
    const client = await connected((await scene()).url)
    await expect(call(client, "delete_models")).rejects.toMatchObject({ code: -32_602 })
    await expect(client.readResource({ uri: "spillway://secrets" })).rejects.toMatchObject({ code: -32_002 })
    await expect(client.subscribeResource({ uri: "file:///etc/passwd" })).rejects.toMatchObject({ code: -32_002 })
  })
})
