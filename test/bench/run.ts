/**
 * Measures what Spillway costs beside its peers, all in one run: `pnpm bench [name ...] [--json]
 * [--write]`.
 *
 * It never fails, whatever it finds: on a busy machine a benchmark that can fail is one that people learn to ignore.
 * Names filter the cases, `--write` puts the figures into RESULTS.md, which is how that file is made and the only way.
 */
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { subjects as all } from "./all.ts"
import { measure, type Plan } from "./measure.ts"
import { asJson, asMarkdown, asText } from "./report.ts"

const { positionals: names, values: options } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    rounds: { type: "string", default: "15" },
    seed: { type: "string", default: "1" }
  }
})

const plan: Plan = { rounds: Number(options.rounds), sliceMillis: 100, warmupMillis: 200, seed: Number(options.seed) }

const subjects = (await all).filter(({ name }) => names.length === 0 || names.some((each) => name.includes(each)))

if (subjects.length === 0) {
  process.stderr.write(
    `No case is called ${names.join(" or ")}. There are:\n  ${(await all).map((each) => each.name).join("\n  ")}\n`
  )
  process.exit(2)
}

const progress = (done: number): void => {
  if (process.stderr.isTTY) process.stderr.write(done < 1 ? `\r${Math.round(done * 100)}% measured` : "\r\x1b[K")
}

const measured = await measure(subjects, plan, progress)
process.stdout.write(options.json ? asJson(measured, plan) : asText(measured, plan))
if (options.write && names.length > 0) process.stderr.write("RESULTS.md holds whole runs only: leave the names away.\n")
else if (options.write) writeFileSync(new URL("RESULTS.md", import.meta.url), asMarkdown(measured, plan))
