/** What a program has to install: the chat model needs LangChain's core alone, and only the middleware the rest. */
import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const folder = fileURLToPath(new URL("../src/", import.meta.url))

const importing = (name: RegExp): ReadonlyArray<string> =>
  globSync("*.ts", { cwd: folder }).filter((file) => name.test(readFileSync(folder + file, "utf8")))

describe("the package", () => {
  it("imports langchain in its middleware alone, and nothing of a provider or of a graph", () => {
    assert.deepStrictEqual(importing(/from "langchain"/), ["middleware.ts"])
    assert.deepStrictEqual(importing(/from "@langchain\/(?!core\/)/), [])
    assert.deepStrictEqual(importing(/from "\.\/middleware/), [])
  })
})
