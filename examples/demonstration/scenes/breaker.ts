/**
 * CircuitBreaker: a server is broken for two seconds, and slow to say so.
 *
 * What the breaker is doing is read off the breaker itself while it does it, many times a second.
 */
import { CircuitBreaker } from "@spillway/core"
import { Effect, Schedule } from "effect"
import { ask } from "../client.ts"
import { both, count, type Frame, millis, row, said, type Sides, timeline } from "../draw.ts"
import { ended, type Made, medianOf, noted, steadily } from "../measure.ts"
import { forSoLong, type Scene } from "../scene.ts"
import { answer, type Script, type Server } from "../server.ts"
import { answersRow, beside, requestsRow } from "../sides.ts"

/** The guard. */
const guard = CircuitBreaker.make({
  failures: 5, // in a row, or half of the last ten
  open: "300ms..700ms", // then one probe at a time
  ramp: 5
})

const broken = { from: 1_000, to: 3_000 }

const isBroken = (at: number): boolean => at >= broken.from && at < broken.to

const script: Script = ({ at }) => (isBroken(at) ? [{ wait: 200 }, { refuse: 500 }] : answer(80))

const traffic = { calls: 84, everyMillis: 50 }

type State = "Closed" | "Open" | "HalfOpen" | "Isolated"

interface Side {
  readonly server: Server
  readonly log: ReadonlyArray<Made>
  /** How the breaker stood, and when; nothing where there is none. */
  readonly states: ReadonlyArray<{ readonly at: number; readonly state: State }>
}

const figuresOf = ({ log, server, states }: Side) => {
  const recovered = ended(log, "answered").filter(({ at }) => at >= broken.to)
  const turns = states.map(({ state }) => state).filter((state, index, all) => state !== all[index - 1])
  return {
    calls: log.length,
    answered: ended(log, "answered").length,
    failed: ended(log, "failed").length,
    spared: ended(log, "refused").length,
    whileBroken: server.requests.filter(({ status }) => status === 500).length,
    noAfterMillis: Math.round(medianOf(log.filter(({ end }) => end === "failed" || end === "refused"))),
    servedAgainAfterMillis: Math.round(Math.min(...recovered.map(({ endedAt }) => endedAt! - broken.to))),
    turns
  }
}

/** The scene. */
export const breaker: Scene = {
  name: "breaker",
  policy: "CircuitBreaker",
  title: "a server is broken for two seconds",
  about:
    `${1_000 / traffic.everyMillis} calls a second. From 1 s to 3 s each gets a 500 after 200 ms. ` +
    "The breaker opens, probes with one call, and lets traffic back gently.",
  heads: { bare: "bare: each call is sent", guarded: "guarded: CircuitBreaker" },
  millis: 4_600,
  file: "scenes/breaker.ts",
  legend: ({ bad, dim, fair, good }) =>
    [
      `${good("━")} ${dim("closed")}`,
      `${bad("×")} ${dim("open")}`,
      `${fair("?")} ${dim("half-open: a probe")}`,
      `${bad("█")} ${dim("broken")}`
    ].join("  "),
  make: Effect.gen(function* () {
    const { now, sides } = yield* beside(script, (server) => ({
      server,
      log: new Array<Made>(),
      states: new Array<Side["states"][number]>()
    }))
    const guarding = yield* Effect.orDie(guard)
    const figures = () => both(sides, figuresOf)
    const look = Effect.map(guarding.state(), ({ _tag: state }) => sides.guarded.states.push({ at: now(), state }))
    return {
      play: forSoLong(
        breaker.millis,
        steadily(noted(ask(sides.bare.server.url), sides.bare.log, now), traffic),
        steadily(noted(guarding(ask(sides.guarded.server.url)), sides.guarded.log, now), traffic),
        Effect.repeat(look, Schedule.spaced("15 millis"))
      ),
      rows: (frame) => rowsOf(frame, sides),
      result: () => {
        const { bare, guarded } = figures()
        return (
          `${guarded.whileBroken} calls met the broken server, bare ${bare.whileBroken}; ${guarded.spared} were ` +
          `told no at once. It served ${millis(guarded.servedAgainAfterMillis)} after the server was well, ` +
          `bare ${millis(bare.servedAgainAfterMillis)}.`
        )
      },
      figures,
      claims: () => {
        const { bare, guarded } = figures()
        return {
          "at most half of the calls meet the broken server": guarded.whileBroken * 2 <= bare.whileBroken,
          "a call that is spared is told so sooner": guarded.noAfterMillis < bare.noAfterMillis,
          "it opens, probes, and closes again": /^Closed,Open,HalfOpen,.*HalfOpen,Closed$/.test(guarded.turns.join()),
          "it serves again soon after the server is well": guarded.servedAgainAfterMillis <= 1_500
        }
      }
    }
  })
}

const rowsOf = (frame: Frame, sides: Sides<Side>) => {
  const { dim, good } = frame.paint
  const figures = both(sides, figuresOf)
  const recovered = ({ servedAgainAfterMillis: after }: ReturnType<typeof figuresOf>) =>
    after < Infinity ? said(`after ${millis(after)}`, good) : said(frame.elapsed > broken.to ? "not yet" : "-", dim)
  return [
    [
      row("breaker", "state", sides, ({ states }) =>
        states.length === 0 ? said("none", dim) : statesOf(frame, states)
      ),
      row("", "calls spared", figures, ({ spared }) => said(count(spared), spared > 0 ? good : undefined))
    ],
    [
      requestsRow(frame, sides, isBroken),
      row("", "while broken", figures, ({ whileBroken }) => said(count(whileBroken)))
    ],
    [
      answersRow(frame, sides),
      row("", "told no after", figures, ({ noAfterMillis }) => said(millis(noAfterMillis))),
      row("", "served again", figures, recovered)
    ]
  ]
}

/** What is rarer is drawn where several states fall into one cell. */
const statesOf = (frame: Frame, states: Side["states"]) => {
  const { bad, dim, fair, good } = frame.paint
  const cellMillis = frame.millis / frame.cells
  return timeline(frame, (cell) => {
    const within = states.filter(({ at }) => at >= cell * cellMillis && at < (cell + 1) * cellMillis)
    const stood = (state: State) => within.some((each) => each.state === state)
    if (within.length === 0) return dim("·")
    return stood("HalfOpen") ? fair("?") : stood("Open") ? bad("×") : good("━")
  })
}
