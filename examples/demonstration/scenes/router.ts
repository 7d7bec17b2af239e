/**
 * Spillway: two models of our own and one that costs, an agent that floods them, and one of them breaks.
 *
 * The bare side has what programs have that were burned once: it takes turns, and tries the next where one fails. Its
 * servers take whoever comes, as an Ollama does, and work on two at a time.
 */
import { Answer, Call, Part, Policy, Question, refusal, Spillway, type SpillwayError, Summary } from "@spillway/core"
import { Context, Effect, Layer, Semaphore } from "effect"
import { barRow, both, count, dollars, type Frame, millis, row, said, type Sides } from "../draw.ts"
import { ended, type Made, medianOf, noted, steadily, stopwatch } from "../measure.ts"
import { forSoLong, type Scene } from "../scene.ts"

/** The guard. */
const guard = (gpu1: Model, gpu2: Model, hosted: Model) =>
  Spillway.layer({
    upstreams: { gpu1, gpu2, hosted: { upstream: hosted, slots: 64 } },
    routes: { chat: { targets: ["gpu1/llama", "gpu2/llama"], ...over } },
    defaults: { breaker: { failures: 3, open: "500ms..1s" } }
  })

const over = { overflow: ["hosted/gpt"], deadline: "2s" }

/** A server, and who has come to it. */
interface Model {
  readonly call: Call.Call<SpillwayError>
  readonly log: ReadonlyArray<{ readonly at: number; readonly caller: string; readonly isIll: boolean }>
}

const broken = { from: 1_200, to: 3_000 }

const isBroken = (at: number): boolean => at >= broken.from && at < broken.to

const costMicroDollars = 150

/** Works on so many at a time; the others wait, in the order in which they came. */
const modelOf = (name: string, now: () => number, slots: number, takes: number): Model => {
  const log: Array<Model["log"][number]> = []
  const permits = Semaphore.makeUnsafe(slots)
  const call: Call.Call<SpillwayError> = (question, attempt) =>
    Effect.suspend(() => {
      const isIll = name === "gpu2" && isBroken(now())
      log.push({ at: now(), caller: `${question.settings.seed}`, isIll })
      if (isIll) return Effect.delay(Effect.fail(refusal({ _tag: "Overloaded", target: `${name}/llama` })), 300)
      const answering = Effect.sync(() => {
        void attempt.emit(Part.text("It is 243 metres high."))
        return Summary.make()
      })
      return permits.withPermit(Effect.delay(answering, takes))
    })
  return { call, log }
}

interface Side {
  readonly models: readonly [gpu1: Model, gpu2: Model, hosted: Model]
  readonly person: Array<Made>
  readonly agent: Array<Made>
}

const person = { calls: 10, everyMillis: 400 }
const agent = { calls: 160, everyMillis: 25 }

const waitOf = (log: ReadonlyArray<Made>): number =>
  Math.max(0, ...log.map(({ at, endedAt }) => (endedAt === undefined ? router.millis : endedAt) - at))

const figuresOf = ({ agent: flooding, models, person: asking }: Side) => ({
  personAsked: asking.length,
  personAnswered: ended(asking, "answered").length,
  personWaitMillis: Math.round(waitOf(asking)),
  personMedianMillis: Math.round(medianOf(asking)),
  agentAnswered: ended(flooding, "answered").length,
  agentRefused: ended(flooding, "refused").length,
  metBroken: models[1].log.filter(({ isIll }) => isIll).length,
  overflowed: models[2].log.length,
  overflowMicroDollars: models[2].log.length * costMicroDollars
})

