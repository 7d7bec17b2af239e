/**
 * Budget when many call at once, and when they are interrupted anywhere: nobody overspends, and nothing stays reserved.
 */
import { assert, describe, it, vi } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { Budget, Call, MemoryStore, Part, Policy, RateLimit, Retry, Store, Summary } from "@spillway/core"
import { amounts, ask, budget, inTotal, of, oneEach, promptMost, question, withStore } from "../fixtures/bills.ts"
import * as Interrupts from "../laws/interrupts.ts"
import { inEffects, late } from "../laws/lateStore.ts"
import * as Random from "../laws/random.ts"

// Thousands of fibers take a while on a machine that has other things to do.
vi.setConfig({ testTimeout: 60_000 })

const stores = [
  ["in memory", (store: Store.Store) => store],
  ["that answers with Effects", inEffects],
  ["that answers late", late]
] as const

/** A store that answers after a time that differs from ask to ask, so that answers overtake one another. */
const unsteady =
  (random: Random.Random) =>
  (store: Store.Store): Store.Store => {
    const far = [1, 2, 3, 5, 8].map((turns) => late(store, turns))
    const any = () => far[random.below(far.length)]!
    return {
      take: (...asked) => any().take(...asked),
      settle: (...asked) => any().settle(...asked),
      giveBack: (...asked) => any().giveBack(...asked),
      reserve: (...asked) => any().reserve(...asked),
      charge: (...asked) => any().charge(...asked),
      balance: (...asked) => any().balance(...asked)
    }
  }

/** A thousand streams that tell what they used at their end, if they get so far; never more than they were allowed. */
const crowd = (guard: Budget.Budget, random: Random.Random) =>
  Effect.gen(function* () {
    const seen = { sent: 0, used: 0 }
    const streaming: Call.Call<string> = (asked, attempt) =>
      Effect.gen(function* () {
        seen.sent++
        const output = 1 + random.below(asked.settings.maxTokens!)
        const usage = { input: 1 + random.below(asked.prompt.most), output }
        for (let part = 0; part < Math.min(output, 3); part++) {
          void attempt.emit(Part.text("x"))
          for (let turn = random.below(4); turn > 0; turn--) yield* Effect.yieldNow
        }
        if (random.below(10) === 0) return yield* Effect.fail("broken")
        seen.used += usage.input + usage.output
        return Summary.make({ usage })
      })
    const one = (index: number) =>
      Effect.gen(function* () {
        for (let turn = random.below(6); turn > 0; turn--) yield* Effect.yieldNow
        const asking = ask(guard(Call.asEffect(streaming)), question(1 + random.below(40)))
        const fiber = yield* Effect.forkChild(Policy.about({ caller: `${index % 20}` })(asking))
        if (random.below(10) === 0) {
          for (let turn = random.below(10); turn > 0; turn--) yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
        }
        return yield* Fiber.await(fiber)
      })
    const exits = yield* Effect.forEach(
      Array.from({ length: 1_000 }, (_, index) => index),
      one,
      { concurrency: "unbounded" }
    )
    const refused = exits.filter((exit) => Exit.isFailure(exit) && String(Cause.squash(exit.cause)).includes("budget"))
    return { ...seen, refused: refused.length }
  })

describe("A thousand callers whose streams tell what they used at their end", () => {
  for (const [name, as] of [...stores, ["whose answers overtake one another", unsteady(Random.make(7))] as const]) {
    it.effect(`never spend more together than there is, over a store ${name}`, () =>
      Effect.gen(function* () {
        for (let seed = 1; seed <= 4; seed++) {
          const random = Random.make(seed)
          const total = 2_000 + random.below(8_000)
          const guard = yield* withStore(
            as,
            budget({ total: `${total} tok/day`, each: "$0.0005/day", prices: { gpt: oneEach } })
          )
          const { refused, sent, used } = yield* crowd(guard, random)
          const after = yield* inTotal(guard)
          assert.isAtMost(after.spent, total, `seed ${seed}`)
          assert.isAtLeast(after.spent, used, `seed ${seed}`)
          assert.strictEqual(after.reserved, 0, `seed ${seed}`)
          assert.isAbove(refused, 100, `seed ${seed}`)
          assert.isAbove(sent, 20, `seed ${seed}`)
          let each = 0
          for (let caller = 0; caller < 20; caller++) {
            const { reserved, spent } = yield* of(guard, `${caller}`)
            assert.isAtMost(spent, 500, `seed ${seed}, caller ${caller}`)
            assert.strictEqual(reserved, 0, `seed ${seed}, caller ${caller}`)
            each += spent
          }
          assert.strictEqual(each, after.spent, `seed ${seed}`)
        }
      })
    )
  }

  it.effect("are one more than there is room for, where a second of two is", () =>
    Effect.gen(function* () {
      const guard = yield* budget({ total: `${2 * (promptMost + 100) - 1} tok/day` })
      const call = guard(Call.asEffect(() => Effect.as(Effect.yieldNow, Summary.make())))
      const exits = yield* Effect.forEach([1, 2], () => Effect.exit(ask(call, question(100))), { concurrency: 2 })
      assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, false])
    })
  )
})

