/**
 * The flood: a careless agent and a person ask the same model, at the same time.
 *
 * Its traffic and its server stand in the folder of its name. They need no network, so that a test can play them in
 * virtual time, again and again, and have the same figures.
 */
import { Clock, Effect } from "effect"
import { barRow, both, cellOf, count, type Frame, millis, row, type Said, said } from "../draw.ts"
import { type Asked, callers } from "../flood/callers.ts"
import { isBetter, type Result, resultOf } from "../flood/result.ts"
import * as Scenario from "../flood/scenario.ts"
import { server } from "../flood/server.ts"
import type { Paint } from "../paint.ts"
import type { Scene } from "../scene.ts"

/** A person's answer that comes within this time is a quick one. */
const quickMillis = 500

const { allowedPerSecond } = server

/** The scene; the seed decides its luck. */
export const floodOf = (seed: string, lasting = 5_000): Scene => ({
  name: "flood",
  policy: "RateLimit",
  title: "one careless agent, one person, one model",
  about:
    `A model allows ${allowedPerSecond} calls a second; refusals use that up too. The agent keeps ` +
    `${callers.agentTasks} tasks ` +
    `asking, each again ${callers.retryMillis} ms after a no; the person asks now and then.`,
  heads: { bare: "bare: ask", guarded: "guarded: guard(ask)" },
  millis: lasting,
  file: "flood/guard.ts",
  legend: ({ bad, dim, fair, good }) =>
    [
      `${good("●")} ${dim(`within ${quickMillis / 1_000} s`)}`,
      `${fair("○")} ${dim("later")}`,
      `${bad("×")} ${dim("gave up")}`,
      dim("· waits")
    ].join("  "),
  make: Effect.map(Scenario.make({ millis: lasting, seed }), (scenario) => {
    const figures = () => both(scenario, resultOf)
    return {
      play: Effect.andThen(
        Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sync(() => (scenario.beganAt = now))),
        Scenario.play(scenario)
      ),
      rows: (frame) => rowsOf(frame, scenario),
      result: () => {
        const { bare, guarded } = figures()
        return (
          `The person got ${answers(guarded)} answers, bare ${answers(bare)}; ${count(guarded.agent.told)} of the ` +
          "agent's calls never reached the server."
        )
      },
      figures,
      claims: () => ({ "the guarded person is served better": isBetter(scenario) })
    }
  })
})

const answers = ({ person }: Result): string => `${person.answered} of ${person.asked}`

const rowsOf = (frame: Frame, scenario: Scenario.Scenario) => {
  const { paint } = frame
  const since = (moments: ReadonlyArray<number>) => moments.map((at) => at - scenario.beganAt)
  const results = both(scenario, resultOf)
  return [
    [
      row("person", "every question", scenario, ({ person }) => marks(frame, person.asked, scenario.beganAt)),
      row("", "answered", results, ({ person: { answered, asked, gaveUp } }) =>
        said(`${answered} of ${asked}`, gaveUp === 0 ? paint.good : paint.bad)
      ),
      row("", "wait p50", results, ({ person }) => wait(person.waitP50, paint)),
      row("", "wait p99", results, ({ person }) => wait(person.waitP99, paint))
    ],
    [
      barRow(
        frame,
        ["agent", "answers"],
        scenario,
        ({ agent }) => since(agent.asked.flatMap((each) => (each.answered === true ? [each.endedAt!] : []))),
        () => paint.good
      ),
      row("", "answered", results, ({ agent }) => said(count(agent.answered))),
      row("", "told the wait", results, ({ agent: { told } }) =>
        told === 0 ? said("never", paint.bad) : said(`${count(told)} times`, paint.good)
      )
    ],
    [
      barRow(
        frame,
        ["server", "refusals"],
        scenario,
        (world) => since(world.server.refusedAt),
        () => paint.bad
      ),
      row("", "refused (429)", results, ({ server: { refused } }) =>
        said(count(refused), refused === 0 ? paint.good : paint.bad)
      ),
      row("", "served", results, (result) => said(`${count(result.server.served)}, ${result.server.failed} failed`))
    ]
  ]
}

const wait = (waited: number, paint: Paint): Said =>
  waited === Infinity
    ? said(`gave up after ${millis(callers.personPatienceMillis)}`, paint.bad)
    : said(millis(waited), waited <= quickMillis ? paint.good : undefined)

const marks = (frame: Frame, asked: ReadonlyArray<Asked>, beganAt: number): Said => {
  const line = Array.from({ length: frame.cells }, () => " ")
  for (const each of asked) line[cellOf(frame, each.at - beganAt)] = markOf(each, frame.paint)
  return { text: line.join(""), width: frame.cells }
}

const markOf = ({ answered, at, endedAt }: Asked, paint: Paint): string => {
  if (endedAt === undefined) return paint.dim("·")
  if (answered !== true) return paint.bad("×")
  return endedAt - at <= quickMillis ? paint.good("●") : paint.fair("○")
}
