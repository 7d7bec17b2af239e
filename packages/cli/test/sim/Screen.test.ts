/**
 * The live screen at every size: it fits, and what matters most stays on it.
 */
import { describe, expect, it } from "vitest"
import { stripVTControlCharacters } from "node:util"
import { screen } from "../../src/sim/Screen.ts"
import { coloured, plain } from "../../src/terminal/Paint.ts"
import { widthOf } from "../../src/terminal/Text.ts"
import { busy, passage } from "./snapshots.ts"

const drawn = (columns: number, rows = 30) => screen(busy, { columns, rows, paint: plain })

/** The line that speaks of something. */
const about = (lines: ReadonlyArray<string>, what: string) => lines.find((each) => each.includes(what)) ?? ""

describe("the screen", () => {
  for (const columns of [1, 20, 40, 80, 120, 200]) {
    it(`fits into ${columns} columns and any number of rows`, () => {
      for (const paint of [plain, coloured]) {
        for (const rows of [1, 2, 5, 8, 12, 15, 24, 60]) {
          const lines = screen(busy, { columns, rows, paint })
          expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1))
          for (const each of lines) expect(widthOf(each)).toBeLessThanOrEqual(columns)
        }
      }
    })
  }

  it("says the same with and without colours", () => {
    const painted = screen(busy, { columns: 120, rows: 30, paint: coloured }).map(stripVTControlCharacters)
    expect(painted).toStrictEqual(drawn(120))
  })

  it("shows on 40 columns where the server is and how each request ended", () => {
    const lines = drawn(40)
    expect(lines[0]).toContain("http://127.0.0.1:11434")
    expect(about(lines, "status")).toBe(" path        model        status   total")
    expect(about(lines, "503")).toBe(" /api/chat   llama3.1:8b     503    1 ms")
    expect(about(lines, "Ctrl-C")).toBe(" Ctrl-C stops it")
  })

  it("shows on 80 columns when, and which fault struck", () => {
    const lines = drawn(80)
    expect(about(lines, "status").trim().split(/\s+/)).toStrictEqual([
      "time",
      "path",
      "model",
      "status",
      "end",
      "total",
      "fault"
    ])
    expect(about(lines, "503")).toMatch(
      /^ \d\d:\d\d:\d\d {2}\/api\/chat +llama3.1:8b +503 {2}complete +1 ms {2}overloaded/
    )
  })

  it("shows as broken what ended as if it were whole", () => {
    expect(about(drawn(80), "/api/generate")).toMatch(/ 200 {2}broken +1\.2 s {2}die/)
  })

  it("says how a fault is switched on, as long as there is room", () => {
    expect(about(drawn(77), "Ctrl-C")).toContain("curl -d busy http://127.0.0.1:11434/_sim/faults")
    expect(about(drawn(76), "Ctrl-C")).toBe(" Ctrl-C stops it")
  })

  it("shows on 200 columns all there is", () => {
    const lines = drawn(200)
    expect(about(lines, "status").trim().split(/\s+/)).toStrictEqual(
      "time method path model status end first total bytes fault".split(" ")
    )
    expect(about(lines, "/v1/chat/completions")).toContain("  cut  ")
    expect(about(lines, "Ctrl-C")).toContain('curl -d "overloaded 20%" http://127.0.0.1:11434/_sim/faults')
  })

  it("shows how models stand", () => {
    const lines = drawn(80)
    expect(about(lines, "loaded")).toBe(" llama3.1:8b       loaded   ██░░ 2/4  3 in line")
    expect(about(lines, "loading")).toBe(" nomic-embed-text  loading    5 waiting for a load")
    expect(about(lines, "cold")).toBe(" qwen3:14b         cold     ")
  })

  it("shows a part of the bar for many slots, and no empty one while something runs", () => {
    const [model] = busy.models
    const many = { ...busy, models: [{ ...model!, slots: 64, running: 1, waiting: 0 }] }
    expect(about([...screen(many, { columns: 80, rows: 30, paint: plain })], "loaded")).toContain(
      `█${"░".repeat(15)} 1/64`
    )
  })

  it("shows faults as they were written, and how often each has struck", () => {
    const lines = drawn(80)
    expect(about(lines, "overloaded 20%")).toMatch(/^ overloaded 20% +struck 17 times$/)
    expect(about(lines, "slow-load")).toBe(" slow-load x3 model=nomic* span=5s  not yet, not now")
  })

  it("shows the last requests first and leaves out the oldest", () => {
    const passages = Array.from({ length: 100 }, (_, at) => passage({ id: at, path: `/api/${at}` }))
    const paths = screen({ ...busy, passages }, { columns: 80, rows: 24, paint: plain }).flatMap(
      (each) => /\/api\/(\d+)/.exec(each)?.[1] ?? []
    )
    expect(paths.length).toBeGreaterThan(5)
    expect(paths).toStrictEqual(paths.map((_, at) => String(99 - at)))
  })

  it("says how many models and faults it leaves out", () => {
    const [model] = busy.models
    const [fault] = busy.faults
    const models = Array.from({ length: 40 }, (_, at) => ({ ...model!, name: `model-${at}` }))
    const faults = Array.from({ length: 40 }, () => fault!)
    const lines = screen({ ...busy, models, faults }, { columns: 80, rows: 24, paint: plain })
    const left = lines.flatMap((each) => /and (\d+) more/.exec(each)?.[1] ?? []).map(Number)
    expect(left).toStrictEqual([
      40 - lines.filter((each) => each.includes("model-")).length,
      40 - lines.filter((each) => each.startsWith(" overloaded")).length
    ])
  })

  it("obeys nothing that a caller has sent", () => {
    expect(drawn(200).join("")).not.toContain("\u001b")
    expect(about(drawn(200), "/v1/chat/completions")).toContain("x?[2Jy")
  })
})
