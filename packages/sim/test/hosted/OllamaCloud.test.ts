/**
 * The table of how Ollama Cloud fails, as others read it.
 */
import { assert, describe, it } from "vitest"
import { failures } from "../../src/hosted/OllamaCloud.ts"

describe("the failures of Ollama Cloud", () => {
  it("have names of their own and statuses of failures", () => {
    assert.strictEqual(new Set(failures.map(({ name }) => name)).size, failures.length)
    assert.deepStrictEqual(
      failures.filter(({ status }) => status < 400 || status > 599),
      []
    )
  })

  it("are JSON with an error wherever they say that they are JSON, and not where they do not", () => {
    for (const { body, contentType, name } of failures) {
      const isJson = contentType === "application/json"
      assert.strictEqual(body.startsWith('{"error":"'), isJson, name)
      if (isJson) assert.isString((JSON.parse(body) as { readonly error: unknown }).error, name)
    }
  })

  it("have two kinds of 429, which only the text tells apart", () => {
    const kinds = failures.filter(({ status }) => status === 429)
    assert.deepStrictEqual(new Set(kinds.map(({ passes }) => passes)), new Set(["with-fewer", "in-hours"]))
    for (const { body, passes } of kinds) assert.strictEqual(body.includes("usage limit"), passes === "in-hours")
  })
})
