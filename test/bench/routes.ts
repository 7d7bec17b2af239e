/**
 * What one routed call costs with everything on, and how that grows with targets and with callers.
 */
import { Answer, type Call, Policy, Question, Spillway, Summary } from "@spillway/core"
import { Context, Effect, Layer, Scope } from "effect"
import type { Subject } from "./measure.ts"
import { ofEffect, work } from "./subjects.ts"

const summary = Summary.make({ usage: { input: 10, output: 10 } })

const call: Call.Call = () => Effect.as(Effect.promise(work), summary)

const question = Question.chat("chat", "How high is the dam?", { maxTokens: 100 })

const sink = { emit: () => undefined }

/** A router before so many targets, for so many callers of whom each has limits. */
const routed = (targets: number, callers: number) =>
  Effect.gen(function* () {
    const names = Array.from({ length: targets }, (_, index) => `gpu${index}`)
    const layer = Spillway.layer({
      upstreams: Object.fromEntries(
        names.map((name) => [name, { upstream: { call }, slots: 2_000, price: { input: 1, output: 1 } }])
      ),
      routes: { chat: { targets: names.map((name) => `${name}/model`) } },
      callers: Object.fromEntries(
        Array.from({ length: callers }, (_, index) => [`caller${index}`, { rate: "1000000000/s" }])
      ),
      budgets: { total: "$1000000000/day" },
      record: () => undefined
    })
    const spillway = Context.get(yield* Layer.build(layer), Spillway)
    let turn = 0
    return Effect.suspend(() =>
      Answer.toSink(spillway.call, question, sink).pipe(Policy.about({ caller: `caller${turn++ % callers}` }))
    )
  })

/** Every case of the router. */
export const routes: Effect.Effect<ReadonlyArray<Subject>> = Effect.gen(function* () {
  const subjects: Array<Subject> = []
  for (const [targets, callers] of [
    [1, 1],
    [10, 1],
    [100, 1],
    [1_000, 1],
    [1, 1_000]
  ] as const) {
    const name = `routed, everything on, targets: ${targets}, callers: ${callers}`
    subjects.push(ofEffect("calls", name, yield* routed(targets, callers)))
  }
  return subjects
}).pipe(Effect.provideServiceEffect(Scope.Scope, Scope.make()), Effect.orDie)
