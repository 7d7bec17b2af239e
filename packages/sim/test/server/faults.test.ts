/**
 * Every fault of the catalogue as it comes on a real socket, and when faults strike.
 */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { catalogue } from "../../src/ollama/Faults.ts"
import type { Expected, Row } from "./expected.ts"
import { rows } from "./rows.ts"
import { control, type Controlled, quick, serve, type Serving, until } from "./running.ts"
import { model, plain, question, type Surface, surfaces } from "./said.ts"
import { ask, type Asked, Wire } from "./wire.ts"

const names = Object.keys(surfaces) as ReadonlyArray<Surface>

/** All that came of a row, on a server of its own: loads take time, and all rows can wait at once. */
const played = async (row: Row): Promise<Readonly<Record<Surface, Asked>>> => {
  const { content = question, fault, isCold = false, more = {}, quietMillis = 700, server } = row
  const serving = await serve({ models: [quick(model)], ...server })
  const body = { model, messages: [{ role: "user", content }], ...more }
  // The first load of a server takes longer than any other.
  await ask(serving.port, "/api/chat", { ...body, messages: [] }, 5_000)
  await Effect.runPromise(serving.faults.add(fault))
  const came: Partial<Record<Surface, Asked>> = {}
  for (const name of names) {
    if (isCold) await ask(serving.port, "/api/chat", { ...body, messages: [], keep_alive: 0 })
    const surface = surfaces[name]
    came[name] = await ask(serving.port, surface.path, { ...body, ...surface.more, ...more }, quietMillis)
  }
  await serving.stop()
  return came as Record<Surface, Asked>
}

const frame = new Set(["Content-Type", "Date", "Content-Length", "Transfer-Encoding"])

const check = (asked: Asked, expected: Expected): void => {
  const { body, ended, first, headers = [], status, took, type } = expected
  const context = JSON.stringify({ status: asked.status, body: asked.body, ended: asked.ended })
  assert.strictEqual(asked.ended, ended, context)
  assert.strictEqual(asked.status, status, context)
  if (typeof body === "string") assert.strictEqual(plain(asked.body), body)
  else assert.isTrue(body(asked), context)
  const typed = asked.headers.find(([name]) => name === "Content-Type")
  assert.strictEqual(typed?.[1], type, context)
  assert.deepStrictEqual(
    asked.headers.filter(([name]) => !frame.has(name)),
    headers
  )
  if (first !== undefined) assertWithin(asked.firstMillis ?? Infinity, first)
  if (took !== undefined) assertWithin(asked.tookMillis, took)
}

const assertWithin = (millis: number, [from, to]: readonly [number, number]): void => {
  // Timers ring up to a millisecond early by the other clock.
  assert.isAtLeast(millis, from - 1)
  assert.isAtMost(millis, to)
}

it("has a row for each fault of the catalogue, and no other", () => {
  assert.deepStrictEqual(Object.keys(rows).toSorted(), Object.keys(catalogue).toSorted())
  const written = Object.entries(rows).flatMap(([name, each]) => each.map(({ fault }) => [name, fault.split(" ")[0]]))
  for (const [name, first] of written) assert.strictEqual(first, name)
})

describe("on a socket", () => {
  const all = Object.values(rows).flat()
  const came = new Map<Row, Readonly<Record<Surface, Asked>>>()
  beforeAll(async () => {
    await Promise.all(all.map(async (row) => came.set(row, await played(row))))
  })
  for (const row of all) {
    for (const surface of names) {
      it(`${row.fault} on ${surface === "whole" ? "/api/chat, not streamed" : surfaces[surface].path}`, () => {
        check(came.get(row)![surface], row.on[surface])
      })
    }
  }
})

const chat = { model, messages: [{ role: "user", content: question }] }

