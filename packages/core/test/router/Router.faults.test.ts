/** Faults of every kind, at any stage and in combination: nothing is lost, kept, told twice or spliced. */
import { assert, describe, it } from "@effect/vitest"
import {
  Answer,
  Call,
  Part,
  Policy,
  Question,
  type Record,
  refusal,
  Spillway,
  type SpillwayError,
  Summary
} from "@spillway/core"
import { Context, Duration, Effect, Exit, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { pass } from "../fixtures/routing.ts"
import * as Random from "../laws/random.ts"
import * as Unhandled from "../fixtures/unhandled.ts"

Unhandled.guard()

const texts: ReadonlyArray<string> = ["The dam is 243 metres high.", "The dam was low.", "It has a height of 243."]

const faults: ReadonlyArray<(target: string, parts: number) => SpillwayError> = [
  (target) => refusal({ _tag: "Overloaded", target }),
  (target) => refusal({ _tag: "UpstreamRateLimited", target, retryAfter: Duration.seconds(2) }),
  (target) => refusal({ _tag: "ModelNotFound", model: "m", target }),
  (target) => refusal({ _tag: "ContentRefused", target }),
  (target, parts) => refusal({ _tag: "Cut", target, parts }),
  (target, parts) => refusal({ _tag: "RunnerDied", target, parts }),
  (target) => refusal({ _tag: "OutOfMemory", target })
]

/** A server that says one of the texts, whole or until something goes wrong, or that hangs, or has a bug. */
const server = (name: string, random: Random.Random, told: { running: number; whole: Set<string> }) => {
  const call: Call.Call<SpillwayError> = (_, attempt) =>
    Effect.gen(function* () {
      told.running++
      const text = texts[random.below(texts.length)]!
      const stop = random.below(3) > 0 ? text.length : random.below(text.length)
      yield* Effect.sleep(50 + random.below(500))
      for (let at = 0, parts = 0; at < stop; parts++) {
        const to = Math.min(at + 1 + random.below(12), stop)
        const room = attempt.emit(Part.text(text.slice(at, to)))
        if (room !== undefined) yield* Effect.promise(() => room)
        yield* Effect.sleep(random.below(100))
        at = to
      }
      if (stop === text.length) {
        told.whole.add(text)
        return Summary.make({ usage: { input: 5, output: 5 } })
      }
      const kind = random.below(faults.length + 2)
      if (kind === faults.length) return yield* Effect.never
      if (kind === faults.length + 1) return yield* Effect.die(`a bug of ${name}`)
      return yield* faults[kind]!(name, attempt.parts)
    }).pipe(Effect.ensuring(Effect.sync(() => told.running--)))
  return { call }
}

describe("a router among faults", () => {
  it.effect("answers whole or says why not, puts each call on record once, and ends with nothing in its hands", () =>
    Effect.gen(function* () {
      const seen = new Map<string, number>()
      for (let seed = 1; seed <= 1_000; seed++) {
        const random = Random.make(seed)
        const told = { running: 0, whole: new Set<string>() }
        const records: Array<Record.CallRecord> = []
        const rescue = (["resume", "whole", "off"] as const)[random.below(3)]!
        yield* Effect.scoped(
          Effect.gen(function* () {
            const layer = Spillway.layer({
              upstreams: {
                gpu1: { upstream: server("gpu1", random, told), slots: 1 + random.below(2), price: "free" },
                gpu2: {
                  upstream: server("gpu2", random, told),
                  slots: random.below(2) === 0 ? "auto" : 1,
                  price: "free"
                },
                hosted: { upstream: server("hosted", random, told), slots: 8, price: { input: 1, output: 1 } }
              },
              routes: {
                chat: { targets: ["gpu1/m", "gpu2/m"], overflow: ["hosted/big"], queue: { max: 4, wait: "5s" } }
              },
              defaults: {
                deadline: "20s",
                rescue,
                hedge: random.below(3) === 0 ? { after: "300ms", budget: "50%" } : "off",
                breaker: { failures: 3, open: "2s..4s" },
                retry: { attempts: 2 }
              },
              budgets: { total: "$1/day", alert: "90%" },
              record: (each) => void records.push(each)
            })
            const spillway = Context.get(yield* Layer.build(layer), Spillway)
            const count = 3 + random.below(6)
            const heard = Array.from({ length: count }, () => "")
            const fibers: Array<Fiber.Fiber<Exit.Exit<unknown, SpillwayError>>> = []
            for (let index = 0; index < count; index++) {
              const sink = { emit: (part: Part.Part) => void (heard[index] += Part.textOf([part])) }
              const asked = Answer.toSink(spillway.call, Question.chat("chat", "How high?"), sink)
              const caller = `caller ${random.below(3)}`
              fibers.push(
                yield* Effect.forkChild(Effect.exit(asked).pipe(Policy.about({ caller })), { startImmediately: true })
              )
              yield* TestClock.adjust(random.below(400))
              if (random.below(8) === 0) yield* Effect.forkChild(Fiber.interrupt(fibers[random.below(fibers.length)]!))
            }
            yield* pass(40)
            for (const [index, fiber] of fibers.entries()) {
              const exit = yield* Fiber.await(fiber)
              const about = `seed ${seed}, ${rescue}, call ${index}: ${heard[index]}`
              const isWhole = Exit.isSuccess(exit) && Exit.isSuccess(exit.value)
              if (isWhole) assert.isTrue(told.whole.has(heard[index]!), about)
              else
                assert.isTrue(
                  texts.some((text) => text.startsWith(heard[index]!)),
                  about
                )
              const kind = `${isWhole} ${heard[index] === ""}`
              seen.set(kind, (seen.get(kind) ?? 0) + 1)
            }
            assert.strictEqual(told.running, 0, `seed ${seed}`)
            for (const { tiers } of (yield* spillway.status).routes) {
              for (const { targets, waiting } of tiers) {
                assert.strictEqual(waiting, 0, `seed ${seed}`)
                for (const target of targets) assert.strictEqual(target.running, 0, `seed ${seed}, ${target.target}`)
              }
            }
            yield* Effect.yieldNow
            assert.strictEqual(records.length, count, `seed ${seed}`)
            for (const { status, target } of records) {
              if (status === 200) assert.isDefined(target)
            }
          })
        )
      }
      for (const kind of ["true false", "false true", "false false"]) assert.isAbove(seen.get(kind) ?? 0, 50, kind)
    })
  )
})
