/**
 * What is learned of a model, and how far off the estimate is at worst: the figures that a refusal rests on, held to
 * the fixtures and their tokenizers.
 */
import { assert, describe, it } from "@effect/vitest"
import { Tokens } from "@spillway/core"
import { isLetters, lowest, lowestOfLetters, Ratio, teaches } from "../../src/domain/Ratio.ts"
import { asking, counts, filled } from "../fixtures/counting.ts"
import * as Random from "../laws/random.ts"
import { mixture, noise, prose, scripts, sources } from "./tokens-fixtures/texts.ts"

const shares = [0, 0.05, 0.15, 0.3, 0.5]

const letters = Object.fromEntries(
  Object.keys(scripts).flatMap((script) =>
    shares.map((share) => [`${script}, spaces ${share}`, mixture(script, share, 1)])
  )
)

const stackTrace = `Exception in thread "main" org.springframework.beans.factory.BeanCreationException: Error
	at org.springframework.beans.factory.support.AbstractAutowireCapableBeanFactory.initializeBean(\
AbstractAutowireCapableBeanFactory.java:1804)
	at org.springframework.context.support.AbstractApplicationContext.finishBeanFactoryInitialization(\
AbstractApplicationContext.java:940)
	at org.springframework.boot.web.servlet.context.ServletWebServerApplicationContext.refresh(\
ServletWebServerApplicationContext.java:145)
`

const longWords =
  "international responsibilities understanding characteristics representatives infrastructure telecommunications "

const hardest = { stackTrace: stackTrace.repeat(3), longWords: longWords.repeat(8) }

const all: Readonly<Record<string, string>> = { ...prose, ...sources, ...noise, ...letters, ...hardest }

const inLetters = (text: string): boolean => isLetters({ bytes: text.length, prompt: Tokens.ofText(text) })

const measured = new Map<string, ReadonlyArray<number>>()

/** What each tokenizer counts of a text for each token expected: measured once, since that takes its time. */
const ratiosOf = (text: string): ReadonlyArray<number> => {
  const { likely } = Tokens.ofText(text)
  const ratios = measured.get(text) ?? Object.values(counts).map((count) => count(text) / likely)
  measured.set(text, ratios)
  return ratios
}

describe("the low end of the estimate, before anything is known of the model,", () => {
  for (const [name, text] of Object.entries(all)) {
    it(`is no more than any tokenizer counts for ${name}`, () => {
      const bound = inLetters(text) ? lowestOfLetters : lowest
      assert.isAtLeast(Math.min(...ratiosOf(text)), bound)
    })
  }

  it("is as low as that because some are: 0.11, 0.23 of prose, 0.26 and 0.41 in Latin letters", () => {
    const worst = (texts: ReadonlyArray<string>) => Math.min(...texts.flatMap(ratiosOf))
    const rounded = (ratio: number) => Math.round(ratio * 100) / 100
    assert.strictEqual(rounded(worst(Object.values(all))), 0.11)
    assert.strictEqual(rounded(worst(Object.values(prose))), 0.23)
    assert.strictEqual(rounded(worst(Object.values({ ...prose, ...sources }).filter(inLetters))), 0.69)
    assert.strictEqual(rounded(worst([hardest.longWords])), 0.26)
    assert.strictEqual(rounded(worst([hardest.stackTrace])), 0.41)
  })

  it("tells prose and code in Latin or Cyrillic letters from other scripts, and from runs of nothing", () => {
    const kindOf = (texts: Readonly<Record<string, string>>, names: ReadonlyArray<string>) =>
      names.map((name) => inLetters(texts[name]!))
    assert.notInclude(kindOf(prose, ["English", "Spanish", "German", "Finnish", "Turkish", "Polish", "Russian"]), false)
    assert.notInclude(kindOf(sources, Object.keys(sources)), false)
    assert.notInclude(kindOf(prose, ["Georgian", "Hindi", "Chinese, simplified", "Korean", "Arabic"]), true)
    assert.notInclude(kindOf(noise, ["long spaces", "long lines", "tabs and lines", "a rule"]), true)
  })
})

