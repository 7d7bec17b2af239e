/**
 * A circuit beside a model that counts anew every time: seeded scenes of calls, outcomes and moments, in which both
 * have to decide alike at every step.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { Circuit, type Outcome } from "../../src/domain/Circuit.ts"
import { type Call, CircuitModel } from "../fixtures/circuitModel.ts"
import { guest, type Guest } from "../fixtures/circuits.ts"
import * as Random from "../laws/random.ts"

describe("Circuit beside a model that counts anew every time", () => {
  const outcomes: ReadonlyArray<Outcome> = ["success", "success", "failure", "failure", "ignored"]

  const play = (seed: number, seen: Set<string>): void => {
    const random = Random.make(seed)
    const changed = {
      failures: 1 + random.below(4),
      failureRate: [0, 0.25, 0.5, 1][random.below(4)]!,
      calls: 1 + random.below(6),
      window: 1_000,
      probes: 1 + random.below(3),
      probeFor: 1 + random.below(500),
      ramp: 1 + random.below(4)
    }
    const [circuit, model] = [new Circuit(changed), new CircuitModel(changed)]
    const pairs: Array<readonly [Guest, Call]> = []
    let now = 0
    const cool = (opens: boolean, name: string): void => {
      if (!opens) return
      const openFor = random.below(4) === 0 ? 0 : random.below(600)
      circuit.opened(openFor)
      model.opened(openFor)
      seen.add(name)
    }
    const step = (what: number, at: string): void => {
      if (what < 9) {
        const pair = [guest(), { ...guest(), life: undefined, leased: false }] as const
        // Whoever may pass without a look at the time may also take the long way.
        const wait = random.below(2) === 0 && circuit.pass(pair[0]) ? 0 : circuit.admit(pair[0], now)
        assert.strictEqual(wait, model.admit(pair[1], now), `${at} admit`)
        if (wait === 0) pairs.push(pair)
        seen.add(wait === 0 ? `in ${model.phase}` : `refused ${model.phase}`)
      } else if (what < 16 && pairs.length > 0) {
        const [run, call] = pairs.splice(random.below(pairs.length), 1)[0]!
        const outcome = outcomes[random.below(outcomes.length)]!
        const opens = circuit.record(run, outcome, now)
        assert.strictEqual(opens, model.record(call, outcome, now), `${at} record`)
        cool(opens, "opened by an outcome")
      } else if (what < 18 && pairs.length > 0) {
        const [run, call] = pairs[random.below(pairs.length)]!
        run.seenAt = call.seenAt = now
        run.isOurs = call.isOurs = random.below(2) === 0
      } else if (what < 20) {
        const opens = circuit.expire(now)
        assert.strictEqual(opens, model.expire(now), `${at} expire`)
        cool(opens, "opened by a hanging probe")
      } else if (what === 20 && random.below(8) === 0) {
        circuit.isolate()
        model.isolate()
      } else if (what === 21 && random.below(model.phase === "Isolated" ? 1 : 8) === 0) {
        circuit.reset()
        model.reset()
      } else {
        now += random.below(random.below(10) === 0 ? 1_500 : 120)
      }
    }
    for (let index = 0; index < 400; index++) {
      const at = `seed ${seed}, step ${index}`
      step(random.below(26), at)
      const state = circuit.state(now)
      const [phase, number] = model.state(now)
      assert.strictEqual(state._tag, phase, at)
      if (state._tag === "Open") assert.strictEqual(Duration.toNanosUnsafe(state.retryAfter), BigInt(number), at)
      if (state._tag === "HalfOpen") {
        assert.strictEqual(state.probing, number, at)
        assert.isAtMost(state.probing, changed.probes, at)
      }
      assert.strictEqual(circuit.openings, model.openings, at)
    }
  }

  it("decides alike at every step of 80 random scenes", () => {
    const seen = new Set<string>()
    for (let seed = 1; seed <= 80; seed++) play(seed, seen)
    assert.deepStrictEqual(
      [...seen].toSorted((one, other) => one.localeCompare(other)),
      [
        "in Closed",
        "in HalfOpen",
        "opened by a hanging probe",
        "opened by an outcome",
        "refused Closed",
        "refused HalfOpen",
        "refused Isolated",
        "refused Open"
      ]
    )
  }, 20_000)
})
