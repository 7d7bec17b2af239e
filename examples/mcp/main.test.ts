/** The example runs, and shows what it says it shows. */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"

it(
  "asks, waits for its turn, is refused, and is answered when it comes back as it was told",
  { timeout: 60_000 },
  () => {
    const printed = execFileSync(process.execPath, [fileURLToPath(new URL("main.ts", import.meta.url))], {
      encoding: "utf8"
    })
    expect(printed).toContain("Tools: generate, embed, list_models, health, budget\n")
    expect(printed).toMatch(/ {2}\.\.\. waiting: place 1 in line/)
    expect(printed).toMatch(/ {2}rate_limited: come back in \d+ ms\n {2}(\.\.\. .*\n {2})*yes, it has an answer then\n/)
  }
)
