/**
 * Holds the simulator to a real Ollama: every scenario is played against both, and what came of it must be the same.
 *
 * Skipped where there is no real one, with a sentence that says why.
 */
import { isDeepStrictEqual } from "node:util"
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
      for (const scenario of scenarios) {
        const { title } = scenario
        it(title, async () => {
          // On a busy machine a wait can be too long for what is claimed of it: then both have another try.
          if (!isDeepStrictEqual(simulated.get(title), real.get(title))) {
            real = new Map([...real, ...(await transcripts([scenario], start))])
            simulated = new Map([...simulated, ...(await transcripts([scenario], startSimulated))])
          }
          expect(real.get(title)).toBeDefined()
          expect(real.get(title)).not.toHaveProperty(failed)
          expect(simulated.get(title)).toEqual(real.get(title))
        })
      }
    })
  }
})
