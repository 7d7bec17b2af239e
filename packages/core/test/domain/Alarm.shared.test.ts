/**
 * The one timer that all alarms of the live clock share: each rings as if it had one of its own, and none keeps a
 * program running that nobody waits in.
 */
import { execFile } from "node:child_process"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Fiber } from "effect"
import * as Alarm from "../../src/domain/Alarm.ts"
import * as Random from "../laws/random.ts"

/** Runs on the fiber, and waits until it is told. */
const running = (run: (fiber: Fiber.Fiber<unknown, unknown>, done: () => void) => void) =>
  Effect.withFiber<void>((fiber) => Effect.callback((resume) => run(fiber, () => resume(Effect.void))))

const after = (fiber: Fiber.Fiber<unknown, unknown>, millis: number, ring: () => void): Alarm.Bell => {
  const at = Alarm.now(fiber)
  return Alarm.set(fiber, at + millis * Alarm.perMilli, { ring })
}

describe("alarms on the live clock", () => {
  it.live("ring in the order in which they are due, those that were taken back never", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 8; seed++) {
        const random = Random.make(seed)
        const rung: Array<number> = []
        const expected: Array<number> = []
        yield* running((fiber, done) => {
          const at = Alarm.now(fiber)
          for (let index = 0; index < 400; index++) {
            // All different, so that the order is one.
            const due = at + (random.below(20_000) * 400 + index) * 5
            const bell = Alarm.set(fiber, due, { ring: () => rung.push(due) })
            if (random.below(4) < seed % 4) bell.cancel()
            else expected.push(due)
          }
          after(fiber, 60, done)
        })
        assert.deepStrictEqual(
          rung,
          expected.toSorted((one, other) => one - other),
          `seed ${seed}`
        )
      }
    })
  )

  it.live("ring on time after thousands were taken back, and though one that was set later is due sooner", () =>
    running((fiber, done) => {
      const rung: Array<string> = []
      after(fiber, 400, () => {
        rung.push("the first one set")
        assert.deepStrictEqual(rung, ["the soonest", "the first one set"])
        done()
      })
      for (let index = 0; index < 10_000; index++) after(fiber, 1_000 + index, () => rung.push("nobody")).cancel()
      after(fiber, 5, () => rung.push("the soonest"))
    })
  )

  it.live("are not made late by work that was busy when another was set, nor by a bell that took long", () =>
    running((fiber, done) => {
      const began = performance.now()
      const at = Alarm.now(fiber)
      const busy = (millis: number) => {
        const until = performance.now() + millis
        while (performance.now() < until);
      }
      busy(150)
      // As long as a look that began before the work did.
      Alarm.set(fiber, at + 160 * Alarm.perMilli, { ring: () => busy(100) })
      const soon = () => {
        const took = performance.now() - began
        assert.isBelow(took, 150 + 100 + 200, "it is due 40 ms after the busy 150")
        done()
      }
      Alarm.set(fiber, at + 190 * Alarm.perMilli, { ring: soon })
    })
  )

  it.live("may be set and taken back by one that rings", () =>
    running((fiber, done) => {
      const other = after(fiber, 1_000, () => assert.fail("was taken back"))
      after(fiber, 2, () => {
        other.cancel()
        after(fiber, 2, done)
      })
    })
  )

  it.live("can be set anew once they have rung, and ring once each time", () =>
    running((fiber, done) => {
      let rings = 0
      const ring = () => {
        rings++
        if (rings < 3) after(fiber, 1, ring)
        else
          after(fiber, 5, () => {
            assert.strictEqual(rings, 3)
            done()
          })
      }
      after(fiber, 1, ring)
    })
  )

  it.live("wait longer than any timer without asking for more than one can", () =>
    Effect.gen(function* () {
      const warnings: Array<string> = []
      const warned = ({ name }: Error) => void warnings.push(name)
      process.on("warning", warned)
      yield* running((fiber, done) => {
        const far = after(fiber, 40 * 86_400_000, () => assert.fail("rang 40 days early"))
        setTimeout(() => {
          far.cancel()
          done()
        }, 30)
      })
      process.off("warning", warned)
      // Node says so of each timer that is too long, and rings it at once.
      assert.notInclude(warnings, "TimeoutOverflowWarning")
    })
  )

  it.live("forget those that were taken back, long before their time, and what they would have rung for at once", () =>
    Effect.gen(function* () {
      const forgotten: Array<WeakRef<object>> = []
      const setAndTakenBack = (fiber: Fiber.Fiber<unknown, unknown>) => {
        const ringing = { ring: () => {} }
        const at = Alarm.now(fiber)
        const bell = Alarm.set(fiber, at + 3_600_000 * Alarm.perMilli, ringing)
        bell.cancel()
        return { ringing: new WeakRef(ringing), bell: new WeakRef(bell) }
      }
      yield* running((fiber, done) => {
        forgotten.push(setAndTakenBack(fiber).bell)
        for (let index = 0; index < 1_000; index++) after(fiber, 3_600_000, () => {}).cancel()
        forgotten.push(setAndTakenBack(fiber).ringing)
        done()
      })
      setFlagsFromString("--expose-gc")
      const collect = runInNewContext("gc") as () => void
      yield* Effect.sleep(1)
      collect()
      assert.deepStrictEqual(
        forgotten.map((each) => each.deref()),
        [undefined, undefined]
      )
    })
  )

  it.live("keep a program running while somebody waits, and not when the last was taken back", () =>
    Effect.gen(function* () {
      const source = (body: string) => `
        import { Effect } from "effect"
        import * as Alarm from ${JSON.stringify(new URL("../../src/domain/Alarm.ts", import.meta.url).href)}
        Effect.runFork(Effect.withFiber((fiber) => {
          const after = (millis, ring) => {
            const at = Alarm.now(fiber)
            return Alarm.set(fiber, at + millis * 1e6, { ring })
          }
          ${body}
          return Effect.void
        }))`
      const said = yield* Effect.all(
        [
          printedBy(source(`after(3_600_000, () => {}).cancel(); console.log("left")`)),
          printedBy(source(`after(3_600_000, () => {}).cancel(); after(50, () => console.log("rang"))`)),
          printedBy(source(`after(10, () => {}).cancel(); after(50, () => console.log("rang"))`)),
          printedBy(source(`after(50, () => console.log("rang")); after(3_600_000, () => {}).cancel()`))
        ],
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(said, ["left\n", "rang\n", "rang\n", "rang\n"])
    })
  )
})

/** What a program prints that has to end by itself. */
const printedBy = (source: string): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const options = { timeout: 20_000, cwd: new URL("../..", import.meta.url) }
    execFile(process.execPath, ["--input-type=module", "-e", source], options, (error, out) =>
      resume(error === null ? Effect.succeed(out) : Effect.die(error))
    )
  })
