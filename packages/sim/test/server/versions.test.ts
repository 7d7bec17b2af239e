/** What older versions say on a socket, where it is not what the newest says. */
import { afterEach, describe, expect, it } from "vitest"
import { quick, serve, type Serving } from "./running.ts"

let server: Serving
afterEach(() => server.stop())

const ask = async (path: string, body: object) => {
  const answer = await fetch(server.url + path, { method: "POST", body: JSON.stringify({ model: "a", ...body }) })
  return { status: answer.status, type: answer.headers.get("content-type"), body: await answer.text() }
}

const chat = { messages: [{ role: "user", content: "hello" }] }
const died = "an error was encountered while running the model: unexpected EOF"
const stopped =
  "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check ollama " +
  "server logs for details"
const words = (count: number): string => Array.from({ length: count }, (_, each) => `w${each}`).join(" ")

describe("a runner that dies before its first token", () => {
  it("is a line of a 200 in v0.11.4, and has a status of its own since", async () => {
    server = await serve({ models: [quick("a")], version: "0.11.4", faults: ["die at=0"] })
    expect(await ask("/api/chat", chat)).toEqual({
      status: 200,
      type: "application/x-ndjson",
      body: `{"error":"${stopped}"}\n`
    })
    expect((await ask("/api/chat", { ...chat, stream: false })).status).toBe(500)
    expect(server.traffic.passages.map(({ end, status }) => [status, end])).toEqual([
      [200, "broken"],
      [500, "complete"]
    ])
    await server.stop()
    server = await serve({ models: [quick("a")], version: "0.12.6", faults: ["die at=0"] })
    expect(await ask("/api/chat", chat)).toMatchObject({ status: 500, body: `{"error":"${stopped}"}` })
    await server.stop()
    server = await serve({ models: [quick("a")], version: "0.34.0", faults: ["die at=0"] })
    expect(await ask("/api/chat", chat)).toMatchObject({ status: 500, body: `{"error":"${died}"}` })
  })
})

describe("a prompt that is too long", () => {
  it.each([
    ["0.11.4", 128],
    ["0.24.0", 128],
    ["0.34.0", 66]
  ])("is cut in v%s to %d of 128 tokens", async (version, count) => {
    server = await serve({ models: [quick("a")], version })
    const prompt = Array.from({ length: 500 }, (_, each) => `w${each}`).join(" ")
    const { body } = await ask("/api/generate", { prompt, raw: true, stream: false, options: { num_ctx: 128 } })
    expect(JSON.parse(body)).toMatchObject({ done: true, prompt_eval_count: count })
  })

  it("is cut in v0.11.4 also for who wants nothing cut, and is refused in v0.24 in its own words", async () => {
    const prompt = Array.from({ length: 500 }, (_, each) => `w${each}`).join(" ")
    const asked = { prompt, raw: true, stream: false, truncate: false, shift: false, options: { num_ctx: 128 } }
    server = await serve({ models: [quick("a")], version: "0.11.4" })
    expect(JSON.parse((await ask("/api/generate", asked)).body)).toMatchObject({ prompt_eval_count: 128 })
    await server.stop()
    server = await serve({ models: [quick("a")], version: "0.24.0" })
    expect(await ask("/api/generate", asked)).toMatchObject({
      status: 400,
      body: '{"error":"the input length exceeds the context length"}'
    })
  })
})

describe("a caller who wants nothing cut", () => {
  const turns = Array.from({ length: 9 }, (_, each) => ({ role: each % 2 ? "assistant" : "user", content: words(35) }))
  const asked = { messages: turns, stream: false, options: { num_ctx: 128 } }
  const countOf = async (more: object): Promise<number> => {
    const { body } = await ask("/api/chat", { ...asked, ...more })
    return (JSON.parse(body) as { prompt_eval_count: number }).prompt_eval_count
  }

  it("loses his turns in v0.11.4 all the same", async () => {
    server = await serve({ models: [quick("a")], version: "0.11.4" })
    expect(await countOf({ truncate: false })).toBe(await countOf({}))
  })

  it.each([
    ["0.11.4", false],
    ["0.34.0", true]
  ])("has the model loaded anew in v%s: %s", async (version, isAnew) => {
    server = await serve({ models: [quick("a")], version })
    await ask("/api/chat", { ...chat, stream: false })
    const { body } = await ask("/api/chat", { ...chat, stream: false, shift: false })
    const { load_duration } = JSON.parse(body) as { load_duration: number }
    expect(load_duration > 200e6).toBe(isAnew)
  })
})

describe("a model that runs in the cloud", () => {
  it("goes on from the numbers that it gave", async () => {
    server = await serve({ models: [quick("big:cloud")] })
    const asked = { model: "big:cloud", prompt: "hello [[sim tokens=9]]", stream: false }
    const first = JSON.parse((await ask("/api/generate", asked)).body) as { context: ReadonlyArray<number> }
    const { body } = await ask("/api/generate", { ...asked, context: first.context })
    expect(JSON.parse(body)).toMatchObject({ prompt_eval_count: first.context.length + 2 })
  })

  it("is called by its name there, and is never among those that are loaded", async () => {
    server = await serve({ models: [quick("a"), quick("big:120b-cloud")] })
    const { body } = await ask("/api/chat", { ...chat, model: "big:120b-cloud", stream: false })
    expect(JSON.parse(body)).toMatchObject({ model: "big:120b", done: true })
    const { models } = (await (await fetch(`${server.url}/api/ps`)).json()) as { models: unknown }
    expect(models).toEqual([])
    const tags = (await (await fetch(`${server.url}/api/tags`)).json()) as { models: ReadonlyArray<object> }
    expect(tags.models[1]).toMatchObject({
      name: "big:120b-cloud",
      remote_model: "big:120b",
      remote_host: "https://ollama.com:443"
    })
    expect(tags.models[0]).not.toHaveProperty("remote_model")
  })
})
