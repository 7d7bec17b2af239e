/**
 * What a simulated server does with bodies that are too long, too slow or no text at all, and what it leaves when it is
 * stopped. It runs in a process of its own, since some of these once ended it.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Alone, chatOf, never, settled, slow, slowly, startAll } from "./children.ts"
import { pass, quick, until } from "./running.ts"
import { question } from "./said.ts"
import { ask, requestOf, Wire } from "./wire.ts"

const starts = {
  stopping: {
    parallel: 1,
    models: [quick(slow), quick(never, { load: "1h" })],
    faults: ["hang path=/api/version", "slow path=/api/tags span=1h"]
  },
  bodies: { bodyMax: 1_000_000 }
} as const
let servers: Record<keyof typeof starts, Alone>
beforeAll(async () => {
  servers = await startAll(starts)
})
afterAll(() => {
  for (const server of Object.values(servers)) server.kill()
})

describe("a server that is stopped", () => {
  it("ends every connection at once, listens no more, and nothing keeps its process running", async () => {
    const server = servers.stopping
    const wires = await Promise.all(Array.from({ length: 7 }, () => Wire.open(server.port)))
    const [streaming, waiting, loading, hanging, late, kept] = wires as [Wire, Wire, Wire, Wire, Wire, Wire]
    streaming.post("/api/chat", slowly)
    await until(() => streaming.bytes.length > 0)
    waiting.post("/api/chat", chatOf("after him", { model: slow }))
    loading.post("/api/chat", chatOf("hi", { model: never }))
    hanging.socket.write("GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n")
    late.socket.write("GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n")
    kept.socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await until(() => kept.came.isWhole)
    await pass(50)
    assert.deepStrictEqual(
      wires.map(({ end }) => end),
      wires.map(() => "open")
    )
    await server.stop()
    const took = await until(() => wires.every(({ end }) => end !== "open"))
    assert.isBelow(took, 1_000)
    // What was under way has no end.
    assert.isFalse(streaming.came.isWhole)
    assert.strictEqual(waiting.bytes, "")
    for (const { socket } of wires) socket.destroy()
    const refused = await Wire.open(server.port).then(
      () => "open",
      ({ code }: NodeJS.ErrnoException) => code
    )
    assert.strictEqual(refused, "ECONNREFUSED")
    const isOver = await until(() => server.exit !== undefined, 1_500).then(
      () => true,
      () => false
    )
    assert.isTrue(isOver, "something keeps the process running")
  })
})

describe("a body", () => {
  let server: Alone
  const { bodyMax } = starts.bodies
  beforeAll(() => {
    server = servers.bodies
  })

  const padded = (length: number): string => {
    const text = JSON.stringify(chatOf(question))
    return text + " ".repeat(length - text.length)
  }

  it("is read up to the last byte that is allowed", async () => {
    const { isWhole, status } = await ask(server.port, "/api/chat", padded(bodyMax))
    assert.deepStrictEqual({ isWhole, status }, { isWhole: true, status: 200 })
  })

  it("is refused where it is longer", async () => {
    const { ended, status } = await ask(server.port, "/api/chat", padded(bodyMax + 1))
    assert.notStrictEqual(status, 200)
    assert.oneOf(ended, ["reset", "closed", "whole-closed"])
  })

  it("is not read to its end where it is huge, whether or not its length is said", async () => {
    const before = await server.held()
    for (const head of ["Content-Length: 300000000", "Transfer-Encoding: chunked"]) {
      const wire = await Wire.open(server.port)
      wire.socket.write(`POST /api/chat HTTP/1.1\r\nHost: localhost\r\n${head}\r\n\r\n`)
      const piece = Buffer.alloc(65_536, " ")
      const chunk = Buffer.concat([Buffer.from("10000\r\n"), piece, Buffer.from("\r\n")])
      let sent = 0
      const push = (): void => {
        while (wire.end === "open" && sent < 300_000_000) {
          sent += piece.length
          if (!wire.socket.write(head.startsWith("T") ? chunk : piece)) return
        }
      }
      wire.socket.on("drain", push)
      push()
      await until(() => wire.end !== "open", 3_000)
      assert.isBelow(sent, 50_000_000)
      wire.socket.destroy()
    }
    const after = await server.held()
    assert.isBelow(after.memory - before.memory, 50_000_000)
    assert.strictEqual((await ask(server.port, "/api/chat", chatOf(question))).status, 200)
  })

  it("may come a byte at a time", async () => {
    const came = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const wire = await Wire.open(server.port)
        wire.socket.setNoDelay(true)
        for (const byte of requestOf("/api/chat", chatOf(question))) {
          wire.socket.write(byte)
          await pass(1)
        }
        await until(() => wire.came.isWhole)
        const { status } = wire.came
        wire.socket.destroy()
        return status
      })
    )
    assert.deepStrictEqual(
      came,
      came.map(() => 200)
    )
  })

  it("whose sender leaves in its midst leaves nothing behind", async () => {
    const wires = await Promise.all(Array.from({ length: 50 }, () => Wire.open(server.port)))
    for (const [place, wire] of wires.entries()) {
      wire.socket.write(requestOf("/api/chat", chatOf(question)).slice(0, place % 2 === 0 ? -5 : 30))
    }
    await pass(50)
    for (const [place, { socket }] of wires.entries()) {
      if (place % 3 === 0) socket.resetAndDestroy()
      else socket.destroy()
    }
    assert.strictEqual(await settled(server), 0)
    assert.strictEqual(await server.running(), 0)
  })

  it("is answered in order where several come in one packet", async () => {
    const wire = await Wire.open(server.port)
    const each = (tokens: number): string =>
      requestOf("/api/chat", chatOf(`hi [[sim tokens=${tokens}]]`, { stream: false }))
    wire.socket.write(each(9) + each(1) + each(4))
    await until(() => wire.bytes.split('"eval_count":').length === 4, 2_000)
    assert.deepStrictEqual(
      [...wire.bytes.matchAll(/"eval_count":(\d+)/g)].map(([, count]) => count),
      ["9", "1", "4"]
    )
    wire.socket.destroy()
  })

  const odd: ReadonlyArray<readonly [what: string, body: string]> = [
    ["that is no JSON", "{"],
    ["with an escape that is none in the name of its model", '{"model":"\\q","messages":[]}'],
    ["with half an escape in the name of its model", '{"model":"\\u12","messages":[]}'],
    ["with a line break in the name of its model", '{"model":"a\nb","messages":[]}'],
    ["with bytes that are no text", '{"model":"\u00ff\u0000"}']
  ]
  for (const [what, body] of odd) {
    it(`${what} is refused, and ends nobody else's answer`, async () => {
      // Another one where the last one did not survive it.
      if (server.exit !== undefined) servers.bodies = server = await Alone.start(starts.bodies)
      const other = await Wire.open(server.port)
      other.post("/api/chat", chatOf("hi [[sim tokens=10 token_ms=10]]"))
      await until(() => other.bytes.length > 0)
      const { status } = await ask(server.port, "/api/chat", body)
      await until(() => other.end !== "open" || other.came.isWhole)
      const { isWhole } = other.came
      other.socket.destroy()
      await pass(20)
      assert.isTrue(isWhole)
      assert.oneOf(status, [400, 404])
    })
  }
})
