/**
 * Lines for a pipe: what they say, and that nothing in them can pass for something else.
 */
import { describe, expect, it } from "vitest"
import { json, words } from "../../src/sim/Report.ts"
import { passage } from "./snapshots.ts"

describe("a line in words", () => {
  it("says who was asked for what and how it went", () => {
    const line = words.ended(passage({ status: 503, fault: "overloaded" }))
    expect(line.slice(8)).toBe(
      " POST /api/chat llama3.1:8b 503 complete first=31ms total=1240ms bytes=4120 fault=overloaded"
    )
    expect(line).toMatch(/^\d\d:\d\d:\d\d /)
  })

  it("stays one line whatever a model is called", () => {
    expect(words.ended(passage({ model: "a\nb" }))).toContain(" a?b ")
  })

  it("sums up without what did not happen", () => {
    const ends = { answered: 2, refused: 1, broken: 0, cut: 0, left: 0, open: 0 }
    const tally = { count: 3, ...ends, struck: 1, tookMillis: 2_000 }
    expect(words.stopped(tally)).toBe(
      "Stopped after 2.0 s and 3 requests: 2 answered, 1 refused; a fault struck 1 of them."
    )
    expect(words.stopped({ ...tally, count: 5, broken: 2, struck: 3 })).toBe(
      "Stopped after 2.0 s and 5 requests: 2 answered, 1 refused, 2 broken; a fault struck 3 of them."
    )
    const nothing = { ...tally, count: 0, answered: 0, refused: 0, struck: 0 }
    expect(words.stopped(nothing)).toBe("Stopped after 2.0 s and 0 requests.")
  })
})

describe("a line of JSON", () => {
  it("has the same keys whatever happened", () => {
    const whole = JSON.parse(json.ended(passage()))
    const open = passage({ status: undefined, firstMillis: undefined, tookMillis: undefined, end: "left", model: "" })
    const lacking = JSON.parse(json.ended(open))
    expect(whole).toStrictEqual({
      event: "request",
      ts: "2025-10-09T08:53:20.000Z",
      method: "POST",
      path: "/api/chat",
      model: "llama3.1:8b",
      status: 200,
      end: "complete",
      first_ms: 31,
      total_ms: 1_240,
      bytes: 4_120,
      fault: null
    })
    expect(Object.keys(lacking)).toStrictEqual(Object.keys(whole))
    expect(lacking).toMatchObject({ status: null, first_ms: null, total_ms: null, model: null })
  })
})
