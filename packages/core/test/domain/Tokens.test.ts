/**
 * The estimate against real tokenizers: how far off it is, and that nothing ever has more tokens than it says.
 *
 * The bounds are what was measured, a little rounded; a change that makes the estimate worse goes red here.
 */
import { assert, describe, it } from "@effect/vitest"
import { Tokens } from "@spillway/core"
import { Schema } from "effect"
import { mixture, noise, prose, scripts, sources } from "./tokens-fixtures/texts.ts"
import { measure } from "./tokens-fixtures/tokenizers.ts"

const bytesOf = (text: string): number => new TextEncoder().encode(text).length

const bounded = (texts: Readonly<Record<string, string>>) => {
  for (const [name, text] of Object.entries(texts)) {
    it(`holds for ${name}`, () => {
      const { likely, most } = Tokens.ofText(text)
      assert.isAtLeast(most, measure(text).worst)
      assert.isAtMost(most, bytesOf(text) + 1)
      assert.isAtMost(likely, most)
    })
  }
}

describe("the most that a text can have", () => {
  bounded(prose)
  bounded(sources)
  bounded(noise)
  for (const script of Object.keys(scripts)) {
    it(`holds for random letters with random spaces: ${script}`, () => {
      for (const spaces of [0, 0.05, 0.15, 0.3, 0.5]) {
        for (const seed of [11, 12, 13]) {
          const text = mixture(script, spaces, seed)
          assert.isAtLeast(
            Tokens.ofText(text).most,
            measure(text).worst,
            `a share of spaces of ${spaces}, seed ${seed}`
          )
        }
      }
    })
  }

  it("is never more than its bytes and one, and never less than the likely", () => {
    assert.deepStrictEqual(Tokens.ofText(""), Tokens.none)
    assert.deepStrictEqual(Tokens.ofText("\ud800"), { likely: 2, most: 4 })
  })

  it.prop("is a whole number between the likely and the bytes of any text", [Schema.String], ([text]) => {
    const { likely, most } = Tokens.ofText(text)
    assert.isTrue(Number.isSafeInteger(likely) && Number.isSafeInteger(most))
    assert.isTrue(likely <= most && most <= bytesOf(text) + 1)
  })

  // As measured: a table without frequencies cannot tell prose from random ideographs or random Cyrillic.
  for (const [name, text] of Object.entries(prose)) {
    const times = /^[ -\u024f\u1e00-\u1eff\u2010-\u203a]*$/.test(text) ? 2.25 : 2.8
    it(`is at most ${times} times the mean of the tokenizers for ${name}`, () => {
      assert.isAtMost(Tokens.ofText(text).most / measure(text).mean, times)
    })
  }
})

const error = (text: string): number => Math.abs(Tokens.ofText(text).likely / measure(text).mean - 1)

const meanError = (texts: Readonly<Record<string, string>>): number => {
  const errors = Object.values(texts).map(error)
  return errors.reduce((sum, each) => sum + each, 0) / errors.length
}

describe("what a text probably has", () => {
  for (const [name, text] of Object.entries(prose)) {
    const percent = /English/.test(name) ? 10 : 22
    it(`is within ${percent}% of the mean of the tokenizers for ${name}`, () => {
      assert.isAtMost(error(text), percent / 100)
    })
  }
  for (const [name, text] of Object.entries(sources)) {
    it(`is within 12% for ${name}`, () => {
      assert.isAtMost(error(text), 0.12)
    })
  }
  it("is within 5% of prose on average, and within 7% of source code and data", () => {
    assert.isAtMost(meanError(prose), 0.05)
    assert.isAtMost(meanError(sources), 0.07)
  })
  it("is within a third for what nobody has a dictionary of: digits, hashes, base64", () => {
    for (const name of ["digits", "numbers", "hexadecimal", "base64", "random letters", "emoji", "a mixture"]) {
      assert.isAtMost(error(noise[name] ?? ""), 0.34, name)
    }
  })
})

describe("a long run of one sign", () => {
  it("is the few tokens that tokenizers have for it", () => {
    for (const sign of ["-", "=", " "]) assert.isAtMost(Tokens.ofText(sign.repeat(1_000)).likely, 45)
  })
})

describe("an estimate", () => {
  it("takes one pass: ten times the text takes about ten times as long", () => {
    const text = Object.values(prose).join("\n").repeat(60)
    const fastest = (length: number) => {
      const piece = text.slice(0, length)
      const times = Array.from({ length: 10 }, () => {
        const start = performance.now()
        Tokens.ofText(piece)
        return performance.now() - start
      })
      return Math.min(...times)
    }
    // Compared in one run, and with room for a busy machine: two nested passes would take a hundred times as long.
    assert.isBelow(fastest(1_000_000), 40 * fastest(100_000))
  })

  it("can be added to another", () => {
    const sum = [Tokens.exactly(5), { likely: 1, most: 2 }, Tokens.none].reduce(Tokens.add)
    assert.deepStrictEqual(sum, { likely: 6, most: 7 })
  })
})

describe("a picture", () => {
  const size = { width: 1_024, height: 768 }

  it("costs the middle of the known formulas, and at most the dearest", () => {
    // Claude 1,049; GPT-4o 765; Qwen2.5-VL 1,036; fixed 576 to 1,600.
    assert.deepStrictEqual(Tokens.ofImage(size), { likely: 901, most: 1_600 })
    // Claude 350; GPT-4o 255; Qwen2.5-VL 361.
    assert.deepStrictEqual(Tokens.ofImage({ width: 512, height: 512 }), { likely: 356, most: 1_600 })
    // Claude 1,600; GPT-4o 1,105; Qwen2.5-VL 10,296.
    assert.deepStrictEqual(Tokens.ofImage({ width: 4_000, height: 2_000 }), { likely: 1_353, most: 10_296 })
  })

  it("stays bounded however large, small or strange", () => {
    for (const side of [1, 1e6, 1e300, Infinity, Number.NaN, 0, -5]) {
      const { likely, most } = Tokens.ofImage({ width: side, height: 1_000 })
      assert.isTrue(likely > 0 && likely <= most && most <= 16_384, String(side))
    }
  })

  it("costs the same by its bytes, by its base64 and by its size", () => {
    const gif = Uint8Array.from([...Buffer.from("GIF89a"), 0, 4, 0, 3])
    assert.deepStrictEqual(Tokens.ofImage(gif), Tokens.ofImage(size))
    assert.deepStrictEqual(Tokens.ofImage(Buffer.from(gif).toString("base64")), Tokens.ofImage(size))
  })

  it.prop("that cannot be read costs a fixed guess, and never a failure", [Schema.String], ([text]) => {
    const guess = { likely: 1_000, most: 3_136 }
    assert.deepStrictEqual(Tokens.ofImage(Buffer.from(`not a picture${text}`)), guess)
    assert.isAtMost(Tokens.ofImage(text).most, 16_384)
  })
})
