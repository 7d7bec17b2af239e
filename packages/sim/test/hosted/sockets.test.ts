/**
 * What a hosted provider does to its connections, byte for byte, as no client library shows it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import * as HostedServer from "../../src/HostedServer.ts"
import { pass, until } from "../server/running.ts"
import { Wire } from "../server/wire.ts"

const faces = {
  openai: { path: "/v1/chat/completions", model: "gpt-4o-mini", last: "data: [DONE]\n\n" },
  anthropic: { path: "/v1/messages", model: "claude-haiku-4-5", last: '"type":"message_stop"' }
} as const

/** A provider that answers at once, and one connection to it. */
const connected = async (face: keyof typeof faces, faults: ReadonlyArray<string>) => {
  const scope = Effect.runSync(Scope.make())
  const starting = HostedServer.start({ face, faults, firstToken: 0, decode: 1e6 })
  const { url } = await Effect.runPromise(Scope.provide(starting, scope))
  const wire = await Wire.open(Number(new URL(url).port))
  const { model, path } = faces[face]
  const ask = async (stream: boolean) => {
    wire.clear()
    const body = { model, stream, max_tokens: 9, messages: [{ role: "user", content: "hi [[sim tokens=3 text=w]]" }] }
    wire.post(path, body, { "anthropic-version": "2023-06-01" })
    await until(() => wire.came.isWhole)
    return wire.came
  }
  return { wire, ask, stop: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

describe("idle-close", () => {
  for (const face of ["openai", "anthropic"] as const) {
    for (const stream of [true, false]) {
      const what = stream ? "a stream" : "an answer in one piece"
      it(`closes the connection right after ${what} of ${face}, which is whole and does not say so`, async () => {
        const { ask, stop, wire } = await connected(face, ["idle-close x1"])
        const { body, headers, status } = await ask(stream)
        await until(() => wire.end !== "open")
        await stop()
        assert.deepStrictEqual([status, wire.end], [200, "closed"])
        if (stream) assert.include(body, faces[face].last)
        else assert.include(JSON.stringify(JSON.parse(body)), " w0 w1 w2")
        const said = headers.filter(([name]) => name.toLowerCase() === "connection").map(([, value]) => value)
        assert.notInclude(said, "close")
      })

      it(`is what closes it: without the fault, ${what} of ${face} leaves it open for the next`, async () => {
        const { ask, stop, wire } = await connected(face, [])
        await ask(stream)
        await pass(50)
        const { end } = wire
        const { status } = await ask(stream)
        wire.socket.destroy()
        await stop()
        assert.deepStrictEqual([end, status], ["open", 200])
      })
    }
  }
})
