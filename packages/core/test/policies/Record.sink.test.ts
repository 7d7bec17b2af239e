/** The way of a record to its sink: aside, in order, bounded, and whatever the sink does. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Record } from "@spillway/core"

const turns = Effect.forEach(Array.from({ length: 10 }), () => Effect.yieldNow)

/** So many calls, told apart by when they began. */
const calls = (record: Record.Record, count: number) =>
  Effect.forEach(Array.from({ length: count }), () =>
    Effect.andThen(record(Effect.succeed("an answer")), TestClock.adjust(1))
  )

describe("a sink", () => {
  it.effect("that takes its time keeps no call waiting, and is told one record after the other", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const record = yield* Record.make({
        sink: ({ ts }) =>
          Effect.gen(function* () {
            said.push(`${ts} begins`)
            yield* Effect.sleep("1 minute")
            said.push(`${ts} ends`)
          })
      })
      yield* calls(record, 3)
      assert.deepStrictEqual(said, ["0 begins"])
      yield* TestClock.adjust("3 minutes")
      assert.deepStrictEqual(said, ["0 begins", "0 ends", "1 begins", "1 ends", "2 begins", "2 ends"])
      assert.deepStrictEqual(yield* record.state, { written: 3, failed: 0, dropped: 0, waiting: 0 })
    })
  )

  it.effect("that is too slow loses what it has no room for, and it is counted", () =>
    Effect.gen(function* () {
      const written: Array<number> = []
      const gate = yield* Deferred.make<void>()
      const record = yield* Record.make({
        buffer: 2,
        sink: ({ ts }) =>
          Effect.andThen(
            Deferred.await(gate),
            Effect.sync(() => written.push(ts))
          )
      })
      yield* calls(record, 5)
      assert.deepStrictEqual(yield* record.state, { written: 0, failed: 0, dropped: 3, waiting: 2 })
      yield* Deferred.succeed(gate, undefined)
      yield* turns
      yield* calls(record, 1)
      yield* turns
      assert.deepStrictEqual(yield* record.state, { written: 3, failed: 0, dropped: 3, waiting: 0 })
      assert.deepStrictEqual(written, [0, 1, 5])
    })
  )

  it.effect("that no type allows is told as well: what it answers is no matter, and its promise is waited for", () =>
    Effect.gen(function* () {
      let rejected = true
      const sinks = [
        () => false,
        () => null,
        async () => {},
        async () => (rejected ? Promise.reject("full") : "written")
      ]
      for (const [index, sink] of sinks.entries()) {
        const record = yield* Record.make({ sink: sink as never })
        yield* record(Effect.void)
        for (let turn = 0; turn < 5; turn++) {
          yield* turns
          yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
        }
        const { failed, written } = yield* record.state
        assert.deepStrictEqual([written, failed], index < 3 ? [1, 0] : [0, 1])
      }
      rejected = false
    })
  )

  it.effect("that throws, dies or is interrupted harms no call and no later record", () =>
    Effect.gen(function* () {
      const written: Array<number> = []
      const breaks = [
        () => {
          throw new Error("no disk")
        },
        () => Effect.die("no disk"),
        () => Effect.interrupt,
        () => Effect.fail("no disk") as never
      ]
      const record = yield* Record.make({
        sink: ({ ts }) => breaks[ts]?.() ?? Effect.sync(() => written.push(ts))
      })
      assert.deepStrictEqual((yield* calls(record, 6)).length, 6)
      yield* turns
      assert.deepStrictEqual(written, [4, 5])
      assert.deepStrictEqual(yield* record.state, { written: 2, failed: 4, dropped: 0, waiting: 0 })
    })
  )

  it.effect("may use the clock and the services of where the record was made", () =>
    Effect.gen(function* () {
      const times: Array<number> = []
      const record = yield* Record.make({
        sink: () => Effect.clockWith((clock) => Effect.sync(() => times.push(clock.currentTimeMillisUnsafe())))
      })
      yield* TestClock.adjust(50)
      yield* record(Effect.void)
      yield* turns
      assert.deepStrictEqual(times, [50])
    })
  )
})

describe("when the scope closes", () => {
  it.effect("what waits is written first", () =>
    Effect.gen(function* () {
      const written: Array<number> = []
      const scope = yield* Scope.make()
      const record = yield* Record.make({
        sink: ({ ts }) =>
          Effect.delay(
            Effect.sync(() => written.push(ts)),
            100
          )
      }).pipe(Effect.provideService(Scope.Scope, scope))
      yield* calls(record, 3)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      // The first of them has been under way for three milliseconds.
      yield* TestClock.adjust(296)
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust(1)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(written, [0, 1, 2])
      assert.deepStrictEqual(yield* record.state, { written: 3, failed: 0, dropped: 0, waiting: 0 })
    })
  )

  it.effect("a sink that hangs is given up after a while, even one that ignores its interrupt", () =>
    Effect.gen(function* () {
      for (const sink of [() => Effect.never, () => Effect.uninterruptible(Effect.never)]) {
        const scope = yield* Scope.make()
        const record = yield* Record.make({ sink, closing: "2s" }).pipe(Effect.provideService(Scope.Scope, scope))
        yield* calls(record, 3)
        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
        yield* TestClock.adjust(1_999)
        assert.isUndefined(closing.pollUnsafe())
        yield* TestClock.adjust(1)
        yield* Fiber.join(closing)
        assert.deepStrictEqual(yield* record.state, { written: 0, failed: 0, dropped: 3, waiting: 0 })
      }
    })
  )

  it.effect("a call that ends afterwards is answered, and its record counts as dropped", () =>
    Effect.gen(function* () {
      let written = 0
      const scope = yield* Scope.make()
      const made = Record.make({
        sink: () =>
          Effect.delay(
            Effect.sync(() => written++),
            10
          )
      })
      const record = yield* Effect.provideService(made, Scope.Scope, scope)
      yield* record(Effect.void)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      assert.strictEqual(yield* record(Effect.succeed(1)), 1)
      yield* TestClock.adjust(10)
      yield* Fiber.join(closing)
      assert.strictEqual(yield* record(Effect.succeed(2)), 2)
      yield* turns
      assert.strictEqual(written, 1)
      assert.deepStrictEqual(yield* record.state, { written: 1, failed: 0, dropped: 2, waiting: 0 })
    })
  )
})

describe("options of a record", () => {
  it.effect("are refused where they make no sense", () =>
    Effect.gen(function* () {
      const sink = () => {}
      for (const [options, path] of [
        [{}, "sink"],
        [{ sink: 1 }, "sink"],
        [{ sink, buffer: 0 }, "buffer"],
        [{ sink, closing: "0s" }, "closing"],
        [{ sink, prices: { a: { input: -1, output: 1 } } }, "prices.a.input"],
        [{ sink, clasify: sink }, "clasify"]
      ] as const) {
        const refused = yield* Effect.flip(Record.make(options as never))
        assert.deepStrictEqual(
          refused.problems.map((problem) => problem.path),
          [path]
        )
        assert.match(refused.message, /^Record: /)
      }
    })
  )
})
