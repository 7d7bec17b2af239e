/**
 * A circuit after it has closed: how it lets traffic back, when its next opening is a first one again, what a hand at
 * it does, and when it may be forgotten.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Settings } from "../../src/domain/Circuit.ts"
import { enter, guest, hour, make, open, pass, refused, second } from "../fixtures/circuits.ts"

describe("a circuit that has closed again", () => {
  const closed = (changed: Partial<Settings> = {}) => {
    const circuit = make(changed)
    open(circuit, 0)
    const probes = Array.from({ length: changed.probes ?? 1 }, () => enter(circuit, 2 * second))
    for (const probe of probes) circuit.record(probe, "success", 5 * second)
    return circuit
  }

  it("lets one more run at once for each that succeeds, until enough have", () => {
    for (const probes of [1, 2]) {
      const circuit = closed({ probes })
      for (let succeeded = 0; succeeded < 3; succeeded++) {
        const runs = Array.from({ length: probes + succeeded }, () => enter(circuit, 5 * second))
        refused(circuit, 5 * second)
        for (const run of runs.slice(1)) circuit.record(run, "ignored", 5 * second)
        circuit.record(runs[0]!, "success", 5 * second)
      }
      for (let calls = 0; calls < 1_000; calls++) enter(circuit, 5 * second)
    }
  })

  it("says to come back in as long as the last one took, and never sooner than in a second", () => {
    const circuit = closed()
    const run = enter(circuit, 5 * second)
    assert.strictEqual(refused(circuit, 5 * second), 3 * second)
    circuit.record(run, "success", 5 * second + 10)
    enter(circuit, 6 * second)
    enter(circuit, 6 * second)
    assert.strictEqual(refused(circuit, 6 * second), second)
  })

  it("is not held by one who hangs: his place comes free, and what becomes of him is not counted", () => {
    const circuit = closed({ failures: 1 })
    const hanging = enter(circuit, 5 * second)
    refused(circuit, 65 * second - 1)
    assert.isFalse(circuit.expire(65 * second))
    const run = enter(circuit, 65 * second)
    refused(circuit, 65 * second)
    assert.isFalse(circuit.record(hanging, "failure", 66 * second))
    refused(circuit, 66 * second)
    circuit.record(run, "ignored", 66 * second)
    enter(circuit, 66 * second)
  })

  it("looks after one who hangs also when any number may run again, or it would never be forgotten", () => {
    const circuit = closed({ probes: 2 })
    const hanging = enter(circuit, 5 * second)
    for (let calls = 0; calls < 3; calls++) pass(circuit, "success", 5 * second)
    assert.isFalse(circuit.pass(guest()))
    assert.isFalse(circuit.expire(65 * second))
    assert.isTrue(circuit.pass(hanging))
    circuit.record(hanging, "success", 66 * second)
    assert.isTrue(circuit.isIdle(3 * hour))
  })

  it("starts counting anew: what failed before it opened is forgotten", () => {
    const circuit = closed({ calls: 3 })
    assert.isFalse(pass(circuit, "failure", 5 * second))
    assert.isFalse(pass(circuit, "failure", 5 * second))
    assert.isTrue(pass(circuit, "failure", 5 * second))
  })

  it("counts the next opening on, unless it has stayed closed for as long as it had been open", () => {
    for (const [later, openings] of [
      [2 * second - 1, 2],
      [2 * second, 1]
    ] as const) {
      const circuit = closed()
      open(circuit, 5 * second + later)
      assert.strictEqual(circuit.openings, openings)
    }
  })
})

describe("a circuit thrown by hand", () => {
  it("lets nobody in until it is reset, whatever ends meanwhile", () => {
    const circuit = make({ failures: 1 })
    const [first, other] = [enter(circuit, 0), enter(circuit, 0)]
    circuit.isolate()
    assert.isFalse(circuit.record(first, "success", 1))
    assert.isFalse(circuit.record(other, "failure", 1))
    assert.isFalse(circuit.expire(hour))
    assert.strictEqual(refused(circuit, 1_000 * hour), Infinity)
    circuit.reset()
    enter(circuit, 1_000 * hour)
  })

  it("is as new after a reset: no failure, no opening and no ramp is remembered", () => {
    const circuit = make()
    open(circuit, 0, hour)
    circuit.reset()
    const before = enter(circuit, 1)
    for (let calls = 0; calls < 100; calls++) enter(circuit, 1)
    pass(circuit, "failure", 1)
    pass(circuit, "failure", 1)
    circuit.reset()
    assert.isFalse(circuit.record(before, "failure", 2))
    assert.isFalse(pass(circuit, "failure", 2))
    assert.isFalse(pass(circuit, "failure", 2))
    assert.isTrue(pass(circuit, "failure", 2))
    assert.strictEqual(circuit.openings, 1)
    assert.strictEqual(refused(circuit, 2), second)
  })
})

describe("a circuit that is left alone", () => {
  it("says nothing any more after an hour, however its last call ended", () => {
    const circuit = make()
    pass(circuit, "failure", 0)
    assert.isFalse(circuit.isIdle(hour))
    assert.isTrue(circuit.isIdle(hour + 1))
  })

  it("still says something while a call is in it, and for an hour after the last one has ended", () => {
    const circuit = make()
    const run = enter(circuit, 0)
    assert.isFalse(circuit.isIdle(10 * hour))
    circuit.record(run, "failure", 10 * hour)
    assert.isFalse(circuit.isIdle(11 * hour))
    assert.isTrue(circuit.isIdle(11 * hour + 1))
  })

  it("is not forgotten while it is open, isolated, or not yet stable again, nor sooner than its window", () => {
    const opened = make()
    open(opened, 0, 5 * hour)
    assert.isFalse(opened.isIdle(6 * hour))
    assert.isTrue(opened.isIdle(6 * hour + 1))
    // The probe succeeds at seven hours; it had been open for five.
    pass(opened, "success", 7 * hour)
    assert.isFalse(opened.isIdle(13 * hour))
    assert.isTrue(opened.isIdle(13 * hour + 1))
    const isolated = make()
    isolated.isolate()
    assert.isFalse(isolated.isIdle(1_000 * hour))
    const slow = make({ window: 3 * hour })
    pass(slow, "failure", 0)
    assert.isFalse(slow.isIdle(3 * hour))
  })
})
