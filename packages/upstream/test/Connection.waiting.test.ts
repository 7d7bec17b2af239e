/** Who waits for a connection: how many may, and that whatever goes wrong with one of them holds up nobody else. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Connection from "../src/Connection.ts"
import { chunk, done, frame, head, last, serve } from "./bytes.ts"
import { ask, to } from "./serving.ts"

const whole = head() + chunk(frame("Hello") + done).toString() + last

const request: Connection.Request = { method: "GET", path: "/", headers: {}, body: undefined }

/** What a listener is told, in order; it may refuse to hear something. */
const listening = (
  connection: Connection.Connection,
  hears: { readonly [K in "head" | "data" | "end"]?: () => void } = {}
) => {
  const told: Array<string> = []
  const hear = (what: "head" | "data" | "end") => (): void => {
    told.push(what)
    hears[what]?.()
  }
  const over = new Promise<ReadonlyArray<string>>((resolve) => {
    const end = hear("end")
    connection.send(request, {
      turn: () => told.push("turn"),
      sent: () => told.push("sent"),
      head: hear("head"),
      data: hear("data"),
      end: () => {
        end()
        resolve(told)
      },
      broken: (error) => {
        told.push((error as NodeJS.ErrnoException).code ?? error.name)
        resolve(told)
      }
    })
  })
  return { told, over: Effect.promise(() => over) }
}

describe("who waits for a connection", () => {
  it.live("is told so where ten thousand wait already, and one who leaves makes room", () =>
    Effect.gen(function* () {
      const { upstream } = yield* to(() => {}, { connections: 1 })
      const asked = yield* Effect.forEach(Array.from({ length: Connection.waitingMax + 1 }), () =>
        Effect.forkChild(ask(upstream), { startImmediately: true })
      )
      const refused = yield* ask(upstream)
      assert.deepStrictEqual(refused.error?.reason, { _tag: "QueueFull", queued: 10_000, queuedMax: 10_000 })
      yield* Fiber.interrupt(asked[5_000]!)
      const next = yield* Effect.forkChild(ask(upstream), { startImmediately: true })
      yield* Effect.sleep(10)
      assert.isUndefined(next.pollUnsafe())
      assert.strictEqual((yield* ask(upstream)).end, "QueueFull")
    })
  )

  it.live("is not held up by one who could not take what came, whatever it was", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((socket) => socket.write(whole))
      const connection = yield* Connection.open({ origin: url, connections: 1 })
      const throws = (): never => {
        throw new Error("a mistake")
      }
      for (const what of ["head", "data", "end"] as const) {
        const wrong = listening(connection, { [what]: throws })
        const next = listening(connection)
        assert.deepStrictEqual(next.told, [], what)
        const told = yield* wrong.over
        assert.deepStrictEqual(
          told.filter((each) => each.startsWith("HPE_")),
          ["HPE_UNREADABLE"],
          what
        )
        assert.strictEqual((yield* next.over).at(-1), "end", what)
      }
    }).pipe(Effect.timeout("5 seconds"))
  )
})
