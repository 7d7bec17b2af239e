/**
 * The tests of the whole workspace in one run.
 *
 * Files run in two workers, since the machines we promise to support have two cores.
 */
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts", "examples/**/*.test.ts"],
    maxWorkers: 2
  }
})