describe("An interrupt at any operation", () => {
  for (const [name, as] of stores) {
    it.effect(`frees a plain Effect that never ran and charges one that did once, over a store ${name}`, () =>
      Effect.gen(function* () {
        const interrupted = yield* Interrupts.everywhere(
          Effect.map(withStore(as, budget({ total: "100 tok/day", each: "100 tok/day" })), (guard) => ({
            guard,
            ran: false,
            ended: false
          })),
          (call) =>
            Policy.about({ tokens: 10 })(
              call.guard(
                Effect.suspend(() => {
                  call.ran = true
                  return Effect.map(
                    Effect.forEach([1, 2, 3], () => Effect.yieldNow),
                    () => (call.ended = true)
                  )
                })
              )
            ),
          ({ ended, guard, ran }, _, moment) =>
            Effect.gen(function* () {
              yield* Effect.repeat(Effect.yieldNow, { times: 10 })
              const spent = ran ? 10 : 0
              const total = yield* Effect.orDie(inTotal(guard))
              // Who is interrupted when all is done may be told either.
              const unsettled = ended ? total.unsettled : spent
              const expected = amounts({ spent, unsettled })
              assert.deepStrictEqual(total, expected, JSON.stringify(moment))
              assert.deepStrictEqual(yield* Effect.orDie(of(guard, "default")), expected, JSON.stringify(moment))
            })
        )
        assert.isAbove(interrupted, 100)
      })
    )

    it.effect(`frees a call that was never sent and bills one that was once, over a store ${name}`, () =>
      Effect.gen(function* () {
        const interrupted = yield* Interrupts.everywhere(
          Effect.map(withStore(as, budget({ total: "10000 tok/day" })), (guard) => ({ guard, sent: 0, parts: 0 })),
          (call) => {
            const leaf = Call.asEffect((_, attempt) =>
              Effect.gen(function* () {
                call.sent++
                for (; call.parts < 3; call.parts++) {
                  void attempt.emit(Part.text("x"))
                  yield* Effect.yieldNow
                }
                return Summary.make({ usage: { input: 5, output: 3 } })
              })
            )
            return ask(call.guard(leaf))
          },
          ({ guard, sent }, exit, moment) =>
            Effect.gen(function* () {
              yield* Effect.repeat(Effect.yieldNow, { times: 10 })
              const { reserved, spent, unsettled } = yield* Effect.orDie(inTotal(guard))
              assert.strictEqual(reserved, 0, JSON.stringify(moment))
              assert.strictEqual(unsettled, 0, JSON.stringify(moment))
              if (Exit.isSuccess(exit)) assert.strictEqual(spent, 8)
              else if (sent === 0) assert.isTrue(spent === 0 || spent === promptMost, JSON.stringify(moment))
              else
                assert.isTrue(spent === 8 || (spent >= promptMost && spent <= promptMost + 3), JSON.stringify(moment))
            })
        )
        assert.isAbove(interrupted, 100)
      })
    )
  }

  it.effect("leaves nothing reserved, and the window to others, while a Schedule is asked for the next", () =>
    Effect.gen(function* () {
      const slow = Schedule.modifyDelay(Schedule.spaced("1 minute"), ({ duration }) =>
        Effect.as(Effect.repeat(Effect.yieldNow, { times: 3 }), duration)
      )
      const interrupted = yield* Interrupts.everywhere(
        Effect.map(budget({ total: { amount: "100 tok", window: slow } }), (guard) => ({ guard, ran: 0 })),
        (call) => call.guard(Effect.sync(() => call.ran++)),
        ({ guard, ran }, _, moment) =>
          Effect.gen(function* () {
            assert.deepStrictEqual(yield* inTotal(guard), amounts({ spent: ran }), JSON.stringify(moment))
            yield* guard(Effect.void)
          }).pipe(Effect.orDie)
      )
      assert.isAbove(interrupted, 100)
    })
  )
})

describe("In a list of policies", () => {
  it.effect("nothing stays reserved, whatever becomes of the calls", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 10; seed++) {
        const random = Random.make(seed)
        const store = yield* Effect.orDie(MemoryStore.make())
        const spending = yield* Effect.provideService(budget({ total: "1M tok/day" }), Store.StoreService, store)
        const guard = yield* Effect.orDie(
          Policy.all([
            RateLimit.make({ rate: "300/s", per: "all" }),
            Effect.succeed(spending),
            Retry.make({ attempts: 3, base: "10ms", classify: () => "Cut" }),
            RateLimit.make({ rate: "400/s", per: "target" })
          ])
        )
        const call = Call.asEffect<string, never>(() =>
          Effect.suspend(() => {
            const chance = random.below(4)
            if (chance === 0) return Effect.fail("broken")
            if (chance === 1) return Effect.die("a bug")
            if (chance === 2) return Effect.as(Effect.sleep(random.below(100)), Summary.make())
            return Effect.succeed(Summary.make({ usage: { input: 1, output: 1 } }))
          })
        )
        const one = Effect.exit(Effect.timeout(ask(guard(call), question(50)), 1 + random.below(80)))
        const all = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 200 }), () => one, { concurrency: "unbounded" })
        )
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(all)
        assert.strictEqual((yield* inTotal(spending)).reserved, 0, `seed ${seed}`)
      }
    })
  )
})
