/** What changes while nobody calls: who has subscribed hears of it within a second, and incidents are kept. */
import { ResourceUpdatedNotificationSchema } from "@modelcontextprotocol/sdk/types.js"
import { refusal, type Router } from "@spillway/core"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { Journal } from "../src/Journal.ts"
import { call, connected, scene, until } from "./fixtures/scene.ts"

/** A client that has subscribed, and when it heard of what. */
const subscribed = async (
  { url }: Pick<Awaited<ReturnType<typeof scene>>, "url">,
  ...topics: ReadonlyArray<string>
) => {
  const client = await connected(url)
  const heard: Array<string> = []
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void heard.push(params.uri))
  for (const topic of topics) await client.subscribeResource({ uri: `spillway://${topic}` })
  return { client, heard }
}

const chat = { routes: { chat: { targets: ["gpu/a"] } } }

// A machine that is busy with something else is late for one and another, not for all of them.
describe("whoever has subscribed hears within seconds", { retry: 2 }, () => {
  it("that a server is down, and that it is back", async () => {
    const scened = await scene({
      router: () => chat,
      door: { routes: ["chat"] }
    })
    const { client, heard } = await subscribed(scened, "health")
    const { server } = scened
    const healthy = async () => ((await call(client, "health")).structuredContent as { readonly status: string }).status
    expect([await healthy(), heard]).toStrictEqual(["ok", []])
    for (const fault of ["unavailable path=/api/tags", undefined]) {
      heard.length = 0
      await fetch(
        `${server.url}/_sim/faults`,
        fault === undefined ? { method: "DELETE" } : { method: "POST", body: fault }
      )
      // Two looks in a row have to say so, and none is older than a second.
      await until(() => heard.includes("spillway://health"), 3_000)
    }
    expect(await healthy()).toBe("ok")
    const incidents = (await call(client, "health", { detail: true })).structuredContent as {
      readonly incidents: ReadonlyArray<Record<string, string>>
    }
    expect(incidents.incidents).toMatchObject([{ target: "gpu", how: "down" }])
    const [{ since, until: over }] = incidents.incidents as [{ readonly since: string; readonly until: string }]
    expect(Date.parse(over)).toBeGreaterThan(Date.parse(since))
  })

  it("that a breaker has opened, and is told for how long", async () => {
    const scened = await scene({
      sim: { faults: ["overloaded model=a*"] },
      router: () => ({ ...chat, defaults: { retry: { attempts: 1 }, breaker: { failures: 2, open: "20s" } } }),
      door: { routes: ["chat"] }
    })
    const { client, heard } = await subscribed(scened, "health", "routes", "incidents")
    for (let count = 0; count < 2; count++) await call(client, "generate", { prompt: "Why?" })
    await until(() => heard.length >= 3, 1_000)
    expect(new Set(heard)).toStrictEqual(
      new Set(["health", "routes", "incidents"].map((topic) => `spillway://${topic}`))
    )
    const { contents } = await client.readResource({ uri: "spillway://incidents" })
    const { incidents } = JSON.parse((contents[0] as { readonly text: string }).text) as { readonly incidents: unknown }
    expect(incidents).toMatchObject([{ target: "gpu/a", how: "open" }])
    expect((await call(client, "health")).structuredContent).toMatchObject({
      status: "down",
      routes: [{ retry_after_ms: expect.any(Number) as number }]
    })
  })

  it("that most of his budget is spent, and others do not", async () => {
    const { made, url } = await scene({
      router: () => ({ budgets: { each: "200 tok/day" } }),
      http: { keys: { ann: "open-sesame", bob: "let-me-in" } }
    })
    const listen = async (key: string) => {
      const client = await connected(url, { authorization: `Bearer ${key}` })
      const heard: Array<string> = []
      client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void heard.push(params.uri))
      await client.subscribeResource({ uri: "spillway://budget" })
      return { client, heard }
    }
    const ann = await listen("open-sesame")
    const bob = await listen("let-me-in")
    const ask = (tokens: number) =>
      call(ann.client, "generate", { prompt: `Why? [[sim tokens=${tokens}]]`, model: "a", max_tokens: tokens })
    await ask(40)
    await Effect.runPromise(made.journal.look)
    expect(ann.heard).toStrictEqual([])
    await ask(125)
    await until(() => ann.heard.length > 0, 1_000)
    expect([ann.heard, bob.heard]).toStrictEqual([["spillway://budget"], []])
  })

  it("of what happens right after he has subscribed", async () => {
    const scened = await scene({ router: () => chat, door: { routes: ["chat"] } })
    const { heard } = await subscribed(scened, "health")
    scened.spillway.drain("gpu")
    await until(() => heard.length > 0, 1_500)
  })

  it("and no longer once he has taken it back", async () => {
    const scened = await scene({ router: () => chat, door: { routes: ["chat"] } })
    const { client, heard } = await subscribed(scened, "health")
    await client.unsubscribeResource({ uri: "spillway://health" })
    scened.spillway.drain("gpu")
    await Effect.runPromise(scened.made.journal.look)
    // What had been told would have come before this answer.
    await call(client, "budget")
    expect(heard).toStrictEqual([])
  })
})

describe("a journal", () => {
  /** A router of which only the status is asked. */
  const service = (status: () => Router.Status) =>
    ({
      status: Effect.sync(status),
      lookWithin: () => Effect.void,
      budget: () => Effect.succeed({})
    }) as unknown as Router.Service

  const status = (down: ReadonlyArray<string>): Router.Status => ({
    upstreams: ["one", "two"].map((name) => ({
      name,
      isDown: down.includes(name),
      isSeen: true,
      isDraining: false,
      version: undefined,
      models: [],
      loaded: []
    })),
    routes: [],
    differing: []
  })

  it("keeps so many incidents at most, the latest first and those that last before them", async () => {
    let down: ReadonlyArray<string> = []
    const journal = new Journal(
      service(() => status(down)),
      { incidentsMax: 3 }
    )
    const look = (...names: ReadonlyArray<string>) => {
      down = names
      return Effect.runPromise(journal.look)
    }
    await look("one")
    expect(journal.incidents).toMatchObject([{ target: "one", how: "down" }])
    expect(journal.incidents[0]).not.toHaveProperty("until")
    for (let count = 0; count < 5; count++) {
      await look("two")
      await look("one")
    }
    const told = journal.incidents
    expect(told.map(({ target }) => target)).toStrictEqual(["one", "two", "one", "two"])
    expect(told.map(({ until: over }) => over === undefined)).toStrictEqual([true, false, false, false])
  })

  it("asks no server to be looked at while nobody listens", async () => {
    let looks = 0
    const quiet = { ...service(() => status([])), lookWithin: () => Effect.sync(() => void looks++) }
    const journal = new Journal(quiet)
    await Effect.runPromise(journal.look)
    expect(looks).toBe(0)
    const stop = journal.listen({ caller: "ann", topics: new Set(["health"]), changed: () => {} })
    await Effect.runPromise(journal.look)
    expect(looks).toBe(1)
    stop()
    await Effect.runPromise(journal.look)
    expect(looks).toBe(1)
  })

  it("goes on although a budget cannot be told", async () => {
    const broken = {
      ...service(() => status(["one"])),
      budget: () => Effect.fail(refusal({ _tag: "Unknown" }))
    }
    const journal = new Journal(broken)
    journal.listen({ caller: "ann", topics: new Set(["budget"]), changed: () => {} })
    await Effect.runPromise(journal.look)
    expect(journal.incidents).toHaveLength(1)
  })
})
