/**
 * Draws both worlds side by side as lines of text, at any moment of the run: the table of the end is the one that
 * filled up before.
 *
 * One axis of time runs through all rows of a world, so that an eye can see what the agent's flood does to the person
 * at that moment. What is drawn is only what the diaries hold.
 */
import { type Asked, callers } from "./callers.ts"
import { perCaller, together } from "./guard.ts"
import type { Paint } from "./paint.ts"
import { isBetter, type Result, resultOf } from "./result.ts"
import type { Scenario, World } from "./scenario.ts"
import { server } from "./server.ts"

/** How the view is to look. */
export interface Look {
  readonly columns: number
  readonly paint: Paint
}

/** The narrowest terminal it fits in. */
export const columnsMin = 76

const columnsMax = 118

const labelWidth = 24

/** A person's answer that comes within this time is a quick one. */
const quickMillis = 500

/** What stands in one row: who and what it is about, and how it is said for each world. */
interface Row {
  readonly who?: string
  readonly what: string
  readonly of: (world: World, result: Result) => Said
}

/** A text and how many columns it takes, since colours take none. */
interface Said {
  readonly text: string
  readonly width: number
}

const limits = `${perCaller.rate} each, ${together.rate} together`

/** The whole view at a moment. */
export const view = (scenario: Scenario, now: number, look: Look): ReadonlyArray<string> => {
  const { paint } = look
  const columns = Math.min(look.columns, columnsMax) - 2
  const worldWidth = Math.floor((columns - labelWidth) / 2)
  const elapsed = Math.min(now - scenario.beganAt, scenario.settings.millis)
  const results = { bare: resultOf(scenario.bare), guarded: resultOf(scenario.guarded) }
  const line = ({ of, what, who = "" }: Row): string => {
    const label = paint.bold(who.padEnd(8)) + paint.dim(what.padEnd(labelWidth - 8))
    const [bare, guarded] = [of(scenario.bare, results.bare), of(scenario.guarded, results.guarded)]
    return ` ${label}${bare.text}${" ".repeat(worldWidth - bare.width)}${guarded.text}`
  }
  const rows = rowsOf(scenario, elapsed, worldWidth - 3, paint)
  return [
    "",
    ` ${paint.bold("Spillway: the same function and the same callers, bare and guarded")}`,
    ...wrapped(about, columns).map((text) => ` ${paint.dim(text)}`),
    "",
    ` ${" ".repeat(labelWidth)}${paint.bold("bare: ask".padEnd(worldWidth))}${paint.bold("guarded: guard(ask)")}`,
    ` ${" ".repeat(labelWidth)}${paint.dim("no limits".padEnd(worldWidth))}${paint.dim(limits)}`,
    ` ${ruler(elapsed / scenario.settings.millis, columns, paint)}`,
    ...rows.map((group) => [...group.map(line), ""]).flat(),
    ` ${legend(paint)}`
  ]
}

const { allowedPerSecond, failShare, fastestMillis, refusalCost, slots, slowestMillis } = server

const about =
  `ask is a model server: ${slots} at a time, ${fastestMillis}-${slowestMillis} ms each, ${failShare * 100}% fail, ` +
  `${allowedPerSecond} a second allowed, and ${1 / refusalCost} refusals use up one more. An agent keeps ` +
  `${callers.agentTasks} tasks asking, each again ${callers.retryMillis} ms after a no. A person asks now and then.`

const legend = ({ bad, dim, fair, good }: Paint): string =>
  [
    `${good("●")} ${dim(`within ${quickMillis / 1_000} s`)}`,
    `${fair("○")} ${dim("later")}`,
    `${bad("×")} ${dim("gave up")}`,
    dim("· waits")
  ].join("  ")

/** The text in lines of at most so many columns. */
const wrapped = (text: string, columns: number): ReadonlyArray<string> =>
  text.split(" ").reduce<ReadonlyArray<string>>((lines, word) => {
    const longer = `${lines.at(-1) ?? ""} ${word}`.trimStart()
    return lines.length === 0 || longer.length > columns ? [...lines, word] : [...lines.slice(0, -1), longer]
  }, [])

/** The rule under the head, which fills up as time passes. */
const ruler = (share: number, columns: number, paint: Paint): string => {
  const done = Math.round(share * columns)
  return paint.accent("━".repeat(done)) + paint.dim("─".repeat(columns - done))
}

