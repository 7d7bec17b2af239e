/**
 * Says what was measured: as text for a terminal, as Markdown for RESULTS.md, as JSON for programs.
 *
 * Only ratios within one run mean anything, so every figure stands beside its ratio to the yardstick of its group.
 */
import { cpus, loadavg } from "node:os"
import { type Crowd, crowds, type Figure, type Measured, type Plan, ratioOf } from "./measure.ts"
import { judge, type Verdict } from "./goals.ts"

const titles = {
  calls: { unit: "us per call", yardstick: "async leaf alone", short: "x leaf" },
  refusals: { unit: "us per refusal", yardstick: "async leaf alone", short: "x leaf" },
  parts: { unit: "us per part", yardstick: "async generator, for await, no policies", short: "x generator" }
}

const machine = () => ({
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: cpus().length,
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  load: loadavg()[0]!.toFixed(1),
  date: new Date().toISOString().slice(0, 10)
})

const crowdOf = (crowd: Crowd): string => (crowd === 1 ? "one caller" : "1,000 at once")

const cell = (figure: Figure | undefined): string =>
  figure === undefined ? "" : `${fixed(figure.median)} (${fixed(figure.low)}-${fixed(figure.high)})`

const fixed = (micros: number): string => (micros >= 100 ? micros.toFixed(0) : micros.toFixed(2))

type Row = ReadonlyArray<string>

interface Table {
  readonly head: Row
  readonly rows: ReadonlyArray<Row>
}

const tableOf = (measured: ReadonlyArray<Measured>, group: keyof typeof titles): Table => {
  const { short, unit, yardstick } = titles[group]
  const base = measured.find(({ name }) => name === yardstick)
  return {
    head: [unit, ...crowds.flatMap((crowd) => [crowdOf(crowd), short])],
    rows: measured
      .filter((each) => each.group === group)
      .map(({ figures, name }) => [
        name,
        ...crowds.flatMap((crowd) => {
          const figure = figures.get(crowd)
          const to = base?.figures.get(crowd)
          return [cell(figure), figure && to ? ratioOf(figure, to).toFixed(1) : ""]
        })
      ])
  }
}

/** The wires have a table for each crowd, since both their clock and their processors are compared with two others. */
const wiresOf = (measured: ReadonlyArray<Measured>, crowd: Crowd): Table => ({
  head: [`us per part, ${crowdOf(crowd)}`, "wall", "x alone", "x parse", "CPU", "x alone", "x parse", "parts/s"],
  rows: measured
    .filter(({ group }) => group === "wires")
    .map((each) => {
      const [wire] = each.name.split(", ")
      const yardsticks = ["undici alone", "undici and JSON.parse"].map((reader) =>
        measured.find(({ name }) => name === `${wire}, ${reader}`)
      )
      const columns = (["figures", "cpu"] as const).flatMap((of) => {
        const figure = each[of].get(crowd)!
        const ratios = yardsticks.map((to) => (to ? ratioOf(figure, to[of].get(crowd)!).toFixed(1) : ""))
        return [cell(figure), ...ratios]
      })
      const perSecond = Number((1e6 / each.figures.get(crowd)!.median).toPrecision(3))
      return [each.name, ...columns, perSecond.toLocaleString("en")]
    })
})

const goalsOf = (verdicts: ReadonlyArray<Verdict>): Table => ({
  head: ["goal", "callers", "ratio", "at most", "verdict"],
  rows: verdicts.map(({ atMost, crowd, goal, passed, ratio }) => [
    goal,
    crowdOf(crowd),
    ratio.toFixed(2),
    atMost.toFixed(2),
    passed ? "pass" : "FAIL"
  ])
})

const tablesOf = (measured: ReadonlyArray<Measured>): ReadonlyArray<Table> =>
  [
    ...(["calls", "refusals", "parts"] as const).map((group) => tableOf(measured, group)),
    ...crowds.map((crowd) => wiresOf(measured, crowd)),
    goalsOf(judge(measured))
  ].filter(({ rows }) => rows.length > 0)

