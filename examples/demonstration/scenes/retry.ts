/**
 * Retry: a server is down for two seconds and says when it will be back.
 *
 * The bare loop is the one that most programs have: a few tries, a short pause. It multiplies the requests to a server
 * that is down, and gives up before it is back.
 */
import { Retry } from "@spillway/core"
import { Effect, Schedule } from "effect"
import { ask, type Refused } from "../client.ts"
import { both, count, type Frame, row, said, type Sides } from "../draw.ts"
import { ended, type Made, noted, steadily } from "../measure.ts"
import { forSoLong, type Scene } from "../scene.ts"
import { answer, type Script, type Server } from "../server.ts"
import { answersRow, beside, requestsRow } from "../sides.ts"

/** The guard. */
const guard = Retry.make({
  attempts: 4,
  base: "200ms", // or as long as Retry-After says
  budget: "20%", // retries in all: of the calls, and one a second
  classify: ({ retryAfter }: Refused) => ({
    reason: "Overloaded",
    retryAfter
  })
})

const tries = { schedule: Schedule.spaced("100 millis"), times: 5 }

const loop = <A, E>(asking: Effect.Effect<A, E>): Effect.Effect<A, E> => Effect.retry(asking, tries)

const down = { from: 1_000, to: 3_000 }
const isDown = (at: number): boolean => at >= down.from && at < down.to

const script: Script = ({ at }) =>
  isDown(at) ? [{ refuse: 503, retryAfter: Math.ceil((down.to - at) / 1_000) }] : answer(80)

const traffic = { calls: 80, everyMillis: 50 }

interface Side {
  readonly server: Server
  readonly log: ReadonlyArray<Made>
}

const figuresOf = ({ log, server }: Side) => ({
  calls: log.length,
  answered: ended(log, "answered").length,
  failed: ended(log, "failed").length,
  requests: server.requests.length,
  whileDown: server.requests.filter(({ status }) => status === 503).length,
  retries: server.requests.length - log.length
})

/** The scene. */
export const retry: Scene = {
  name: "retry",
  policy: "Retry",
  title: "a server is down for two seconds",
  about:
    `${1_000 / traffic.everyMillis} calls a second. From 1 s to 3 s the server answers 503, with a Retry-After. ` +
    `A bare loop tries ${tries.times} times more, 100 ms apart.`,
  heads: { bare: "bare: a retry loop", guarded: "guarded: Retry" },
  millis: 4_600,
  file: "scenes/retry.ts",
  legend: ({ bad, dim, good }) => `${good("█")} ${dim("while it was up")}  ${bad("█")} ${dim("while it was down")}`,
  make: Effect.gen(function* () {
    const { now, sides } = yield* beside(script, (server) => ({ server, log: new Array<Made>() }))
    const guarding = yield* Effect.orDie(guard)
    const figures = () => both(sides, figuresOf)
    return {
      play: forSoLong(
        retry.millis,
        steadily(noted(loop(ask(sides.bare.server.url)), sides.bare.log, now), traffic),
        steadily(noted(guarding(ask(sides.guarded.server.url)), sides.guarded.log, now), traffic)
      ),
      rows: (frame) => rowsOf(frame, sides),
      result: () => {
        const { bare, guarded } = figures()
        return (
          `${count(guarded.whileDown)} requests hit the server while it was down, bare ${count(bare.whileDown)}; ` +
          `${guarded.answered} of ${guarded.calls} calls were answered, bare ${bare.answered}.`
        )
      },
      figures,
      claims: () => {
        const { bare, guarded } = figures()
        return {
          "a server that is down is spared at least half of the requests": guarded.whileDown * 2 <= bare.whileDown,
          "more calls are answered than bare": guarded.answered > bare.answered,
          "retries stay within their budget": guarded.retries <= 0.2 * guarded.calls + 10
        }
      }
    }
  })
}

const rowsOf = (frame: Frame, sides: Sides<Side>) => {
  const { bad, good } = frame.paint
  const figures = both(sides, figuresOf)
  const fewer = Math.min(figures.bare.whileDown, figures.guarded.whileDown)
  return [
    [
      requestsRow(frame, sides, isDown),
      row("", "while down", figures, ({ whileDown }) => said(count(whileDown), whileDown > fewer ? bad : good)),
      row("", "retries", figures, ({ retries }) => said(count(Math.max(retries, 0))))
    ],
    [
      answersRow(frame, sides),
      row("", "answered", figures, ({ answered, calls }) => said(`${answered} of ${calls}`)),
      row("", "told no", figures, ({ failed }) => said(count(failed)))
    ]
  ]
}
