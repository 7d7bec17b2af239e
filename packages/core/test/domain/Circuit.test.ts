/**
 * The state of one circuit by itself: what opens it, for how long, and how its probes close it, at moments chosen to
 * the nanosecond.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import type { Outcome } from "../../src/domain/Circuit.ts"
import { enter, hour, make, open, pass, refused, second } from "../fixtures/circuits.ts"

describe("a closed circuit", () => {
  it("opens at so many failures in a row and not one before", () => {
    const circuit = make({ calls: 100 })
    assert.deepStrictEqual(
      ["failure", "failure", "success", "failure", "failure", "failure"].map((outcome, at) =>
        pass(circuit, outcome as Outcome, at)
      ),
      [false, false, false, false, false, true]
    )
  })

  it("does not take an ignored outcome for a success: failures before and after it are in a row", () => {
    const circuit = make({ calls: 100 })
    assert.isFalse(pass(circuit, "failure", 1))
    assert.isFalse(pass(circuit, "failure", 2))
    for (let at = 3; at < 50; at++) assert.isFalse(pass(circuit, "ignored", at))
    assert.isTrue(pass(circuit, "failure", 50))
  })

  it("opens at the share of failures, once there were so many calls", () => {
    const circuit = make({ failures: 100, calls: 6 })
    const outcomes: ReadonlyArray<Outcome> = ["success", "failure", "success", "failure", "success", "failure"]
    assert.deepStrictEqual(
      outcomes.map((outcome, at) => pass(circuit, outcome, at)),
      [false, false, false, false, false, true]
    )
  })

  it("stays closed below the share, and does not count what is ignored among the calls", () => {
    const circuit = make({ failures: 100, calls: 4 })
    for (let at = 0; at < 90; at++) {
      assert.isFalse(pass(circuit, at % 3 === 2 ? "failure" : "success", at))
      assert.isFalse(pass(circuit, "ignored", at))
    }
    const few = make({ failures: 100, calls: 4 })
    for (let at = 0; at < 3; at++) assert.isFalse(pass(few, "failure", at))
    for (let at = 3; at < 50; at++) assert.isFalse(pass(few, "ignored", at))
    assert.isTrue(pass(few, "failure", 50))
  })

  it("forgets for its share what is older than the window, and nothing younger than nine tenths of it", () => {
    for (const [later, opens] of [
      [26 * second, true],
      [30 * second, false]
    ] as const) {
      const circuit = make({ failures: 100, calls: 4 })
      for (const at of [0, 1, 2]) pass(circuit, "failure", at)
      assert.strictEqual(pass(circuit, "failure", later), opens, `${later}`)
    }
  })

  it("lets any number in at once as long as it has never opened", () => {
    const circuit = make()
    for (let calls = 0; calls < 1_000; calls++) enter(circuit, 0)
  })

  it("does not count twice what has been counted", () => {
    const circuit = make({ failures: 1 })
    const [first, other] = [enter(circuit, 0), enter(circuit, 0)]
    assert.isTrue(circuit.record(first, "failure", 1))
    assert.isFalse(circuit.record(other, "failure", 2))
    assert.strictEqual(circuit.openings, 1)
  })
})

describe("an open circuit", () => {
  it("says to the nanosecond when the probe may come", () => {
    const circuit = make()
    open(circuit, 100, 2 * second)
    assert.strictEqual(refused(circuit, 100), 2 * second)
    assert.strictEqual(refused(circuit, 99 + 2 * second), 1)
    enter(circuit, 100 + 2 * second)
  })

  it("is open for a second where nobody has said how long, and for as long as the last time after that", () => {
    const circuit = make()
    while (!pass(circuit, "failure", 0));
    assert.strictEqual(refused(circuit, 0), second)
    circuit.opened(300)
    assert.isTrue(pass(circuit, "failure", 300))
    assert.strictEqual(refused(circuit, 300), 300)
  })

  it("counts how long from when it opened, not from when it was told", () => {
    const circuit = make()
    while (!pass(circuit, "failure", 0));
    assert.strictEqual(refused(circuit, second / 2), second / 2)
    circuit.opened(3 * second)
    assert.strictEqual(refused(circuit, second / 2), 2.5 * second)
  })

  it("is not opened anew by being told how long when it is not open", () => {
    const circuit = make()
    circuit.opened(5 * second)
    enter(circuit, 0)
    assert.deepStrictEqual(circuit.state(0), { _tag: "Closed" })
  })

  it("may be open without an end, and says so", () => {
    const circuit = make()
    open(circuit, 0, Infinity)
    assert.strictEqual(refused(circuit, 1_000 * hour), Infinity)
    assert.deepStrictEqual(circuit.state(0), { _tag: "Open", openings: 1, retryAfter: Duration.infinity })
    circuit.reset()
    open(circuit, 0, 2 * second)
    assert.strictEqual(refused(circuit, 0), 2 * second)
  })

  it("shows how it stands without being moved by it", () => {
    const circuit = make()
    assert.deepStrictEqual(circuit.state(0), { _tag: "Closed" })
    open(circuit, 0)
    const retryAfter = Duration.nanos(1n)
    assert.deepStrictEqual(circuit.state(2 * second - 1), { _tag: "Open", openings: 1, retryAfter })
    assert.deepStrictEqual(circuit.state(2 * second), { _tag: "HalfOpen", openings: 1, probing: 0 })
    const probe = enter(circuit, 2 * second)
    assert.deepStrictEqual(circuit.state(2 * second), { _tag: "HalfOpen", openings: 1, probing: 1 })
    circuit.record(probe, "success", 2 * second)
    assert.deepStrictEqual(circuit.state(2 * second), { _tag: "Closed" })
    circuit.isolate()
    assert.deepStrictEqual(circuit.state(2 * second), { _tag: "Isolated" })
  })
})

describe("a half-open circuit", () => {
  it("has so many places for probes, and all of them have to succeed", () => {
    const circuit = make({ probes: 3 })
    open(circuit, 0)
    const probes = [1, 2, 3].map(() => enter(circuit, 2 * second))
    assert.strictEqual(refused(circuit, 2 * second), 2 * second)
    circuit.record(probes[0]!, "success", 3 * second)
    // A place of one that has succeeded is not free again: three were promised, not three at a time.
    refused(circuit, 3 * second)
    circuit.record(probes[1]!, "success", 3 * second)
    assert.strictEqual(circuit.state(3 * second)._tag, "HalfOpen")
    circuit.record(probes[2]!, "success", 3 * second)
    assert.strictEqual(circuit.state(3 * second)._tag, "Closed")
  })

  it("opens again at the first probe that fails, and lets the others end unseen", () => {
    const circuit = make({ probes: 3 })
    open(circuit, 0)
    const probes = [1, 2, 3].map(() => enter(circuit, 2 * second))
    circuit.record(probes[0]!, "success", 3 * second)
    assert.isTrue(circuit.record(probes[1]!, "failure", 3 * second))
    circuit.opened(4 * second)
    assert.isFalse(circuit.record(probes[2]!, "success", 3 * second))
    assert.strictEqual(refused(circuit, 3 * second), 4 * second)
    assert.strictEqual(circuit.openings, 2)
  })

  it("gives the place of an ignored probe to another, and neither opens nor closes", () => {
    const circuit = make()
    open(circuit, 0)
    for (let times = 0; times < 10; times++) {
      const probe = enter(circuit, 2 * second)
      refused(circuit, 2 * second)
      assert.isFalse(circuit.record(probe, "ignored", 2 * second))
      assert.strictEqual(circuit.state(2 * second)._tag, "HalfOpen")
    }
  })

  it("opens when a probe hangs, to the nanosecond, and not while it shows signs of life", () => {
    const circuit = make()
    open(circuit, 0)
    const probe = enter(circuit, 2 * second)
    assert.isFalse(circuit.expire(62 * second - 1))
    probe.seenAt = 62 * second
    assert.isFalse(circuit.expire(62 * second))
    assert.isFalse(circuit.expire(122 * second - 1))
    assert.isTrue(circuit.expire(122 * second))
    assert.isFalse(circuit.expire(122 * second))
    circuit.opened(5 * second)
    assert.isFalse(circuit.record(probe, "success", 122 * second))
    assert.strictEqual(refused(circuit, 122 * second), 5 * second)
  })

  it("frees the place of a probe that waits for something of ours, and does not hear of it again", () => {
    const circuit = make()
    open(circuit, 0)
    const waiting = enter(circuit, 2 * second)
    waiting.isOurs = true
    assert.isFalse(circuit.expire(62 * second))
    const probe = enter(circuit, 62 * second)
    assert.isFalse(circuit.record(waiting, "failure", 63 * second))
    assert.deepStrictEqual(circuit.state(63 * second), { _tag: "HalfOpen", openings: 1, probing: 1 })
    circuit.record(probe, "success", 63 * second)
    assert.strictEqual(circuit.state(63 * second)._tag, "Closed")
  })

  it("never lets a second one in after an opening of no time", () => {
    const circuit = make()
    open(circuit, 0, 0)
    enter(circuit, 0)
    assert.strictEqual(refused(circuit, 0), second)
  })
})
