/** Words: that an answer is told by its seed and its prompt, at every place of it. */
import { describe, expect, it } from "vitest"
import * as Words from "../src/Words.ts"

describe("Words", () => {
  it("counts as many tokens as it splits off, whatever the space between them", () => {
    for (const text of ["", " ", "one", " one  two\nthree ", "\u00a0a\tb\u2028c\ufeffd", "[[sim tokens=3]]"]) {
      expect(Words.count(text)).toBe(Words.split(text).length)
    }
  })

  it("splits so that the tokens joined are the text again, but for space at its end", () => {
    expect(Words.split(" one  two\n")).toEqual([" one", "  two"])
    expect(Words.split("a b c").join("")).toBe("a b c")
  })

  it("gives the same answer for the same seed and prompt, and another one for any other", () => {
    const prompts = Array.from({ length: 1_000 }, (_, index) => `What is ${index}?`)
    const answers = prompts.map((prompt) => Words.text(Words.keyOf(1, prompt), 8))
    expect(new Set(answers).size).toBe(prompts.length)
    expect(Words.text(Words.keyOf(1, prompts[0]!), 8)).toBe(answers[0])
    expect(Words.text(Words.keyOf(2, prompts[0]!), 8)).not.toBe(answers[0])
    expect(Words.keyOf(1, "n and so on")).not.toBe(Words.keyOf(2, "m and so on"))
  })

  it("says at every place what depends on the place, so that a splice shows within three words", () => {
    const one = Words.keyOf(1, "one")
    const other = Words.keyOf(1, "another")
    for (let place = 0; place < 500; place++) {
      const next = [0, 1, 2].map((index) => Words.at(one, place + index)).join("")
      expect([0, 1, 2].map((index) => Words.at(other, place + index)).join("")).not.toBe(next)
      expect([0, 1, 2].map((index) => Words.at(one, place + 1 + index)).join("")).not.toBe(next)
    }
  })

  it("makes one token of every place, which is what a client counts", () => {
    const key = Words.keyOf(7, "count me")
    for (const tokens of [0, 1, 2, 50]) expect(Words.count(Words.text(key, tokens))).toBe(tokens)
  })

  it("draws evenly", () => {
    const counts = [0, 0, 0, 0, 0]
    for (let place = 0; place < 10_000; place++) counts[Words.drawn(3, place, 5)]!++
    for (const count of counts) expect(Math.abs(count - 2_000)).toBeLessThan(200)
  })
})
