/**
 * Which requests a fault is for, and when: its patterns and its windows, on the test clock.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { make as makeAgenda } from "../../src/Agenda.ts"
import { Switchboard } from "../../src/Fault.ts"

describe("which requests a fault is for", () => {
  const anything = { has: () => true }
  const boardOf = (model = "llama3") =>
    Effect.map(
      makeAgenda,
      (agenda) =>
        new Switchboard(agenda, 1, new Map([["busy", { paths: ["/api/chat"] }]]), {
          all: () => [{ names: [model] }],
          namesOf: (name) => [name]
        })
    )
  const patterns: ReadonlyArray<readonly [pattern: string, model: string, isStruck: boolean]> = [
    ["llama3", "llama3", true],
    ["llama3", "llama3:latest", true],
    ["llama3", "llama3:8b", false],
    ["llama3", "my-llama3", false],
    ["llama*", "llama3.1:8b", true],
    ["*", "", true],
    ["*:8b", "llama3.1:8b", true],
    ["*:8b", "llama3.1:70b", false],
    ["llama3.1", "llama341", false],
    ["a+b(c)", "a+b(c)", true],
    ["*embed*", "nomic-embed-text", true],
    ["a*a", "a", false],
    ["*a*a*", "ab", false],
    ["a*b*b", "axb", false],
    ["a*b*b", "axbb:latest", true]
  ]
  for (const [pattern, name, isStruck] of patterns) {
    it.effect(`model=${pattern} ${isStruck ? "strikes" : "leaves alone"} ${JSON.stringify(name)}`, () =>
      Effect.gen(function* () {
        const board = yield* boardOf(pattern.replaceAll("*", "x"))
        yield* board.add({ fault: "busy", model: pattern })
        assert.strictEqual(board.strike(anything, { path: "/", model: name }) !== undefined, isStruck)
      })
    )
  }

  it.effect("looks at each letter of a name but a few times, however many stars there are", () =>
    Effect.gen(function* () {
      const board = yield* boardOf(`${"a".repeat(25)}b`)
      yield* board.add({ fault: "busy", model: `${"*a".repeat(25)}*b` })
      const from = performance.now()
      assert.isUndefined(board.strike(anything, { path: "/", model: "a".repeat(60) }))
      assert.isBelow(performance.now() - from, 1_000)
    })
  )

  /** In which seconds of the first twenty a fault strikes. */
  const seconds = (fault: string) =>
    Effect.gen(function* () {
      const board = yield* boardOf()
      // Long after the program began, since what counts is when the fault was switched on.
      yield* TestClock.adjust("1 hour")
      yield* board.add(fault)
      const struck: Array<number> = []
      for (let second = 0; second < 20; second++) {
        if (board.strike(anything, { path: "/", model: "" }) !== undefined) struck.push(second)
        yield* TestClock.adjust("1 second")
      }
      return struck
    })
  const range = (from: number, to: number): ReadonlyArray<number> =>
    Array.from({ length: to - from }, (_, place) => from + place)
  const windows: ReadonlyArray<readonly [fault: string, seconds: ReadonlyArray<number>]> = [
    ["busy", range(0, 20)],
    ["busy after=5s", range(5, 20)],
    ["busy for=3s", [0, 1, 2]],
    ["busy after=5s for=3s", [5, 6, 7]],
    ["busy for=1s every=5s", [0, 5, 10, 15]],
    ["busy after=2s for=2s every=10s", [2, 3, 12, 13]],
    ["busy x2 after=2s", [2, 3]],
    ["busy x3 for=2s every=5s", [0, 1, 5]]
  ]
  for (const [fault, expected] of windows) {
    it.effect(`${fault} strikes in these seconds: ${expected.join(" ")}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* seconds(fault), expected)
      })
    )
  }

  it.effect("begins and ends its window to the nanosecond", () =>
    Effect.gen(function* () {
      const board = yield* boardOf()
      yield* board.add("busy after=1s for=1s")
      const strikes = (): boolean => board.strike(anything, { path: "/", model: "" }) !== undefined
      yield* TestClock.adjust("999 millis")
      assert.isFalse(strikes())
      yield* TestClock.adjust("1 millis")
      assert.isTrue(strikes())
      yield* TestClock.adjust("999 millis")
      assert.isTrue(strikes())
      yield* TestClock.adjust("1 millis")
      assert.isFalse(strikes())
    })
  )

  it.effect("draws for each request what is drawn within the answer", () =>
    Effect.gen(function* () {
      const board = yield* boardOf()
      yield* board.add("busy")
      const draws = range(0, 100).map(() => board.strike(anything, { path: "/", model: "" })?.draw)
      assert.isAbove(new Set(draws).size, 95)
    })
  )
})
