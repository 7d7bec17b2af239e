/**
 * The table of faults: one line each, in columns, no wider than the terminal.
 */
import { describe, expect, it } from "vitest"
import { table } from "../../src/sim/Catalogue.ts"
import { plain } from "../../src/terminal/Paint.ts"
import { widthOf } from "../../src/terminal/Text.ts"

const catalogue = [
  { name: "busy", where: "door", what: "503: the queue is full" },
  { name: "load-memory", where: "runner", what: "500: the model does not fit into memory" }
]

describe("the table of faults", () => {
  it("stands in columns", () => {
    expect(table(catalogue, { columns: Infinity, paint: plain })).toStrictEqual([
      "fault        where   what a caller sees",
      "busy         door    503: the queue is full",
      "load-memory  runner  500: the model does not fit into memory"
    ])
  })

  it("leaves out where a fault happens when nothing is said of that", () => {
    const [heading, busy] = table([{ name: "busy", what: "503" }], { columns: 80, paint: plain })
    expect([heading, busy]).toStrictEqual(["fault  what a caller sees", "busy   503"])
  })

  it("fits the terminal", () => {
    for (const columns of [10, 40, 80, 200]) {
      for (const each of table(catalogue, { columns, paint: plain })) expect(widthOf(each)).toBeLessThanOrEqual(columns)
    }
  })
})