describe("the low end of the estimate, once a model is known,", () => {
  const plain = Object.values({ ...prose, ...sources }).filter(inLetters)

  for (const [index, model] of Object.keys(counts).entries()) {
    const ratioOf = (text: string): number => ratiosOf(text)[index]!

    it(`is no more than ${model} counts for any text in letters, whichever of them it has learned from`, () => {
      for (const taught of plain) {
        const ratio = new Ratio()
        for (let times = 0; times < 20; times++) ratio.learn(ratioOf(taught), 1, 0)
        for (const text of plain) assert.isAtLeast(ratioOf(text), ratio.low)
      }
    })

    it(`is no more than ${model} counts for a stack trace after English, and more than it was before`, () => {
      const ratio = new Ratio()
      for (let times = 0; times < 20; times++) ratio.learn(ratioOf(prose["English"]!), 1, 0)
      assert.isAtLeast(ratioOf(hardest.stackTrace), ratio.low)
      assert.isAbove(ratio.low, 0.35)
    })
  }
})

describe("a ratio", () => {
  it("is the mean of what was seen, with its spread, and newer counts more", () => {
    const ratio = new Ratio()
    assert.deepInclude({ ...ratio, ratio: ratio.ratio, spread: ratio.spread }, { seen: 0, ratio: 1, spread: 0 })
    for (const counted of [80, 120, 80, 120]) ratio.learn(counted, 100, 0)
    assert.approximately(ratio.ratio, 1, 1e-9)
    assert.approximately(ratio.spread, 0.2, 1e-9)
    for (let times = 0; times < 300; times++) ratio.learn(70, 100, 0)
    assert.approximately(ratio.ratio, 0.7, 1e-3)
    assert.approximately(ratio.spread, 0, 0.02)
    assert.strictEqual(ratio.seen, 304)
  })

  it("is believed to be more than the least after eight counts, and to be less at once", () => {
    const more = new Ratio()
    const less = new Ratio()
    for (let times = 1; times <= 8; times++) {
      more.learn(100, 100, 0)
      less.learn(30, 100, 0)
      assert.approximately(more.low, times < 8 ? lowestOfLetters : 0.4, 1e-9)
      assert.approximately(less.low, 0.12, 1e-9)
    }
  })

  it("has a lower low end the wider it spreads, and never one below the lowest or above 0.52", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = Random.make(seed)
      const narrow = new Ratio()
      const wide = new Ratio()
      for (let times = 0; times < 100; times++) {
        const chance = random.next() - 0.5
        narrow.learn(100 + 10 * chance, 100, 0)
        wide.learn(100 + 120 * chance, 100, 0)
      }
      assert.isBelow(wide.low, narrow.low, `seed ${seed}`)
      const any = new Ratio()
      for (let times = 0; times < 30; times++) any.learn(1 + random.below(100_000), 1 + random.below(1_000), 0)
      assert.isTrue(any.low >= lowest && any.low <= 0.52, `seed ${seed}`)
    }
  })

  it("of more than 1.3 counts as 1.3: more is no prose, or is what is sent beside it", () => {
    const ratio = new Ratio()
    for (let times = 0; times < 20; times++) ratio.learn(300, 100, 0)
    assert.approximately(ratio.ratio, 3, 1e-9)
    assert.approximately(ratio.low, 0.52, 1e-9)
  })

  it("is forgotten after a day", () => {
    const ratio = new Ratio()
    ratio.learn(1, 1, 5)
    const day = 24 * 3_600 * 1e9
    assert.isFalse(ratio.isIdle(4 + day))
    assert.isTrue(ratio.isIdle(5 + day))
  })
})

describe("a question teaches", () => {
  const english = filled(prose["English"]!, 600)

  it("only by a long text in letters, without pictures and tools", () => {
    const question = asking(english)
    assert.isTrue(teaches(question))
    assert.isFalse(teaches({ ...question, images: 1 }))
    assert.isFalse(teaches({ ...question, tools: 1 }))
    assert.isFalse(teaches(asking("a short one")))
    assert.isFalse(teaches(asking(filled(prose["Georgian"]!, 600))))
  })
})
