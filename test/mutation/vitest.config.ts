/**
 * The tests that look at a mutant, as Stryker runs them in its copy of the repository.
 *
 * Which ones is said by `break.ts`, through the environment, because Stryker starts vitest in processes of its own.
 */
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const top = fileURLToPath(new URL("../..", import.meta.url))

export default defineConfig({
  root: top,
  // Else the tests would import the package through node_modules, which lead out of the copy to what is not mutated.
  resolve: { alias: [{ find: /^@spillway\/([\w-]+)$/, replacement: `${top}packages/$1/src/index.ts` }] },
  test: {
    include: process.env["MUTANT_TESTS"]?.split(",") ?? [],
    exclude: process.env["MUTANT_TESTS_NOT"]?.split(",") ?? [],
    // A test that hangs is ended by Stryker, which has measured how long it takes while coverage is counted.
    testTimeout: 120_000
  }
})