/** The scene. */
export const router: Scene = {
  name: "router",
  policy: "Spillway",
  title: "an agent floods two models, and one of them breaks",
  about:
    "A person asks every 400 ms, an agent 40 times a second, twice what both models can do. From 1.2 s to 3 s one of " +
    "them fails, slowly. What they cannot do in time goes over to a model that costs.",
  heads: { bare: "bare: taking turns", guarded: "guarded: Spillway" },
  millis: 4_600,
  file: "scenes/router.ts",
  legend: ({ bad, dim, good }) =>
    [`${good("█")} ${dim("calls")}`, `${bad("█")} ${dim("calls while it is broken")}`].join("  "),
  make: Effect.gen(function* () {
    const now = yield* stopwatch
    const sideOf = (): Side => ({
      models: [modelOf("gpu1", now, 2, 200), modelOf("gpu2", now, 2, 200), modelOf("hosted", now, 64, 300)],
      person: [],
      agent: []
    })
    const sides: Sides<Side> = { bare: sideOf(), guarded: sideOf() }
    const guarding = Context.get(yield* Effect.orDie(Layer.build(guard(...sides.guarded.models))), Spillway)
    const figures = () => both(sides, figuresOf)
    return {
      play: forSoLong(
        router.millis,
        ...asking(sides.bare, now, inTurn(sides.bare.models)),
        ...asking(sides.guarded, now, guarding.call)
      ),
      rows: (frame) => rowsOf(frame, sides),
      result: () => {
        const { bare, guarded } = figures()
        return (
          `The person waited ${millis(guarded.personWaitMillis)} at most, bare ${millis(bare.personWaitMillis)}. ` +
          `${guarded.metBroken} calls met the broken model, bare ${bare.metBroken}; ${guarded.overflowed} went over ` +
          `for ${dollars(guarded.overflowMicroDollars)}.`
        )
      },
      figures,
      claims: () => {
        const { bare, guarded } = figures()
        return {
          "the person is answered every time": guarded.personAnswered >= guarded.personAsked - 1,
          "and sooner": guarded.personWaitMillis * 2 <= bare.personWaitMillis,
          "fewer calls meet the broken model": guarded.metBroken * 2 <= bare.metBroken,
          "the agent is served too": guarded.agentAnswered >= bare.agentAnswered
        }
      }
    }
  })
}

/** Takes turns, and tries the next where one has failed. */
const inTurn = ([gpu1, gpu2, hosted]: Side["models"]) => {
  let turn = 0
  return Effect.suspend(() => {
    const [first, second] = turn++ % 2 === 0 ? [gpu1, gpu2] : [gpu2, gpu1]
    const go = ({ call }: Model) => Policy.about({})(Call.asEffect(call))
    return go(first).pipe(
      Effect.catch(() => go(second)),
      Effect.catch(() => go(hosted))
    )
  })
}

const asking = (side: Side, now: () => number, call: Effect.Effect<Summary.Summary, SpillwayError>) =>
  (
    [
      ["person", person],
      ["agent", agent]
    ] as const
  ).map(([caller, traffic]) => {
    const question = Question.chat("chat", "How high is the dam?", { seed: caller === "person" ? 1 : 2 })
    return steadily(noted(Answer.collect(call, question).pipe(Policy.about({ caller })), side[caller], now), traffic)
  })

const rowsOf = (frame: Frame, sides: Sides<Side>) => {
  const { bad, dim, good } = frame.paint
  const figures = both(sides, figuresOf)
  const colourAt = (isOwn: boolean) => (cell: number) =>
    isOwn && isBroken(((cell + 0.5) * frame.millis) / frame.cells) ? bad : good
  const calls = (name: string, index: 0 | 1 | 2) =>
    barRow(
      frame,
      [index === 0 ? "calls at" : "", name],
      sides,
      ({ models }) => models[index].log.map(({ at }) => at),
      colourAt(index === 1)
    )
  const answers = (who: string, of: "person" | "agent") =>
    barRow(
      frame,
      [who, "answers"],
      sides,
      (side) => ended(side[of], "answered").map(({ endedAt }) => endedAt!),
      () => good
    )
  return [
    [calls("gpu1", 0), calls("gpu2", 1), calls("hosted", 2)],
    [
      answers("person", "person"),
      row("", "waits at most", figures, ({ personWaitMillis: wait }) => said(millis(wait), wait > 1_000 ? bad : good))
    ],
    [
      answers("agent", "agent"),
      row("", "answered", figures, ({ agentAnswered }) => said(count(agentAnswered))),
      row("", "told no", figures, ({ agentRefused }) =>
        said(count(agentRefused), agentRefused === 0 ? dim : undefined)
      ),
      row("", "costs", figures, ({ overflowMicroDollars }) => said(dollars(overflowMicroDollars)))
    ]
  ]
}
