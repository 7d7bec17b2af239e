/**
 * Timeout: a hang is cut, a model that loads and a slow but steady answer are not.
 *
 * One clock for a whole call cannot tell these apart: the load and the slow answer take longer than a hang may last.
 */
import { Answer, Call, Question, type SpillwayError, Timeout } from "@spillway/core"
import { Effect } from "effect"
import { streaming } from "../client.ts"
import { both, type Frame, lifeline, row, said, seconds, type Sides } from "../draw.ts"
import { type Made, noted } from "../measure.ts"
import { forSoLong, type Scene } from "../scene.ts"
import { answer, type Script, type Server, type Step } from "../server.ts"
import { beside } from "../sides.ts"

/** The guard. */
const guard = Timeout.make({
  firstToken: "800ms", // to the first part; or "5s + 1s/500tok"
  idle: "800ms", // between two parts
  load: "3s" // a model that loads has a clock of its own
})

const words = (many: number): ReadonlyArray<Step> =>
  Array.from({ length: many }, (): ReadonlyArray<Step> => [{ wait: 250 }, { say: { text: "word " } }]).flat()

/** What is asked, what the server does with it, and whether there is an answer to wait for. */
const questions: ReadonlyArray<{
  readonly name: string
  readonly what: string
  readonly steps: ReadonlyArray<Step>
  readonly ends: boolean
}> = [
  { name: "hang", what: "says nothing", steps: [{ hang: true }], ends: false },
  { name: "stall", what: "falls silent", steps: [...words(3), { hang: true }], ends: false },
  {
    name: "load",
    what: "loads for 1.6 s",
    steps: [{ say: { loading: true } }, { wait: 1_600 }, { say: { loading: false } }, ...answer(250)],
    ends: true
  },
  {
    name: "slow",
    what: "a part in 250 ms",
    steps: [...words(12), { say: { usage: { input: 20, output: 12 } } }],
    ends: true
  }
]

const script: Script = ({ name }) => questions.find((question) => question.name === name)!.steps

/** A call, and when its parts came. */
interface Heard {
  readonly parts: Array<number>
  readonly log: Array<Made>
}

interface Side {
  readonly server: Server
  readonly heard: ReadonlyArray<Heard>
}

const figuresOf = ({ heard, server }: Side) =>
  Object.fromEntries(
    questions.map(({ name }, index) => {
      const { endedAt, end = "waiting" } = heard[index]!.log[0] ?? {}
      const parts = heard[index]!.parts.length
      // The end of the scene closes everything, which is not the guard's doing.
      const closed = server.requests.some(
        (request) => request.name === name && request.left && request.endedAt! < (endedAt ?? 0) + 200
      )
      return [name, { end, parts, endedAfterMillis: endedAt === undefined ? null : Math.round(endedAt), closed }]
    })
  )

/** The scene. */
export const timeout: Scene = {
  name: "timeout",
  policy: "Timeout",
  title: "a hang, and what only looks like one",
  about:
    "Four calls: one hangs, one falls silent, one waits for a model to load, and one is slow but steady. " +
    "Only two of them are worth waiting for.",
  heads: { bare: "bare: wait for it", guarded: "guarded: Timeout" },
  millis: 4_000,
  file: "scenes/timeout.ts",
  legend: ({ bad, dim, good }) =>
    `${dim("· waits")}  ${good("▪")} ${dim("a part")}  ${good("●")} ${dim("answered")}  ${bad("×")} ${dim("cut")}`,
  make: Effect.gen(function* () {
    const { now, sides } = yield* beside(script, (server): Side => ({
      server,
      heard: questions.map(() => ({ parts: [], log: [] }))
    }))
    const guarding = yield* Effect.orDie(guard)
    const figures = () => both(sides, figuresOf)
    return {
      play: forSoLong(
        timeout.millis,
        asking(sides.bare, now, (call) => call),
        asking(sides.guarded, now, guarding)
      ),
      rows: (frame) => rowsOf(frame, sides),
      result: () => {
        const { hang, load, slow, stall } = figures().guarded
        const after = (call: typeof hang) => seconds(call?.endedAfterMillis ?? Infinity)
        return (
          `Hang and stall were cut after ${after(hang)} and ${after(stall)}, bare not in ${seconds(timeout.millis)}; ` +
          `a load (${after(load)}) and a slow answer (${after(slow)}) were not.`
        )
      },
      figures,
      claims: () => {
        const { bare, guarded } = figures()
        return {
          "bare, nobody is told of the hang or the stall": questions.every(
            ({ ends, name }) => ends === (bare[name]!.end === "answered") && (ends || bare[name]!.end === "waiting")
          ),
          "the hang and the stall are cut": questions.every(
            ({ ends, name }) => ends || guarded[name]!.end === "timed-out"
          ),
          "the load and the slow answer are not cut": questions.every(
            ({ ends, name }) => !ends || guarded[name]!.end === "answered"
          ),
          "the connections that were cut are closed": questions.every(({ ends, name }) => ends || guarded[name]!.closed)
        }
      }
    }
  })
}

const asking = (
  { heard, server }: Side,
  now: () => number,
  guarding: <A>(call: Effect.Effect<A, SpillwayError>) => Effect.Effect<A, SpillwayError>
) =>
  Effect.forEach(
    questions,
    ({ name }, index) => {
      const { log, parts } = heard[index]!
      const call = guarding(Call.asEffect(streaming(`${server.url}/${name}`)))
      const sink = { emit: () => void parts.push(now()) }
      return noted(Answer.toSink(call, Question.chat("llama3.1:8b", "How high is the dam?"), sink), log, now)
    },
    { concurrency: "unbounded", discard: true }
  )

const rowsOf = (frame: Frame, sides: Sides<Side>) => {
  const { bad, dim, good } = frame.paint
  return questions.map(({ ends, name, what }, index) => [
    row(name, what, sides, ({ heard }) => lifeline(frame, heard[index]!.log[0], heard[index]!.parts)),
    row("", "", sides, ({ heard }) => {
      const { at = 0, end, endedAt } = heard[index]!.log[0] ?? {}
      if (endedAt === undefined) return said(`${seconds(frame.elapsed)} and waiting`, ends ? dim : bad)
      const after = seconds(endedAt - at)
      return end === "answered" ? said(`answered after ${after}`, good) : said(`told after ${after}`, ends ? bad : good)
    })
  ])
}
