/** Whose session goes where there are too many: those of whoever has most, and never one that is in use. */
import { connect } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { afterEach, describe, expect, it, vi } from "vitest"
import { connected, scene } from "../fixtures/scene.ts"

const keys = { ann: "open-sesame", bob: "let-me-in" }

const initialize = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "0.0.0" } }
})

/** Begins a session, and tells what came of it. */
const begin = async (url: string, key?: string) => {
  const answer = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...(key !== undefined && { authorization: `Bearer ${key}` })
    },
    body: initialize
  })
  await answer.text()
  return { status: answer.status, id: answer.headers.get("mcp-session-id") ?? "" }
}

/** Whether a session is still there. */
const isThere = async (url: string, id: string, key: string) => {
  const answer = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${key}`,
      "mcp-session-id": id
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 2, method: "ping" })
  })
  await answer.text()
  return answer.status === 200
}

const later = (millis: number) => {
  const then = performance.now() + millis
  vi.spyOn(performance, "now").mockImplementation(() => then)
}

afterEach(() => void vi.restoreAllMocks())

describe("a caller", () => {
  it("has a quarter of all sessions at most, and others have theirs", async () => {
    const { sessions, url } = await scene({ http: { keys, sessionsMax: 8 } })
    const statuses = []
    for (const key of [keys.ann, keys.ann, keys.ann, keys.bob]) statuses.push((await begin(url, key)).status)
    expect([statuses, sessions()]).toStrictEqual([[200, 200, 503, 200], 3])
  })

  it("has one at least", async () => {
    const { url } = await scene({ http: { keys, sessionsMax: 2 } })
    const statuses = []
    for (const key of [keys.ann, keys.ann, keys.bob]) statuses.push((await begin(url, key)).status)
    expect(statuses).toStrictEqual([200, 503, 200])
  })

  it("who begins one too many loses the one that he has left alone for longest, and nobody else does", async () => {
    const { url } = await scene({ http: { keys, sessionsMax: 8 } })
    const bobs = await begin(url, keys.bob)
    const [first, second] = [await begin(url, keys.ann), await begin(url, keys.ann)]
    later(20_000)
    expect(await isThere(url, first.id, keys.ann)).toBe(true)
    expect((await begin(url, keys.ann)).status).toBe(200)
    expect([
      await isThere(url, first.id, keys.ann),
      await isThere(url, second.id, keys.ann),
      await isThere(url, bobs.id, keys.bob)
    ]).toStrictEqual([true, false, true])
  })

  it("takes the place of whoever has been away for longest where there are too many, but of no client", async () => {
    const { sessions, url } = await scene({ http: { sessionsMax: 2 } })
    await connected(url)
    await begin(url)
    expect((await begin(url)).status).toBe(503)
    later(20_000)
    expect((await begin(url)).status).toBe(200)
    expect((await begin(url)).status).toBe(503)
    expect(sessions()).toBe(2)
  })
})

describe("whoever sends no body", () => {
  it("takes nobody's place, and all bodies at once begin no more than there may be", async () => {
    const { sessions, url } = await scene({ http: { sessionsMax: 2 } })
    const { hostname, port } = new URL(url)
    const head = [
      "POST /mcp HTTP/1.1",
      "Host: localhost",
      "Content-Type: application/json",
      "Accept: application/json, text/event-stream",
      `Content-Length: ${initialize.length}`,
      "",
      ""
    ].join("\r\n")
    const sockets = Array.from({ length: 6 }, () => connect(Number(port), hostname))
    for (const socket of sockets) socket.on("error", () => {}).write(head)
    await sleep(200)
    expect([(await begin(url)).status, sessions()]).toStrictEqual([200, 1])
    const answered = sockets.map((socket) => new Promise((resolve) => socket.once("data", resolve)))
    for (const socket of sockets) socket.write(initialize)
    const heads = (await Promise.all(answered)).map((data) => String(data).slice(9, 12))
    expect([heads.toSorted(), sessions()]).toStrictEqual([["200", "404", "404", "404", "404", "404"], 2])
    for (const socket of sockets) socket.destroy()
  })
})
