/** The example runs to its end, and every agent has its answer. */
import { assert, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

it("all twenty agents are answered over servers that fail now and then", () => {
  const program = fileURLToPath(new URL("main.ts", import.meta.url))
  const { OLLAMA_HOST: _, ...env } = process.env
  const { status, stderr, stdout } = spawnSync(process.execPath, [program], { encoding: "utf8", env })
  assert.strictEqual(status, 0, stderr)
  assert.include(stdout, "All 20 agents have their answer: The dam is 243 metres high.")
})
