/** A call that is ended before its answer is: what its client is told then, and what becomes of it. */
import { describe, expect, it } from "vitest"
import { call, connected, gpu, model, scene, textOf, until } from "./fixtures/scene.ts"

type Called = Awaited<ReturnType<typeof call>>

const factsOf = (result: Called) => result._meta?.["dev.spillway/error"]

const ask = { prompt: "Why? [[sim tokens=1000]]", model: "a" }

describe("where nothing has come before its client gives up, he is told", () => {
  it("that he is still in line, and when to come back", async () => {
    const { server, spillway, url } = await scene({
      sim: { models: [model("a", { decode: 20 })] },
      router: (at) => ({ upstreams: { gpu: gpu(at) } }),
      door: { patience: "600 millis" }
    })
    const client = await connected(url)
    const left = new AbortController()
    const running = spillway.ask({ model: "a", prompt: ask.prompt }, { signal: left.signal })
    await until(() => server.traffic.open.length > 0)
    const result = await call(client, "generate", ask)
    expect(textOf(result)).toMatch(/^Still in line after 1 s: come back in \d+ s\. \{"code":"timed_out",/)
    expect(factsOf(result)).toMatchObject({ code: "timed_out", retryable: true, retry_after_ms: 10_000 })
    left.abort()
    await expect(running).rejects.toThrow("abort")
  })

  it("that the server says nothing, and that he may ask again", async () => {
    const { url } = await scene({ sim: { models: [model("a")], faults: ["hang"] }, door: { patience: "400 millis" } })
    const result = await call(await connected(url), "generate", ask)
    expect(textOf(result)).toMatch(/^Nothing had come from gpu\/a after 1 s: ask again, or ask for less\. /)
    expect(factsOf(result)).toStrictEqual({ code: "timed_out", retryable: true })
  })

  it("that the model is being loaded, which goes on without him, once, until its first word", async () => {
    const { server, url } = await scene({
      sim: { models: [model("a", { load: "4s", decode: 50 })] },
      door: { patience: "1800 millis" }
    })
    const client = await connected(url)
    const chats = () => server.traffic.passages.filter(({ path }) => path === "/api/chat")
    const [result, other] = await Promise.all([call(client, "generate", ask), call(client, "generate", ask)])
    for (const each of [result, other]) {
      expect(textOf(each)).toMatch(/^The model at gpu\/a is being loaded, and goes on: ask again in 10 s\. /)
      expect(factsOf(each)).toStrictEqual({ code: "timed_out", retryable: true, retry_after_ms: 10_000 })
    }
    expect(
      chats()
        .map(({ end }) => end)
        .toSorted()
    ).toStrictEqual(["left", "open"])
    await until(() => chats().every(({ end }) => end === "left"))
    const short = { prompt: "Why? [[sim tokens=3]]", model: "a" }
    expect((await call(client, "generate", short)).structuredContent).toMatchObject({ truncated: false })
  })

  it("the same, but that the load has a bound", async () => {
    const { server, url } = await scene({
      sim: { models: [model("a", { load: "20s" })] },
      door: { patience: "1500 millis", loadFor: "700 millis" }
    })
    const begun = performance.now()
    await call(await connected(url), "generate", ask)
    await until(() => server.traffic.passages.findLast(({ path }) => path === "/api/chat")?.end === "left")
    expect(performance.now() - begun).toBeGreaterThan(2_150)
  })

  it("as soon where he hears how far it has come, which proves no patience", async () => {
    const { url } = await scene({ sim: { models: [model("a", { decode: 50 })] }, door: { patience: "1500 millis" } })
    const client = await connected(url)
    const begun = performance.now()
    const result = await client.callTool({ name: "generate", arguments: ask }, undefined, { onprogress: () => {} })
    expect(result.structuredContent).toMatchObject({ truncated: true, finish_reason: "timeout" })
    expect(performance.now() - begun).toBeLessThan(10_000)
  })

  it("and whoever leaves while a model is loaded for him ends that as well", async () => {
    const { server, url } = await scene({ sim: { models: [model("a", { load: "20s" })] } })
    const left = new AbortController()
    const client = await connected(url)
    client.callTool({ name: "generate", arguments: ask }, undefined, { signal: left.signal }).catch(() => {})
    const chat = () => server.traffic.passages.findLast(({ path }) => path === "/api/chat")
    await until(() => chat()?.end === "open")
    left.abort()
    await until(() => chat()?.end === "left")
  })
})

describe("what has come is answered, and said not to be whole,", () => {
  const broken = (fault: string, timeouts?: { readonly idle: string }) =>
    scene({
      sim: { models: [model("a", { decode: 200 })], faults: [fault] },
      router: () => ({
        defaults: { rescue: "off", retry: { attempts: 1 }, ...(timeouts !== undefined && { timeouts }) }
      })
    })

  it("where the connection broke", async () => {
    const result = await call(await connected((await broken("cut at=5")).url), "generate", ask)
    expect(result.structuredContent).toMatchObject({ truncated: true, finish_reason: "cut", target: "gpu/a" })
    expect((result.structuredContent as { readonly text: string }).text.length).toBeGreaterThan(0)
    expect(textOf(result)).toMatch(
      /\[Not the whole answer: gpu\/a broke off after \d\.\d s\. Ask again, or ask for less\.\]/
    )
  })

  it("where it fell silent for too long", async () => {
    const { url } = await broken("silence at=5", { idle: "300ms" })
    const result = await call(await connected(url), "generate", ask)
    expect(result.structuredContent).toMatchObject({ truncated: true, finish_reason: "timeout" })
    expect(textOf(result)).toMatch(/\[Not the whole answer: its time was over after \d\.\d s\. Ask for less, or allow/)
  })

  it("and is an error where nothing has come", async () => {
    const result = await call(await connected((await broken("reset")).url), "generate", ask)
    expect(factsOf(result)).toMatchObject({ code: "cut", retryable: true })
  })
})

describe("a result", () => {
  it("has so many bytes at most, whatever it is made of, so that it breaks no client", async () => {
    for (const character of ["a", "\u0001", "\u{1F30A}", '"']) {
      const { url } = await scene({ router: () => ({ upstreams: { mine: async () => character.repeat(5_000_000) } }) })
      const result = await call(await connected(url), "generate", { prompt: "Why?", model: "a" })
      expect(result.structuredContent).toMatchObject({ truncated: true, finish_reason: "size" })
      expect(textOf(result)).toContain("[Not the whole answer: it is longer than 4 MB. Ask for less.]")
      const bytes = Buffer.byteLength(JSON.stringify(result))
      expect(bytes).toBeGreaterThan(3_900_000)
      expect(bytes).toBeLessThan(4_001_000)
      expect((result.structuredContent as { readonly text: string }).text.isWellFormed()).toBe(true)
    }
  })
})
