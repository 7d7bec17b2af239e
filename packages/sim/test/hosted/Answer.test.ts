/**
 * What a hosted model answers: the same to the same question, and on from where it was cut off.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Words from "../../src/Words.ts"
import { compose, type Question } from "../../src/hosted/Answer.ts"

const question = (more: Partial<Question> = {}): Question => ({
  model: "m",
  prompt: "user: why?",
  prefill: "",
  max: undefined,
  stops: [],
  tools: ["search"],
  ...more
})

const said = (more: Partial<Question> = {}, seed = 1) => compose(question(more), seed, 60).pieces.join("")

describe("an answer", () => {
  it("is the same to the same question, and another to another, of another model, or from another seed", () => {
    assert.strictEqual(said(), said())
    const all = [said(), said({ prompt: "user: how?" }), said({ model: "n" }), said({}, 2)]
    assert.strictEqual(new Set(all).size, 4)
  })

  it("has half as many tokens as usual to half as many more", () => {
    const lengths = Array.from(
      { length: 300 },
      (_, each) => compose(question({ prompt: `${each}` }), 1, 60).pieces.length
    )
    assert.isAtLeast(Math.min(...lengths), 30)
    assert.isBelow(Math.max(...lengths), 90)
    assert.isAbove(new Set(lengths).size, 30)
  })

  it("goes on from every place at which it was cut, also inside a word", () => {
    const whole = said()
    for (let at = 1; at <= whole.length; at++) {
      const prefill = whole.slice(0, at)
      assert.strictEqual(prefill + said({ prefill }), whole)
    }
  })

  it("begins anew, with a space, after a beginning that is not its own", () => {
    const rest = said({ prefill: "Quite another" })
    assert.match(rest, /^ \w/)
    assert.notInclude(said(), rest.trim().slice(0, 20))
  })

  it("counts the prompt and what was said of the answer as what it was asked", () => {
    assert.strictEqual(compose(question({ prefill: "one two three" }), 1, 60).promptTokens, 5)
  })

  it("is cut at the most tokens it may have, and says so", () => {
    const answer = compose(question({ max: 4 }), 1, 60)
    assert.lengthOf(answer.pieces, 4)
    assert.strictEqual(answer.finish, "length")
  })

  it("says that it stopped where the most it may have is just enough", () => {
    const answer = compose(question({ prompt: "[[sim tokens=4]]", max: 4 }), 1, 60)
    assert.deepStrictEqual([answer.pieces.length, answer.finish], [4, "stop"])
  })

  it("ends before the first of its stop sequences, also one that spans tokens", () => {
    const prompt = "[[sim tokens=9 text=w]]"
    const answer = compose(question({ prompt, stops: ["w7", "3 w4", ""] }), 1, 60)
    assert.deepStrictEqual(answer.pieces, [" w0", " w1", " w2", " w"])
    assert.deepStrictEqual([answer.finish, answer.stopped], ["stop", "3 w4"])
  })

  it("says what its script says", () => {
    assert.strictEqual(said({ prompt: "[[sim tokens=3 text=ha repeat=1]]" }), "hahaha")
    assert.strictEqual(said({ prompt: "[[sim tokens=3 text=ha]]" }), " ha0 ha1 ha2")
    assert.strictEqual(compose(question({ prompt: "[[sim tokens=3 stop=limit]]" }), 1, 60).finish, "length")
  })

  it("is never longer than a machine can bear", () => {
    assert.lengthOf(compose(question({ prompt: "[[sim tokens=1e9]]" }), 1, 60).pieces, 100_000)
  })

  it("calls a tool with arguments in fragments that together are JSON", () => {
    const answer = compose(question({ prompt: "[[sim tool=search]]" }), 1, 60)
    assert.strictEqual(answer.tool, "search")
    assert.isAbove(answer.pieces.length, 2)
    assert.deepStrictEqual(JSON.parse(answer.pieces.join("")), { query: Words.text(answer.key, 3) })
    assert.strictEqual(said({ prompt: '[[sim tool=search arguments={"a":{"b":1}}]]' }), '{"a":{"b":1}}')
    assert.property(JSON.parse(said({ prompt: "[[sim tool=search arguments={broken]]" })), "query")
  })

  it("calls no tool that was not offered", () => {
    const answer = compose(question({ prompt: "[[sim tool=find tokens=3]]" }), 1, 60)
    assert.deepStrictEqual([answer.tool, answer.pieces.length, answer.finish], [undefined, 3, "stop"])
  })
})
