/**
 * Breaks the core in one small way after another and shows what no test noticed: `pnpm mutate [file ...]
 * [--everywhere] [--write] [--concurrency 2]`.
 *
 * It never fails because of what it finds: many a survivor changes nothing that anybody could see, and a score that
 * must not fall is one that people learn to polish. Parts of paths filter the files; `--everywhere` has all tests look
 * at what the module's own ones missed; `--write` puts the rows of those files into RESULTS.md.
 */
import { parseArgs } from "node:util"
import { breakModule, modules } from "./break.ts"
import { asText, type Row, rowOf, write } from "./report.ts"

const { positionals: names, values: options } = parseArgs({
  allowPositionals: true,
  options: {
    everywhere: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    concurrency: { type: "string", default: "2" }
  }
})

const look = { concurrency: Number(options.concurrency), everywhere: options.everywhere }
const all = modules()
const chosen = all.filter((path) => names.length === 0 || names.some((name) => path.includes(name)))

if (chosen.length === 0) {
  process.stderr.write(`No module is called ${names.join(" or ")}. There are:\n  ${all.join("\n  ")}\n`)
  process.exit(2)
}

const rows: Array<Row> = []
for (const [index, path] of chosen.entries()) {
  process.stdout.write(`\n${path} (${index + 1} of ${chosen.length})\n`)
  try {
    rows.push(rowOf(path, await breakModule(path, look), look.everywhere))
  } catch (error) {
    // Stryker has said why; one red test must not cost the other modules their turn.
    process.stderr.write(`${path} was not measured: ${String(error)}\n`)
  }
  if (options.write) write(rows, all)
}
process.stdout.write(asText(rows))
