/** The tools that look and ask nobody: what there is, how it is, and what may still be spent. */
import { describe, expect, it } from "vitest"
import { call, connected, type Scene, scene, textOf } from "./fixtures/scene.ts"

/** One route, that somebody has named. */
const routed: Scene = { router: () => ({ routes: { chat: { targets: ["gpu/a"] } } }), door: { routes: ["chat"] } }

describe("list_models", () => {
  it("leaves out what cannot be asked now, unless that is wanted", async () => {
    const { spillway, url } = await scene(routed)
    const client = await connected(url)
    spillway.drain("gpu")
    expect((await call(client, "list_models")).structuredContent).toMatchObject({ models: [] })
    const all = await call(client, "list_models", { available_only: false })
    expect(all.structuredContent).toMatchObject({ models: [{ name: "chat", available: false }] })
  })

  it("says what each of them is asked with, and that what no server has is not available", async () => {
    const { url } = await scene()
    const { models } = (await call(await connected(url), "list_models")).structuredContent as {
      readonly models: ReadonlyArray<{ readonly name: string; readonly ask_with: ReadonlyArray<string> }>
    }
    expect(new Map(models.map((each) => [each.name, each.ask_with]))).toStrictEqual(
      new Map([
        ["a:latest", ["generate"]],
        ["b:latest", ["generate"]],
        ["v-embed:latest", ["embed"]]
      ])
    )
    const routes = { zzz: { targets: ["gpu/zzz"] }, a: { targets: ["gpu/a"] } }
    const confined = await scene({ router: () => ({ routes }), door: { routes: Object.keys(routes) } })
    const told = await call(await connected(confined.url), "list_models", { available_only: false })
    expect(told.structuredContent).toMatchObject({
      models: [
        { name: "zzz", available: false },
        { name: "a", available: true }
      ]
    })
  })
})

describe("health", () => {
  it("says in one word how everything is, and each route with when to come back", async () => {
    const { spillway, url } = await scene(routed)
    const client = await connected(url)
    expect((await call(client, "health")).structuredContent).toStrictEqual({
      status: "ok",
      upstreams: [{ name: "gpu", is_down: false, is_draining: false, models: 3 }],
      routes: [{ name: "chat", status: "ok", next: "gpu/a", waiting: 0 }]
    })
    spillway.drain("gpu")
    expect((await call(client, "health", { route: "chat" })).structuredContent).toMatchObject({
      status: "down",
      routes: [{ name: "chat", status: "down" }]
    })
  })

  it("tells every target, the last hour and incidents where that is wanted", async () => {
    const { url } = await scene(routed)
    const client = await connected(url)
    await call(client, "generate", { prompt: "Why?" })
    expect((await call(client, "health", { detail: true })).structuredContent).toMatchObject({
      routes: [{ name: "chat", tiers: [{ targets: [{ target: "gpu/a", why: "next" }] }], last_hour: { calls: 1 } }],
      incidents: []
    })
  })

  it("knows the models that servers list, and no route that nobody has named", async () => {
    const client = await connected((await scene()).url)
    for (const route of ["a", "a:latest"]) {
      const told = (await call(client, "health", { route })).structuredContent
      expect(told).toMatchObject({ routes: [{ name: route, status: "ok", waiting: 0 }] })
    }
    expect(textOf(await call(client, "health", { route: "chat" }))).toMatch(
      /^route was none that is known: .*list_models/
    )
  })
})

describe("budget", () => {
  it("tells in dollars what all together and whoever asks may still spend", async () => {
    const { url } = await scene({
      router: () => ({
        budgets: { total: "$2/day", each: "100k tok/day" },
        prices: { "gpu/*": { input: 1, output: 1 } }
      }),
      http: { caller: "ann" }
    })
    const client = await connected(url)
    await call(client, "generate", { prompt: "Why? [[sim tokens=7]]", model: "a" })
    const { budgets, caller } = (await call(client, "budget")).structuredContent as {
      readonly caller: string
      readonly budgets: ReadonlyArray<Record<string, unknown>>
    }
    expect(caller).toBe("ann")
    expect(budgets).toMatchObject([
      { budget: "total", unit: "usd", limit: 2, spent: 0.00001, reserved: 0, unsettled: 0, remaining: 1.99999 },
      { budget: "each", unit: "tokens", limit: 100_000, spent: 10 }
    ])
  })

  it("has nothing to tell where nothing limits what is spent", async () => {
    const result = await call(await connected((await scene()).url), "budget")
    expect(result.structuredContent).toStrictEqual({ caller: "default", budgets: [] })
  })
})
