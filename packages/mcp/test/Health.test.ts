/** What is told of how everything is, where nobody has named a route: as the command is started most often. */
import { describe, expect, it } from "vitest"
import { call, connected, gpu, model, scene } from "./fixtures/scene.ts"

type Client = Awaited<ReturnType<typeof connected>>

const statusOf = async (client: Client) =>
  ((await call(client, "health")).structuredContent as { readonly status: string }).status

/** Which models are told of, and whether they can be asked. */
const modelsOf = async (client: Client) => {
  const { models } = (await call(client, "list_models", { available_only: false })).structuredContent as {
    readonly models: ReadonlyArray<{ readonly name: string; readonly available: boolean }>
  }
  return Object.fromEntries(models.map(({ available, name }) => [name, available]))
}

describe("without a route", () => {
  it("a server that is drained is down, and nothing there can be asked", async () => {
    const { spillway, url } = await scene({ sim: { models: [model("a")] } })
    const client = await connected(url)
    expect([await statusOf(client), await modelsOf(client)]).toStrictEqual(["ok", { "a:latest": true }])
    spillway.drain("gpu")
    expect([await statusOf(client), await modelsOf(client)]).toStrictEqual(["down", { "a:latest": false }])
    expect((await call(client, "list_models")).structuredContent).toMatchObject({ models: [] })
    spillway.drain("gpu", false)
    expect(await statusOf(client)).toBe("ok")
  })

  it("a model whose breaker is open cannot be asked, by either of its names, and others can", async () => {
    const { url } = await scene({
      sim: { models: [model("a"), model("b")], faults: ["overloaded"] },
      router: () => ({ defaults: { retry: { attempts: 1 }, breaker: { failures: 1, open: "10m" } } })
    })
    const client = await connected(url)
    await call(client, "generate", { prompt: "Why?", model: "a" })
    expect([await statusOf(client), await modelsOf(client)]).toStrictEqual([
      "degraded",
      { "a:latest": false, "b:latest": true }
    ])
    await call(client, "generate", { prompt: "Why?", model: "b:latest" })
    expect([await statusOf(client), await modelsOf(client)]).toStrictEqual([
      "down",
      { "a:latest": false, "b:latest": false }
    ])
  })

  it("no server at all is down from the first look on", async () => {
    const { url } = await scene({ router: () => ({ upstreams: { gpu: gpu("http://127.0.0.1:1") } }) })
    const client = await connected(url)
    expect([await statusOf(client), await modelsOf(client)]).toStrictEqual(["down", {}])
  })

  it("what cannot be looked at is taken to be well", async () => {
    const { url } = await scene({ router: () => ({ upstreams: { mine: async () => "Yes" } }) })
    expect(await statusOf(await connected(url))).toBe("ok")
  })
})

describe("with a route", () => {
  it("no server at all is down as well, and the route cannot be asked", async () => {
    const { url } = await scene({
      router: () => ({ upstreams: { gpu: gpu("http://127.0.0.1:1") }, routes: { chat: { targets: ["gpu/a"] } } }),
      door: { routes: ["chat"] }
    })
    const client = await connected(url)
    expect([await statusOf(client), await modelsOf(client)]).toStrictEqual(["down", { chat: false }])
  })

  it("health is as fresh as a second, however seldom servers are looked at otherwise", async () => {
    const { server, url } = await scene({
      router: () => ({ routes: { chat: { targets: ["gpu/a"] } } }),
      door: { routes: ["chat"] }
    })
    const client = await connected(url)
    expect(await statusOf(client)).toBe("ok")
    await fetch(`${server.url}/_sim/faults`, { method: "POST", body: "unavailable path=/api/tags" })
    await expect.poll(() => statusOf(client), { timeout: 3_000 }).toBe("down")
    await fetch(`${server.url}/_sim/faults`, { method: "DELETE" })
    await expect.poll(() => statusOf(client), { timeout: 3_000 }).toBe("ok")
  })
})
