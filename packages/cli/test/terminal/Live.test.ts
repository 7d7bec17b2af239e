/**
 * Redrawing in place: only what has changed is written, over what stood there, and the cursor comes back.
 */
import { assert, describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Terminal } from "effect"
import { TestClock } from "effect/testing"
import { drawing, live } from "../../src/terminal/Live.ts"

const size = { columns: 80, rows: 24 }

describe("what is drawn", () => {
  it("goes over what stood there", () => {
    let lines = ["one", "two"]
    const draw = drawing(() => lines)
    expect(draw(size)).toBe("\rone\u001b[K\ntwo\u001b[K\n\u001b[J")
    lines = ["one"]
    expect(draw(size)).toBe("\u001b[2A\rone\u001b[K\n\u001b[J")
  })

  it("is nothing when nothing has changed", () => {
    const draw = drawing(() => ["one"])
    expect(draw(size)).not.toBe("")
    expect(draw(size)).toBe("")
  })

  it("begins on an empty screen when the terminal has another size", () => {
    const draw = drawing(() => ["one"])
    draw(size)
    expect(draw({ columns: 40, rows: 24 })).toContain("\u001b[2J")
  })
})

describe("a live screen", () => {
  const unused = Effect.die("not asked for")

  const terminalInto = (written: Array<string>) =>
    Layer.succeed(
      Terminal.Terminal,
      Terminal.make({
        columns: Effect.succeed(80),
        rows: Effect.succeed(24),
        size: unused,
        readInput: unused,
        readLine: unused,
        display: (text) => Effect.sync(() => written.push(text))
      })
    )

  it.effect("is redrawn at most four times a second", () => {
    const written: Array<string> = []
    let count = 0
    return Effect.gen(function* () {
      yield* Effect.forkChild(live(() => [`${count++}`]))
      yield* TestClock.adjust("2 seconds")
      const drawn = written.filter((text) => text.includes("\u001b[J"))
      assert.include([8, 9], drawn.length)
    }).pipe(Effect.provide(terminalInto(written)))
  })

  it.effect("draws its end and gives the cursor back when it is stopped", () => {
    const written: Array<string> = []
    let text = "runs"
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(live(() => [text]))
      yield* TestClock.adjust("1 second")
      text = "over"
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(written[0], "\u001b[?25l")
      assert.include(written.at(-2), "over")
      assert.strictEqual(written.at(-1), "\u001b[?25h")
    }).pipe(Effect.provide(terminalInto(written)))
  })
})
