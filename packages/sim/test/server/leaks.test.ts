/**
 * What a simulated server holds on to, in a process of its own: nothing of those who have left, no more of a slow
 * reader's answer than the network takes, and nothing at all when it was stopped.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import type { Held } from "./alone.ts"
import { type Alone, chatOf, model, settled, slow, slowly, startAll } from "./children.ts"
import { control, pass, until } from "./running.ts"
import { question } from "./said.ts"
import { requestOf, Wire } from "./wire.ts"

const starts = {
  requests: {
    faults: ["cut 3%", "cut-reset 3%", "garble 2%", "unreadable 2%", "end 2%", "refuse 2%", "reset 2%", "hang 1%"]
  },
  naming: {},
  reading: {},
  closing: { faults: ["hang path=/api/generate"] }
}
let servers: Record<keyof typeof starts, Alone>
beforeAll(async () => {
  servers = await startAll(starts)
})
afterAll(() => {
  for (const server of Object.values(servers)) server.kill()
})

describe("of ten thousand requests", () => {
  let server: Alone
  let early: Held
  let late: Held
  let connections: number

  beforeAll(async () => {
    server = servers.requests
    await half(server)
    early = await server.held()
    await half(server)
    // The last ones to leave are seen to do so.
    connections = await settled(server)
    late = await server.held()
  })

  it("no connection is left", () => {
    assert.strictEqual(connections, 0)
  })

  it("no timer is left but the one that all share", () => {
    assert.isAtMost(late.resources.filter((each) => each === "Timeout").length, 1)
  })

  it("no warning was given, of listeners or of anything else", () => {
    assert.deepStrictEqual(late.warnings, [])
  })

  it("no memory is left: the second half leaves none that the first did not", () => {
    assert.isBelow(late.heap - early.heap, 1_500_000)
  })

  it("no slot is left taken", async () => {
    assert.strictEqual(await server.running(), 0)
  })

  it("each was counted", async () => {
    const { value } = await control(server.url, "GET", "/requests")
    assert.isAtLeast(Number(value.count), 10_000)
    assert.isAtMost(value.requests?.length ?? Infinity, 1_000)
  })
})

describe("of names of a million letters", () => {
  it("no more is kept than what is written down", async () => {
    const server = servers.naming
    const before = await server.held()
    for (let place = 0; place < 40; place++) {
      const body = JSON.stringify({ model: `${place}${"a".repeat(1_000_000)}`, prompt: "hi" })
      await (await fetch(`${server.url}/api/generate`, { method: "POST", body })).text()
    }
    const after = await server.held()
    assert.isBelow(after.heap - before.heap, 10_000_000)
  })
})

const callers = 40

/** Five thousand requests: each caller asks as often on one connection as it is kept. */
const half = async (server: Alone): Promise<void> => {
  await Promise.all(Array.from({ length: callers }, (_, caller) => many(server, caller, 5_000 / callers)))
}

const many = async (server: Alone, caller: number, count: number): Promise<void> => {
  let wire: Wire | undefined
  for (let place = 0; place < count; place++) {
    // Some stay on one connection for as long as no fault ends it.
    const kind = caller % 5 === 0 ? place % 2 : (caller + place) % 5
    wire ??= await Wire.open(server.port)
    const isLeaving = kind === 4
    wire.clear()
    wire.post("/api/chat", isLeaving ? slowly : chatOf(question, { stream: kind % 2 === 0 }))
    const hasAnswer = await answered(wire, isLeaving)
    // Some end their connection and some leave it open for the next.
    if (hasAnswer && !isLeaving && kind !== 3 && wire.end === "open") continue
    wire.socket.destroy()
    wire = undefined
  }
  wire?.socket.destroy()
}

/** Whether an answer came, or the beginning of one; who gets none has waited for long enough after a while. */
const answered = (wire: Wire, isLeaving: boolean): Promise<boolean> => {
  const isOver = (): boolean => wire.end !== "open" || (isLeaving ? wire.bytes.length > 0 : wire.came.isWhole)
  return until(isOver, 100).then(
    () => true,
    () => false
  )
}