const rowsOf = (
  { bare, beganAt, guarded, settings }: Scenario,
  elapsed: number,
  cells: number,
  paint: Paint
): ReadonlyArray<ReadonlyArray<Row>> => {
  const cellOf = (at: number) => Math.min(Math.floor(((at - beganAt) / settings.millis) * cells), cells - 1)
  const drawn = Math.ceil((elapsed / settings.millis) * cells)
  const counts = (moments: ReadonlyArray<number>): ReadonlyArray<number> => {
    const bars = Array.from({ length: cells }, () => 0)
    for (const at of moments) bars[cellOf(at)]!++
    return bars
  }
  const answers = (world: World) =>
    counts(world.agent.asked.flatMap((each) => (each.answered === true ? [each.endedAt!] : [])))
  const refusals = (world: World) => counts(world.server.refusedAt)
  const tallest = (of: (world: World) => ReadonlyArray<number>) => Math.max(1, ...of(bare), ...of(guarded))
  const tallestAnswers = tallest(answers)
  const tallestRefusals = tallest(refusals)
  return [
    [
      { who: "person", what: "every question", of: ({ person }) => marks(person.asked, cells, cellOf, paint) },
      {
        what: "answered",
        of: (_, { person: { answered, asked, gaveUp } }) =>
          said(`${answered} of ${asked}`, gaveUp === 0 ? paint.good : paint.bad)
      },
      { what: "wait p50", of: (_, { person }) => wait(person.waitP50, paint) },
      { what: "wait p99", of: (_, { person }) => wait(person.waitP99, paint) }
    ],
    [
      { who: "agent", what: "answers", of: (world) => bars(answers(world), tallestAnswers, drawn, paint.good) },
      { what: "answered", of: (_, { agent }) => said(count(agent.answered)) },
      {
        what: "told the wait",
        of: (_, { agent }) =>
          agent.told === 0 ? said("never", paint.bad) : said(`${count(agent.told)} times`, paint.good)
      }
    ],
    [
      { who: "server", what: "refusals", of: (world) => bars(refusals(world), tallestRefusals, drawn, paint.bad) },
      {
        what: "refused (429)",
        of: (_, { server: { refused } }) => said(count(refused), refused === 0 ? paint.good : paint.bad)
      },
      { what: "served", of: (_, result) => said(`${count(result.server.served)}, and ${result.server.failed} failed`) }
    ]
  ]
}

const said = (text: string, colour: (text: string) => string = (plain) => plain): Said => ({
  text: colour(text),
  width: text.length
})

const wait = (waited: number, paint: Paint): Said =>
  waited === Infinity
    ? said(`gave up after ${millis(callers.personPatienceMillis)}`, paint.bad)
    : said(millis(waited), waited <= quickMillis ? paint.good : undefined)

const marks = (asked: ReadonlyArray<Asked>, cells: number, cellOf: (at: number) => number, paint: Paint): Said => {
  const line = Array.from({ length: cells }, () => " ")
  for (const each of asked) line[cellOf(each.at)] = markOf(each, paint)
  return { text: line.join(""), width: cells }
}

const markOf = ({ answered, at, endedAt }: Asked, paint: Paint): string => {
  if (endedAt === undefined) return paint.dim("·")
  if (answered !== true) return paint.bad("×")
  return endedAt - at <= quickMillis ? paint.good("●") : paint.fair("○")
}

const heights = "▁▂▃▄▅▆▇█"

const bars = (
  counted: ReadonlyArray<number>,
  tallest: number,
  drawn: number,
  colour: (text: string) => string
): Said => {
  const line = counted
    .slice(0, drawn)
    .map((each) => (each === 0 ? " " : heights[Math.ceil((each / tallest) * heights.length) - 1]))
  return { text: colour(line.join("")), width: line.length }
}

const count = (of: number): string => of.toLocaleString("en-US")

const millis = (of: number): string => {
  if (Number.isNaN(of)) return "-"
  return of < 1_000 ? `${Math.round(of)} ms` : `${(of / 1_000).toFixed(1)} s`
}

/** What was seen, and where to look next. */
export const conclusion = (scenario: Scenario, look: Look): string => {
  const [bare, guarded] = [resultOf(scenario.bare), resultOf(scenario.guarded)]
  const answers = ({ person }: Result) => `${person.answered} of ${person.asked} answers`
  const seen = isBetter(scenario)
    ? `Bare, ${count(bare.server.refused)} refusals ate up the server's allowance and the person got ` +
      `${answers(bare)}; guarded, the flood was refused before it reached the server, and the person got ` +
      `${answers(guarded)}.`
    : `This time the guard did not serve the person better: ${answers(guarded)} against ${answers(bare)} bare; ` +
      `the machine may have been too busy to keep time.`
  const next = "The whole guard is in examples/demonstration/guard.ts; packages/core/README.md says how to make yours."
  const columns = Math.min(look.columns, columnsMax) - 2
  return [seen, next].flatMap((text) => wrapped(text, columns).map((line) => ` ${line}`)).join("\n")
}
