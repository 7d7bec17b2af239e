/** What bounds the door where nobody says anything, as its page promises it. */
import { readFileSync } from "node:fs"
import { Door, Http } from "@spillway/mcp"
import { Duration } from "effect"
import { expect, it } from "vitest"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8").replaceAll(/\s+/g, " ")

it("is what the page says, in numbers", () => {
  const { bodyMax, idleForMillis, sessionsMax } = Http.defaults
  const { bytesMax, loadFor, patience } = Door.defaults
  const said = [
    `${sessionsMax} sessions (\`sessionsMax\`)`,
    `${Http.connectionsMax.toLocaleString("en")} connections`,
    `${bodyMax / 2 ** 20} MiB a body (\`bodyMax\`)`,
    `${bytesMax / 1e6} MB a result (\`bytesMax\`)`,
    `ends after ${Duration.toSeconds(patience)} s (\`patience\``,
    `for ${Duration.toMinutes(loadFor)} minutes more at most (\`loadFor\`)`
  ]
  for (const sentence of said) expect(readme).toContain(sentence)
  expect(idleForMillis).toBe(30 * 60 * 1_000)
  expect(readme).toContain("forgotten after half an hour without a word (`idleForMillis`)")
})
