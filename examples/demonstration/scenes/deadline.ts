/**
 * Deadline: whoever asks can wait for two seconds, whatever the call is doing by then.
 *
 * The bare loop is a careful one: it heeds Retry-After and has a timeout of the same two seconds. But its clock starts
 * anew with every try, and its waits have none.
 */
import { Deadline, Policy, Retry } from "@spillway/core"
import { type Cause, Effect } from "effect"
import { ask, type Refused } from "../client.ts"
import { both, cellOf, type Frame, lifeline, millis, row, said, seconds, type Sides } from "../draw.ts"
import { type Made, noted } from "../measure.ts"
import { forSoLong, type Scene } from "../scene.ts"
import { answer, type Script, type Server, type Step } from "../server.ts"
import { beside } from "../sides.ts"

/** The guard. */
const guard = Policy.all([
  Deadline.make({ deadline: "2s" }), // tries and waits included
  Retry.make({
    attempts: 5,
    classify: ({ retryAfter }: Refused) => ({
      reason: "Overloaded",
      retryAfter
    })
  })
])

const deadlineMillis = 2_000

const loop = (asking: Effect.Effect<string, Refused>): Effect.Effect<string, Refused | Cause.TimeoutError> =>
  asking.pipe(
    Effect.timeout(deadlineMillis),
    Effect.catchTag("Refused", ({ retryAfter }) =>
      Effect.delay(
        Effect.suspend(() => loop(asking)),
        Number(retryAfter) * 1_000
      )
    )
  )

/** What is asked, what the server does with its first try and the next one, and whether there is time for that. */
const questions: ReadonlyArray<{
  readonly name: string
  readonly what: string
  readonly steps: readonly [ReadonlyArray<Step>, ReadonlyArray<Step>?]
  readonly inTime: boolean
}> = [
  { name: "quick", what: "0.3 s", steps: [answer(300)], inTime: true },
  { name: "busy", what: "503, then 0.2 s", steps: [[{ refuse: 503, retryAfter: 1 }], answer(200)], inTime: true },
  { name: "slow", what: "503, then 1.8 s", steps: [[{ refuse: 503, retryAfter: 1 }], answer(1_800)], inTime: false },
  { name: "far", what: "503: in 3 s", steps: [[{ refuse: 503, retryAfter: 3 }], answer(200)], inTime: false }
]

const script: Script = ({ name, try: tried }) => {
  const { steps } = questions.find((question) => question.name === name)!
  return steps[tried - 1] ?? steps[0]
}

interface Side {
  readonly server: Server
  readonly logs: ReadonlyArray<Array<Made>>
}

const figuresOf = ({ logs, server }: Side) => {
  const calls = questions.map(({ name }, index) => {
    const { at = 0, end = "waiting", endedAt } = logs[index]![0] ?? {}
    const requests = server.requests.filter((request) => request.name === name)
    const afterMillis = endedAt === undefined ? Infinity : Math.round(endedAt - at)
    return { name, end, afterMillis, requests: requests.length, closed: requests.some(({ left }) => left) }
  })
  return { longestMillis: Math.max(...calls.map(({ afterMillis }) => afterMillis)), calls }
}

/** The scene. */
export const deadline: Scene = {
  name: "deadline",
  policy: "Deadline",
  title: "whoever asks can wait for two seconds",
  about:
    "A server is quick, busy for a moment, slow, or away for long. The bare loop heeds Retry-After and gives " +
    `each try ${deadlineMillis / 1_000} s; nothing bounds the whole.`,
  heads: { bare: "bare: a timeout a try", guarded: "guarded: Deadline, Retry" },
  millis: 3_700,
  file: "scenes/deadline.ts",
  legend: ({ bad, dim, fair, good }) =>
    `${dim("· waits")}  ${good("●")} ${dim("answered")}  ${bad("×")} ${dim("told no")}  ${fair("┊")} ${dim("2 s")}`,
  make: Effect.gen(function* () {
    const { now, sides } = yield* beside(script, (server): Side => ({ server, logs: questions.map(() => []) }))
    const guarding = yield* Effect.orDie(guard)
    const figures = () => both(sides, figuresOf)
    return {
      play: forSoLong(deadline.millis, asking(sides.bare, now, loop), asking(sides.guarded, now, guarding)),
      rows: (frame) => rowsOf(frame, sides),
      result: () => {
        const { bare, guarded } = figures()
        const far = guarded.calls.at(-1)!
        return (
          `Every call was over within ${seconds(guarded.longestMillis)}, bare within ${seconds(bare.longestMillis)}. ` +
          `A wait too long was not begun: its caller knew after ${millis(far.afterMillis)}.`
        )
      },
      figures,
      claims: () => {
        const { bare, guarded } = figures()
        const [, , slow, far] = guarded.calls
        return {
          "what can be answered in time is answered": questions.every(
            ({ inTime }, index) => !inTime || guarded.calls[index]!.end === "answered"
          ),
          "every call is over by the deadline, and bare not":
            guarded.longestMillis < deadlineMillis + 500 && bare.longestMillis > deadlineMillis + 500,
          "the work of a call that is over is interrupted": slow!.end === "timed-out" && slow!.closed,
          "a wait beyond the deadline is not begun": far!.requests === 1 && far!.afterMillis < deadlineMillis / 2
        }
      }
    }
  })
}

const asking = <E>(
  { logs, server }: Side,
  now: () => number,
  guarding: (asking: Effect.Effect<string, Refused>) => Effect.Effect<string, E>
) =>
  Effect.forEach(questions, ({ name }, index) => noted(guarding(ask(`${server.url}/${name}`)), logs[index]!, now), {
    concurrency: "unbounded",
    discard: true
  })

const rowsOf = (frame: Frame, sides: Sides<Side>) => {
  const { bad, dim, fair, good } = frame.paint
  const mark = (cell: number) => (cell === cellOf(frame, deadlineMillis) ? fair("┊") : " ")
  return questions.map(({ name, what }, index) => [
    row(name, what, sides, ({ logs }) => lifeline(frame, logs[index]![0], [], mark)),
    row("", "", sides, ({ logs }) => {
      const { at = 0, end, endedAt } = logs[index]![0] ?? {}
      const isLate = (endedAt ?? frame.elapsed) - at > deadlineMillis + 100
      if (endedAt === undefined) return said(`${seconds(frame.elapsed)} and waiting`, isLate ? bad : dim)
      const after = millis(endedAt - at)
      return said(end === "answered" ? `answered after ${after}` : `told no after ${after}`, isLate ? bad : good)
    })
  ])
}