/** Every column as wide as its widest cell. The first is read from the left, the others from where `align` says. */
const padded = ({ head, rows }: Table, align: "padStart" | "padEnd" = "padStart"): ReadonlyArray<Row> => {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => row[column]!.length)))
  return [head, ...rows].map((row) => row.map((text, column) => text[column === 0 ? "padEnd" : align](widths[column]!)))
}

/** For a terminal. */
export const asText = (measured: ReadonlyArray<Measured>, plan: Plan): string => {
  const { cores, cpu, date, load, node, platform } = machine()
  const lines = tablesOf(measured).flatMap((table) => {
    const [head = [], ...rows] = padded(table)
    return ["", head.join("  "), "-".repeat(head.join("  ").length), ...rows.map((row) => row.join("  "))]
  })
  const about = `${cpu}, ${cores} cores, load ${load}, Node ${node}, ${platform}, ${date}`
  return [
    ...lines,
    "",
    `Medians of ${plan.rounds} rounds (p25-p75), ratios that of the rounds' own. ${about}`,
    ""
  ].join("\n")
}

/** For RESULTS.md. */
export const asMarkdown = (measured: ReadonlyArray<Measured>, plan: Plan): string => {
  const { cores, cpu, date, load, node, platform } = machine()
  const ran = {
    head: ["machine", `${cpu}, ${cores} cores, load ${load} at the end`],
    rows: [
      ["system", `Node ${node}, ${platform}`],
      ["date", date],
      ["command", "`pnpm bench --write`"]
    ]
  }
  return `# What Spillway costs

Medians of ${plan.rounds} interleaved rounds, each case in a process of its own, with p25-p75; a ratio is the median of
the rounds' own ratios. The command below writes this file.

${markdownOf(ran, "padEnd")}

All guard the same promise that is already there. One caller asks again as soon as he is answered, or 1,000 of them
do at once. Only ratios within this run mean anything, and only those of 1.5 and more.

The five policies are empty frames, for what composing costs. With facts, and with one that does nothing but run its
work on a fiber of its own, as a timeout has to, they are the floor that no real list can go below. RateLimit, Budget,
Retry, CircuitBreaker and Timeout are the real ones in one list, cockatiel's four are its own. Most of what those take
is the timeout: without it they take ${withoutTimeout(measured)} of what our five frames take. An answer has 200 parts,
and the call's own cost is spread over them.

The wires read such an answer of the servers they are for from a socket, beside plain undici that reads the same bytes
from the same kind of server: alone, where it counts them, and with the least that a program without us would write,
lines and the JSON of each. The server is a process of its own. The wall holds its share and the wait for it too, CPU
is what the reader alone takes; parts/s goes by the wall. These are the medians of fewer rounds, and no goal stands on
them.

${tablesOf(measured)
  .map((table) => markdownOf(table, "padStart"))
  .join("\n\n")}
`
}

const withoutTimeout = (measured: ReadonlyArray<Measured>): string => {
  const figureOf = (name: string) => measured.find((each) => each.name === name)!.figures.get(1)!
  return ratioOf(figureOf("cockatiel wrap(retry, breaker, bulkhead)"), figureOf("five policies")).toFixed(1)
}

const markdownOf = (table: Table, align: "padStart" | "padEnd"): string => {
  const [head = [], ...rows] = padded(table, align)
  const rule = head.map(
    (text, column) => "-".repeat(text.length - 1) + (column > 0 && align === "padStart" ? ":" : "-")
  )
  return [head, rule, ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n")
}

/** For programs. */
export const asJson = (measured: ReadonlyArray<Measured>, plan: Plan): string =>
  `${JSON.stringify(
    {
      ...machine(),
      plan,
      measured: measured.map(({ cpu, figures, group, name }) => ({
        name,
        group,
        figures: Object.fromEntries(figures),
        cpu: Object.fromEntries(cpu)
      })),
      goals: judge(measured)
    },
    undefined,
    2
  )}\n`
