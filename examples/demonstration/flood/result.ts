/**
 * Counts what happened in a world: pure functions over its diaries, for the view, the test and `--json` alike.
 *
 * A question that was given up counts among the waits as one that never ended: leaving it out would make the side that
 * answers hardly anybody look quick.
 */
import type { Asked } from "./callers.ts"
import type { Scenario, World } from "./scenario.ts"

/** What became of a world. Waits are milliseconds; Infinity (null in JSON) is a question that was given up. */
export interface Result {
  readonly person: {
    readonly asked: number
    readonly answered: number
    readonly gaveUp: number
    readonly waitP50: number
    readonly waitP99: number
    readonly told: number
  }
  readonly agent: { readonly answered: number; readonly told: number }
  readonly server: { readonly served: number; readonly failed: number; readonly refused: number }
}

/** What became of a world so far. */
export const resultOf = ({ agent, person, server }: World): Result => ({
  person: {
    asked: person.asked.length,
    answered: answered(person.asked).length,
    gaveUp: person.asked.filter((each) => each.answered === false).length,
    waitP50: quantile(person.asked, 0.5),
    waitP99: quantile(person.asked, 0.99),
    told: person.told
  },
  agent: { answered: answered(agent.asked).length, told: agent.told },
  server: { served: server.served, failed: server.failed, refused: server.refusedAt.length }
})

/** Whether the guarded person was served better: more answers, or as many and none of them later. */
export const isBetter = ({ bare, guarded }: Pick<Scenario, "bare" | "guarded">): boolean => {
  const [before, after] = [resultOf(bare).person, resultOf(guarded).person]
  return after.answered > before.answered || (after.answered === before.answered && after.waitP99 < before.waitP99)
}

const answered = (asked: ReadonlyArray<Asked>): ReadonlyArray<Asked> => asked.filter((each) => each.answered === true)

const quantile = (asked: ReadonlyArray<Asked>, share: number): number => {
  const waits = asked.flatMap((each) =>
    each.endedAt === undefined ? [] : [each.answered === true ? each.endedAt - each.at : Infinity]
  )
  return waits.toSorted((a, b) => a - b)[Math.ceil(waits.length * share) - 1] ?? Number.NaN
}