describe("a caller who never reads", () => {
  let server: Alone
  let wire: Wire
  beforeAll(async () => {
    server = servers.reading
    wire = await Wire.open(server.port)
  })
  afterAll(() => {
    wire.socket.destroy()
  })

  it("costs no more memory than the network holds, keeps his slot, and gives it back when he leaves", async () => {
    const before = await server.held()
    wire.socket.pause()
    // A hundred megabytes.
    wire.post("/api/chat", chatOf(`hi [[sim tokens=40000 token_ms=0 text=${"x".repeat(2_500)}]]`))
    const told = async (): Promise<Readonly<Record<string, unknown>>> =>
      (await control(server.url, "GET", "/requests")).value.requests?.at(-1) ?? {}
    // It is written until the network takes no more of it.
    let written = -1
    await until(async () => {
      const { bytes } = await told()
      const isStill = bytes === written && written > 0
      written = Number(bytes)
      await pass(100)
      return isStill
    }, 5_000)
    assert.isAbove(written, 100_000)
    assert.isBelow(written, 30_000_000)
    const during = await server.held()
    assert.isBelow(during.memory - before.memory, 80_000_000)
    assert.strictEqual(await server.running(), 1)
    assert.strictEqual((await told()).end, "open")
    wire.socket.destroy()
    const took = await until(async () => (await server.running()) === 0)
    assert.isBelow(took, 1_000)
    assert.strictEqual((await told()).end, "left")
  })

  it("gets all of it when he reads again", async () => {
    const late = await Wire.open(server.port)
    late.socket.pause()
    const text = "y".repeat(2_500)
    late.post("/api/chat", chatOf(`hi [[sim tokens=8000 token_ms=0 text=${text}]]`))
    await pass(200)
    assert.strictEqual(await server.running(), 1)
    let length = 0
    let last = ""
    late.socket.removeAllListeners("data")
    late.socket.on("data", (chunk: Buffer) => {
      length += chunk.length
      last = (last + chunk.toString("latin1")).slice(-600)
    })
    late.socket.resume()
    await until(() => last.endsWith("0\r\n\r\n"), 10_000)
    assert.isAbove(length, 20_000_000)
    assert.match(last, /"done":true,"done_reason":"stop",.*"eval_count":8000/)
    late.socket.destroy()
  })
})

describe("a caller who closes his side", () => {
  let server: Alone
  beforeAll(() => {
    server = servers.closing
  })

  /** Leaves in that way, and says whether he was let go. */
  const isLetGo = async (wire: Wire): Promise<boolean> => {
    wire.socket.end()
    await until(() => wire.end !== "open", 1_000).catch(() => 0)
    const { end } = wire
    wire.socket.destroy()
    return end !== "open"
  }

  it("frees his slot within 100 ms in the midst of an answer", async () => {
    const wire = await Wire.open(server.port, true)
    wire.post("/api/chat", slowly)
    await until(() => wire.bytes.length > 0)
    assert.strictEqual(await server.running(), 1)
    wire.socket.end()
    const took = await until(async () => (await server.running()) === 0)
    wire.socket.destroy()
    assert.isBelow(took, 1_000)
  })

  it("is let go in the midst of an answer", async () => {
    const wire = await Wire.open(server.port, true)
    wire.post("/api/chat", slowly)
    await until(() => wire.bytes.length > 0)
    assert.isTrue(await isLetGo(wire))
  })

  it("is let go before an answer began", async () => {
    const wire = await Wire.open(server.port, true)
    wire.post("/api/chat", chatOf("hi [[sim tokens=9 prompt_ms=100]]", { model: slow }))
    await until(async () => (await server.running()) === 1)
    assert.isTrue(await isLetGo(wire))
    await until(async () => (await server.running()) === 0)
  })

  it("is let go where there would never have been an answer", async () => {
    const wire = await Wire.open(server.port, true)
    wire.post("/api/generate", { model, prompt: "hi" })
    await pass(50)
    assert.isTrue(await isLetGo(wire))
  })

  it("is let go where he did so together with asking", async () => {
    const wires = await Promise.all(Array.from({ length: 10 }, () => Wire.open(server.port, true)))
    for (const { socket } of wires) socket.end(requestOf("/api/chat", slowly))
    await until(() => wires.every(({ end }) => end !== "open"), 1_000).catch(() => 0)
    const open = wires.filter(({ end }) => end === "open")
    for (const { socket } of wires) socket.destroy()
    assert.strictEqual(open.length, 0)
  })

  it("is let go between two requests", async () => {
    const wire = await Wire.open(server.port, true)
    wire.post("/api/chat", chatOf(question))
    await until(() => wire.came.isWhole)
    assert.isTrue(await isLetGo(wire))
  })

  it("leaves no connection, however he closed it", async () => {
    assert.strictEqual(await settled(server), 0)
  })
})
