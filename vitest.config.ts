/**
 * The tests of the whole workspace in one run.
 *
 * Files run in two workers, since the machines we promise to support have two cores.
 */
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts", "examples/**/*.test.ts"],
    maxWorkers: 2,
    // Seeded laws run for a second or two, and for many times that on a machine that is busy with something else.
    testTimeout: 30_000,
    hookTimeout: 30_000
  }
})
