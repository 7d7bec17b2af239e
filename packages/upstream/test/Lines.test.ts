/** Lines, from bytes in whatever pieces. */
import { describe, expect, it } from "vitest"
import { Lines } from "../src/Lines.ts"

/** Numbers that are the same in every run. */
const random = (seed: number) => () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return seed / 2 ** 32
}

const cut = (bytes: Buffer, sizes: () => number, lengthMax = 1_000_000): ReadonlyArray<string> => {
  const lines = new Lines(lengthMax)
  const found: Array<string> = []
  for (let at = 0; at < bytes.length;) {
    const size = Math.max(1, Math.floor(sizes()))
    lines.push(bytes.subarray(at, at + size))
    at += size
    for (let line = lines.next(); line !== undefined; line = lines.next()) found.push(line)
  }
  return [...found, lines.rest()]
}

const texts = [
  "",
  "one line",
  "a\nb\nc",
  "ends\n",
  "\n\n\n",
  "with carriage\r\nreturns\r\n",
  "words of several bytes: \u00e9\u00df\u20ac \u6f22\u5b57 \u{1f600}\u{1f468}\u200d\u{1f469}\n\u{1f600}\n",
  `${"x".repeat(5_000)}\n${"\u{1f600}".repeat(3_000)}\nend`
]

describe("Lines", () => {
  for (const text of texts) {
    it(`are the same whatever pieces ${JSON.stringify(text.slice(0, 20))} comes in`, () => {
      const expected = text.split(/\r?\n/)
      const bytes = Buffer.from(text)
      for (const size of [1, 2, 3, 5, 7, 64, 1_000_000]) expect(cut(bytes, () => size)).toEqual(expected)
      const next = random(7)
      for (let run = 0; run < 50; run++) expect(cut(bytes, () => next() * 9)).toEqual(expected)
    })
  }

  it("may be asked for later: what has come since is behind what had come", () => {
    const lines = new Lines(100)
    lines.push(Buffer.from("a\nb\nc"))
    expect(lines.next()).toBe("a")
    lines.push(Buffer.from("d\ne"))
    expect([lines.next(), lines.next(), lines.next(), lines.rest()]).toEqual(["b", "cd", undefined, "e"])
  })

  it("are not kept once they are longer than a line may be", () => {
    const lines = new Lines(10)
    for (let piece = 0; piece < 10; piece++) {
      lines.push(Buffer.from("12345"))
      expect(lines.next()).toBeUndefined()
      expect(lines.isTooLong).toBe(piece >= 2)
    }
    expect(lines.rest().length).toBeLessThanOrEqual(10)
  })
})
