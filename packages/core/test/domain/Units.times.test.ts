/**
 * The times in notations: every word for them, the names they are printed by, and clocks that grow with the tokens.
 *
 * The words are listed one by one, because a word that is lost refuses somebody's file.
 */
import { assert, describe, it } from "@effect/vitest"
import { Units } from "@spillway/core"
import { Duration, Equal, Result } from "effect"

const again = <A>(unit: Units.Unit<A>, text: string): string => unit.print(Result.getOrThrow(unit.parse(text)))

describe("a duration", () => {
  const words: Record<string, Duration.Duration> = {
    "w wk wks week weeks": Duration.weeks(1),
    "d day days": Duration.days(1),
    "h hr hrs hour hours": Duration.hours(1),
    "m min mins minute minutes": Duration.minutes(1),
    "s sec secs second seconds": Duration.seconds(1),
    "ms msec msecs milli millis millisecond milliseconds": Duration.millis(1),
    "us µs micro micros microsecond microseconds": Duration.micros(1n),
    "ns nano nanos nanosecond nanoseconds": Duration.nanos(1n)
  }
  for (const [names, value] of Object.entries(words)) {
    it(`may be written in ${names}`, () => {
      for (const name of names.split(" "))
        assert.isTrue(Equal.equals(Result.getOrThrow(Units.duration.parse(`1${name}`)), value), name)
    })
  }
})

describe("a time in which something may be done", () => {
  it("is printed by its name where it has one", () => {
    for (const text of ["10/s", "10/min", "10/hour", "10/day", "10/week", "10/2h"]) {
      assert.strictEqual(again(Units.rate, text), text)
    }
    for (const text of ["$10/month", "2M tok/month"]) assert.strictEqual(again(Units.allowance, text), text)
  })
})

describe("a clock", () => {
  const clock = Result.getOrThrow(Units.scaled.parse("5s + 1s/500tok"))

  it("grows with the tokens, to the nanosecond", () => {
    assert.isTrue(Equal.equals(Units.clockOf(clock, 0), Duration.seconds(5)))
    assert.isTrue(Equal.equals(Units.clockOf(clock, 1), Duration.millis(5_002)))
    assert.isTrue(Equal.equals(Units.clockOf(clock, 1_000), Duration.seconds(7)))
  })

  it("is the plain duration where it does not grow", () => {
    const plain = Result.getOrThrow(Units.scaled.parse("5s"))
    assert.isTrue(Equal.equals(Units.clockOf(plain, 1e9), Duration.seconds(5)))
  })

  it("stays within what a duration can say, whatever the number of tokens", () => {
    assert.isTrue(Equal.equals(Units.clockOf(clock, Infinity), Duration.nanos(9_007_199_254_740_991n)))
    assert.isTrue(Equal.equals(Units.clockOf(clock, Number.NaN), Duration.seconds(5)))
    assert.isTrue(Equal.equals(Units.clockOf(clock, -1), Duration.seconds(5)))
  })
})

describe("a span", () => {
  it("is a duration that is longer than nothing, however it is written", () => {
    assert.isTrue(Equal.equals(Result.getOrThrow(Units.span.parse("1m30s")), Duration.seconds(90)))
    assert.isTrue(Equal.equals(Result.getOrThrow(Units.span.parse(250)), Duration.millis(250)))
    for (const nothing of ["0s", "0ms", 0]) {
      const refused = Result.getOrThrow(Result.flip(Units.span.parse(nothing)))
      assert.include(refused.expected, "longer than 0", String(nothing))
    }
  })
})
