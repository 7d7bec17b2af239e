/** Whether text is quoted as Go does: the answers were taken down from Go 1.26. */
import { assert, describe, it } from "@effect/vitest"
import { quote, quoteCharacter } from "../../src/go/Quote.ts"

describe("quote", () => {
  it("leaves what can be printed as it is", () => {
    assert.strictEqual(quote("a 'b' \u00e9 \u{1f600} \ufffd"), `"a 'b' \u00e9 \u{1f600} \ufffd"`)
  })

  it("escapes what cannot", () => {
    assert.strictEqual(quote('"\\\u0007\b\f\n\r\t\v'), '"\\"\\\\\\a\\b\\f\\n\\r\\t\\v"')
    assert.strictEqual(quote("\u0000\u001f\u007f\u0080\u00a0\u00ad"), '"\\x00\\x1f\\x7f\\u0080\\u00a0\\u00ad"')
    assert.strictEqual(quote("\u2028\u3000\ufeff\u{e0001}"), '"\\u2028\\u3000\\ufeff\\U000e0001"')
  })
})

describe("quoteCharacter", () => {
  it("escapes the single quote in place of the double one", () => {
    assert.deepStrictEqual(["'", '"', "\\", "x"].map(quoteCharacter), ["'\\''", "'\"'", "'\\\\'", "'x'"])
  })
})
