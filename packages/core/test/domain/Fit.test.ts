/** What of a prompt has to fit, and by which counts a cut is told. */
import { assert, describe, it } from "@effect/vitest"
import { Question, Tokens } from "@spillway/core"
import { certainOf, isCut, lowOf } from "../../src/domain/Fit.ts"
import { lowest, lowestOfLetters, Ratio } from "../../src/domain/Ratio.ts"
import { asking } from "../fixtures/counting.ts"
import * as Random from "../laws/random.ts"
import { prose } from "./tokens-fixtures/texts.ts"

const english = prose["English"]!
const likely = Tokens.ofText(english).likely

describe("what of a prompt has to fit", () => {
  it("is all of its text", () => {
    assert.strictEqual(certainOf(asking(english)), likely)
  })

  it("is no thought of an earlier turn, which models are not told again", () => {
    const turns = (thinking: Question.Message["thinking"]) =>
      Question.chat("m", [
        { role: "user", text: "hello" },
        { role: "assistant", text: "Hi", ...(thinking !== undefined && { thinking }) },
        { role: "user", text: english }
      ])
    for (const thinking of [english.repeat(20), [{ text: english.repeat(20) }, { sealed: "x" }]]) {
      const question = turns(thinking)
      assert.isAbove(question.prompt.likely, 20 * likely)
      assert.approximately(certainOf(question), certainOf(turns(undefined)), 5)
    }
  })

  it("is no picture, however large, since a model may not look at it", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = Random.make(seed)
      const gif = Uint8Array.from([
        ...Buffer.from("GIF89a"),
        ...Array.from({ length: 4 }, () => random.below(256)),
        ...Array.from({ length: 10 }, () => 0)
      ])
      const images = Array.from({ length: 1 + random.below(3) }, () => ({ bytes: gif }))
      const question = Question.make("m", { kind: "generate", prompt: english, images })
      assert.isAtMost(certainOf(question), likely, `seed ${seed}`)
    }
  })

  it("is the longest of several texts to embed, which are read one by one", () => {
    const inputs = [english, english.repeat(3), "hello"]
    assert.strictEqual(
      certainOf(Question.make("m", { kind: "embed", inputs })),
      Tokens.ofText(english.repeat(3)).likely
    )
    assert.strictEqual(certainOf(Question.make("m", { kind: "embed", inputs: [] })), 0)
  })
})

describe("the least that each token counts", () => {
  const known = new Ratio()
  for (let times = 0; times < 20; times++) known.learn(100, 100, 0)

  it("is what is known of the model, for a text in letters", () => {
    assert.strictEqual(lowOf(asking(english), undefined), lowestOfLetters)
    assert.approximately(lowOf(asking(english), known), 0.4, 1e-9)
  })

  it("is not raised for what nothing is learned of: other scripts, pictures, tools", () => {
    assert.strictEqual(lowOf(asking(prose["Georgian"]!), known), lowest)
    assert.strictEqual(lowOf({ ...asking(english), images: 1 }, known), lowest)
    assert.strictEqual(lowOf({ ...asking(english), tools: 1 }, known), lowestOfLetters)
    const less = new Ratio()
    less.learn(30, 100, 0)
    assert.approximately(lowOf({ ...asking(english), tools: 1 }, less), 0.12, 1e-9)
  })
})

describe("a prompt was cut", () => {
  it("where it cannot have fitted, whatever was counted", () => {
    for (const counted of [1, 700, 1_000]) {
      assert.isTrue(isCut(counted, 1_001, 1_000))
      assert.isFalse(isCut(counted - 2, 1_000, 1_000))
    }
  })

  it("where a size was counted to which an Ollama cuts, and the least that was sent is more", () => {
    // As measured: 0.11.4 and 0.24, 0.30.0, 0.30.11 without and with a token at the beginning.
    const cuts: ReadonlyArray<readonly [context: number, ...counted: ReadonlyArray<number>]> = [
      [4_096, 4_096, 4_095, 2_050, 2_051],
      [32_768, 32_768, 32_767, 16_386, 16_387],
      [256, 256, 255, 130, 131],
      [128, 128, 127, 66, 67]
    ]
    for (const [context, ...sizes] of cuts) {
      for (let counted = 1; counted <= context; counted++) {
        assert.strictEqual(isCut(counted, context, context), sizes.includes(counted) && counted < context)
        assert.isFalse(isCut(counted, counted, context))
      }
    }
  })

  it("in no case where nothing was counted and it might have fitted", () => {
    assert.isFalse(isCut(0, 1, 1))
  })
})
