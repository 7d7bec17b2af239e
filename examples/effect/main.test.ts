/** The example runs, and shows what it says it shows. */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"

it("sums up reports though the server fails, and ends where its budget does", { timeout: 60_000 }, () => {
  const printed = execFileSync(process.execPath, [fileURLToPath(new URL("main.ts", import.meta.url))], {
    encoding: "utf8"
  })
  expect(printed).toMatch(/80% of the total budget is spent/)
  expect(printed).toMatch(/Report 12: The budget of \$0\.2\/day in total is spent: come back in /)
  expect(printed).toMatch(/11 reports are summed up; [1-9]\d* tries failed and cost nothing\./)
  expect(printed).toContain("Together they cost $0.1670 of $0.2.")
})
