/** Whether base64 is refused at the byte where Go refuses it: the answers were taken down from Go 1.26. */
import { assert, describe, it } from "@effect/vitest"
import { faultIn } from "../../src/go/Base64.ts"

describe("faultIn", () => {
  it("finds nothing wrong with padded base64, nor with line breaks in it", () => {
    for (const text of ["", "abcd", "abc=", "ab==", "a\r\nbcd", "ab=\n=", "ab==\n", "abcdabc=\n\r"]) {
      assert.strictEqual(faultIn(text), undefined, JSON.stringify(text))
    }
  })

  const table: ReadonlyArray<readonly [text: string, place: number]> = [
    ["a", 0],
    ["abc", 0],
    ["=", 0],
    ["a=", 1],
    ["ab=", 3],
    ["ab=x", 2],
    ["ab==x", 4],
    ["abcd=", 4],
    ["ab\n==x", 5],
    ["ab\n=x", 3],
    ["abc\n", 1],
    ["ab=\nx", 3],
    ["ab-_", 2],
    ["ab d", 2],
    ["abcdé", 4],
    ["abcdefgh!", 8]
  ]
  for (const [text, place] of table) {
    it(`finds byte ${place} of ${JSON.stringify(text)} wrong`, () => assert.strictEqual(faultIn(text), place))
  }
})
