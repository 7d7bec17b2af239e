/**
 * The page of failures shows the table that the core decides by, row for row.
 */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Failure } from "@spillway/core"

const page = readFileSync(new URL("../../docs/Failures.md", import.meta.url), "utf8")

const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim())
  )

const mark = (holds: boolean): string => (holds ? "yes" : "")

describe("the page of failures", () => {
  it("has every row of the table, and says what it says", () => {
    assert.deepStrictEqual(
      rows,
      Object.entries(Failure.table).map(([name, row]) => [
        `\`${name}\``,
        row.class,
        String(row.status),
        row.again,
        mark(row.here),
        mark(row.elsewhere),
        mark(row.breaker),
        mark(row.unused)
      ])
    )
  })
})
