/**
 * Holds the simulator to a real Ollama: every scenario is played against both, and what came of it must be the same.
 *
 * Skipped where there is no real one, with a sentence that says why.
 */
import { beforeAll, describe, expect, it } from "vitest"
import type { Environment, Started } from "./environment.ts"
import { program, start } from "./ollama.ts"
import { failed, playAll } from "./play.ts"
import type { Scenario, Transcript } from "./scenario.ts"
import { groups } from "./scenarios/groups.ts"
import { startSimulated } from "./simulated.ts"

/** Plays all of them against one side. */
const transcripts = async (
  scenarios: ReadonlyArray<Scenario>,
  starting: (environment: Environment) => Promise<Started>
): Promise<Map<string, Transcript>> => {
  const all = new Map<string, Transcript>()
  await playAll(scenarios, starting, ({ title }, transcript) => void all.set(title, transcript))
  return all
}

const found = process.env.SPILLWAY_REAL === undefined ? { why: "`pnpm real` builds one and asks it" } : await program()
const isMissing = "why" in found
if (isMissing) process.stderr.write(`Not held against a real Ollama: ${found.why}.\n`)
const sides = `a simulated Ollama and a real one${isMissing ? ` (there is no real one here: ${found.why})` : ""}`

describe.skipIf(isMissing)(sides, () => {
  let real: Map<string, Transcript>
  let simulated: Map<string, Transcript>
  beforeAll(async () => {
    const all = Object.values(groups).flat()
    real = await transcripts(all, start)
    simulated = await transcripts(all, startSimulated)
  }, 300_000)
  for (const [group, scenarios] of Object.entries(groups)) {
    describe(group, () => {
      for (const { title } of scenarios) {
        it(title, () => {
          expect(real.get(title)).toBeDefined()
          expect(real.get(title)).not.toHaveProperty(failed)
          expect(simulated.get(title)).toEqual(real.get(title))
        })
      }
    })
  }
})