describe("when a fault strikes", () => {
  const quickly = async (options: Parameters<typeof serve>[0] = {}): Promise<Serving> => {
    const serving = await serve({
      models: [quick(model), quick("mini-b"), quick("vectors", { kind: "embed" })],
      ...options
    })
    return serving
  }

  /** Which of so many requests are struck, one after the other on one connection. */
  const struck = async (serving: Serving, count: number, path = "/api/chat"): Promise<ReadonlyArray<boolean>> => {
    const wire = await Wire.open(serving.port)
    const all: Array<boolean> = []
    for (let place = 0; place < count; place++) {
      wire.clear()
      // Nothing is said of the model that is not there, and no fault waits for that.
      wire.post(path, { model: "absent", messages: [] })
      await until(() => wire.came.isWhole)
      all.push(wire.came.status === 503)
    }
    wire.socket.destroy()
    return all
  }

  it("strikes a share of the requests, and the same ones again for the same seed", async () => {
    const runs = await Promise.all(
      [5, 5, 6].map(async (seed) => {
        const serving = await quickly({ seed, faults: ["busy 20%"] })
        const all = await struck(serving, 1_000)
        await serving.stop()
        return all
      })
    )
    const [one, again, other] = runs as [ReadonlyArray<boolean>, ReadonlyArray<boolean>, ReadonlyArray<boolean>]
    for (const run of runs) {
      // Four standard deviations of a binomial: 12.65 each.
      const count = run.filter(Boolean).length
      assert.isAbove(count, 149)
      assert.isBelow(count, 251)
    }
    assert.deepStrictEqual(again, one)
    assert.notDeepEqual(other, one)
    // Neither in turn nor in clumps: a fifth of those after a struck one are struck too.
    const pairs = one.filter((each, place) => each && one[place + 1] === true).length
    assert.isAbove(pairs, 15)
    assert.isBelow(pairs, 75)
  })

  it("strikes so many requests and then no more", async () => {
    const serving = await quickly({ faults: ["busy x3"] })
    assert.deepStrictEqual(await struck(serving, 6), [true, true, true, false, false, false])
    assert.strictEqual(serving.faults.on[0]?.struck, 3)
    await serving.stop()
  })

  it("is not used up by those who control it", async () => {
    const serving = await quickly({ faults: ["busy x1"] })
    await control(serving.url, "GET", "/faults")
    await control(serving.url, "GET", "/requests")
    assert.deepStrictEqual(await struck(serving, 2), [true, false])
    await serving.stop()
  })

  it("leaves alone who only looks, but where a path is said", async () => {
    const serving = await quickly({ faults: ["busy x1"] })
    const look = async (): Promise<number> => (await fetch(`${serving.url}/api/tags`)).status
    assert.strictEqual(await look(), 200)
    assert.deepStrictEqual(await struck(serving, 1), [true])
    await Effect.runPromise(serving.faults.add("unavailable path=/api/tags"))
    assert.strictEqual(await look(), 503)
    await serving.stop()
  })

  it("strikes only the paths that begin so", async () => {
    const serving = await quickly({ faults: ["unavailable path=/v1"] })
    assert.deepStrictEqual(await struck(serving, 1, "/v1/chat/completions"), [true])
    assert.deepStrictEqual(await struck(serving, 1, "/v1/messages"), [true])
    assert.deepStrictEqual(await struck(serving, 1, "/api/chat"), [false])
    await serving.stop()
  })

  it("answers again when it was switched off through the control API, and fails when it was switched on", async () => {
    const serving = await quickly()
    assert.deepStrictEqual(await struck(serving, 1), [false])
    const on = await control(serving.url, "POST", "/faults", "busy")
    assert.deepStrictEqual(on, { status: 200, value: { on: [{ fault: "busy", struck: 0, phase: "now" }] } })
    assert.deepStrictEqual(await struck(serving, 2), [true, true])
    const namesIn = ({ value }: Controlled): ReadonlyArray<unknown> | undefined => value.on?.map(({ fault }) => fault)
    const second = await control(serving.url, "POST", "/faults", JSON.stringify({ fault: "html", share: "50%" }))
    assert.deepStrictEqual(namesIn(second), ["busy", "html"])
    const { status, value } = await control(serving.url, "GET", "/faults")
    assert.strictEqual(status, 200)
    assert.deepStrictEqual(Object.keys(value.known ?? {}), Object.keys(catalogue))
    assert.strictEqual(value.on?.[0]?.struck, 2)
    const off = await control(serving.url, "DELETE", "/faults?fault=busy")
    assert.deepStrictEqual(namesIn(off), ["html"])
    const none = await control(serving.url, "DELETE", "/faults")
    assert.deepStrictEqual(none.value.on, [])
    assert.deepStrictEqual(await struck(serving, 2), [false, false])
    await serving.stop()
  })

  it("tells of no fault that is on what it was not told", async () => {
    const serving = await quickly()
    await control(serving.url, "POST", "/faults", "cut 20% x3 model=mini* path=/api after=1s for=60s every=2m at=3")
    const [on] = (await control(serving.url, "GET", "/faults")).value.on ?? []
    assert.strictEqual(
      Object.keys(on ?? {})
        .toSorted()
        .join(" "),
      "after at count every fault for model path phase share struck"
    )
    assert.strictEqual(on?.share, 0.2)
    await serving.stop()
  })

  const bad: ReadonlyArray<readonly [written: string, sentence: RegExp]> = [
    ["", /^"" is no fault: write one of busy, overloaded, /],
    ["bussy", /^"bussy" is no fault: did you mean busy\?$/],
    ["lightning", /^"lightning" is no fault: write one of busy, overloaded, .*no-slots$/],
    ["busy at=3", /^"busy at=3" is no fault: "at" means nothing to it, only to cut, .*, stall; leave it out$/],
    [
      "die span=90s",
      /^"die span=1m30s" is no fault: "span" means nothing to it, only to quota, slow, .*; leave it out$/
    ],
    ["busy model=mimi-b", /^"busy model=mimi-b" is no fault: no model here is called so; did you mean mini-b\?$/],
    [
      "busy model=gpt*",
      /^"busy model=gpt\*" is no fault: no model here is called so; write one of mini, mini-b, vectors$/
    ],
    ["hang path=/api/caht", /^"hang path=\/api\/caht" is no fault: no path .* begins so; did you mean \/api\/chat\?$/],
    ["hang path=/v2", /no path where it can strike begins so; write one of \/api\/chat, .*, \/v1\/models\/\*$/],
    ["die path=/api/tags", /no path where it can strike begins so; write one of \/api\/chat, .*responses$/],
    ["load-hang path=/api", /^"load-hang path=\/api" is no fault: no path leads to it; leave the path out$/],
    ["die at=", /^"die at=" is no fault: "at=" says nothing; write a value after the =, or leave it out$/],
    ["busy model=", /"model=" says nothing; /],
    ["busy 0%", /^"busy 0%" is no fault: no request is ever struck; write a share above 0%/],
    ["busy x0", /^"busy x0" is no fault: no request is ever struck|count: read 0/],
    ['{"fault":"busy","share":0}', /no request is ever struck/],
    ["busy every=5m", /^"busy every=5m" is no fault: it is on all the time; write for=/],
    ["busy for=6m every=5m", /^"busy for=6m every=5m" is no fault: it lasts longer than until it begins again; /],
    ["busy 20% 30%", /^"busy 20% 30%" is no fault: "30%" is a second share; leave one of them out$/],
    ["busy x2 count=3", /"count=3" is a second count; leave one of them out$/],
    ["busy for=1s for=2s", /"for=2s" is a second for; /],
    ["load-exit at=4000", /^"load-exit at=4000" is no fault: a process ends with a status from 1 to 255$/],
    ["load-exit at=0", /a process ends with a status from 1 to 255$/],
    ["cut at=3 span=5s", /^"cut at=3 span=5s" is no fault: it breaks an answer at a place or after a time; leave one/],
    [
      "die model=vectors",
      /^"die model=vectors" is no fault: it strikes answers of words, .* write one of mini, mini-b$/
    ],
    ["busy often", /^"busy often" is no fault: "often" means nothing here; write a share \(20%\), a number of times/],
    ["busy fault=html", /^"busy fault=html" is no fault: "fault=html" means nothing here; /],
    ["busy toString=1", /^"busy toString=1" is no fault: "toString=1" means nothing here; /],
    ["busy 120%", /share/],
    ["busy xmany", /"xmany" means nothing here/],
    ["busy count=many", /count/],
    ["busy for=soon", /for/],
    ["busy at=1.5", /at/],
    ["cut at=-1", /at/],
    ['{"fault":"busy","shares":0.2}', /shares/],
    ['{"fault":7}', /fault/],
    ['{"fault":"busy"', /is no fault/],
    ["{}", /fault/]
  ]
  for (const [written, sentence] of bad) {
    it(`refuses ${written === "" ? "nothing at all" : written}, and says why`, async () => {
      const serving = await quickly()
      const { status, value } = await control(serving.url, "POST", "/faults", written)
      const on = serving.faults.on
      await serving.stop()
      assert.strictEqual(status, 400, JSON.stringify(value))
      assert.match(String(value.error), sentence)
      assert.deepStrictEqual(on, [])
    })
  }

  it("strikes with the first of several that are on, until that one is over", async () => {
    const serving = await quickly({ faults: ["unavailable x1", "internal x2", "busy"] })
    const statuses: Array<string> = []
    for (let place = 0; place < 4; place++) statuses.push((await ask(serving.port, "/api/chat", chat)).body)
    const full = '{"error":"server busy, please try again.  maximum pending requests exceeded"}'
    assert.deepStrictEqual(statuses, [
      "Service Temporarily Unavailable",
      "Internal Server Error",
      "Internal Server Error",
      full
    ])
    await serving.stop()
  })

  it("is written down with the request that it struck", async () => {
    const serving = await quickly({ faults: ["internal x1"] })
    await struck(serving, 2)
    const { value } = await control(serving.url, "GET", "/requests")
    const told = value.requests?.map(({ end, fault, path, status }) => ({
      end,
      fault,
      path,
      status
    }))
    assert.deepStrictEqual(told, [
      { end: "complete", fault: "internal", path: "/api/chat", status: 500 },
      { end: "complete", fault: undefined, path: "/api/chat", status: 404 }
    ])
    await serving.stop()
  })

  it("strikes once what strikes a load and a request", async () => {
    const serving = await quickly({ faults: ["load-exit x1", "internal x1 model=mini-b"] })
    const statuses: Array<number | undefined> = []
    for (const name of ["mini-b", model, model]) {
      statuses.push((await ask(serving.port, "/api/chat", { ...chat, model: name }, 2_000)).status)
    }
    assert.deepStrictEqual(statuses, [500, 500, 200])
    assert.deepStrictEqual(
      serving.faults.on.map((each) => each.struck),
      [1, 1]
    )
    await serving.stop()
  })
})
