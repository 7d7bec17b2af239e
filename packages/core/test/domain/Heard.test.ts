/** What was heard, and another answer that is held to it: what of it is new, however both are cut into parts. */
import { assert, describe, it } from "@effect/vitest"
import { Part } from "@spillway/core"
import { Heard } from "../../src/domain/Heard.ts"
import * as Random from "../laws/random.ts"

const heardOf = (parts: ReadonlyArray<Part.Part>, most = 1_000): Heard => {
  const heard = new Heard(most)
  for (const part of parts) heard.add(part)
  return heard
}

/** What of another answer is new, or that it is another one. */
const told = (heard: Heard, parts: ReadonlyArray<Part.Part>): string => {
  const again = heard.again()
  let news = ""
  for (const part of parts) {
    const fresh = again.take(part)
    if (fresh === "differs") return "differs"
    if (fresh !== undefined) news += `${fresh._tag === "Text" ? "" : `(${fresh._tag}) `}${Part.textOf([fresh])}`
  }
  return again.isSaid ? news : "too short"
}

/** The words in parts of random lengths. */
const cut = (words: string, random: Random.Random): ReadonlyArray<Part.Part> => {
  const parts: Array<Part.Part> = []
  for (let at = 0; at < words.length;) {
    const to = at + random.below(5)
    parts.push(Part.text(words.slice(at, to)))
    at = to
  }
  return parts
}

describe("another answer", () => {
  it("is new from where the first one stopped, however both are cut", () => {
    const words = "The dam is 243 metres high, and 5,300 long."
    for (let seed = 1; seed <= 500; seed++) {
      const random = Random.make(seed)
      const stop = random.below(words.length + 1)
      const heard = heardOf(cut(words.slice(0, stop), random))
      assert.strictEqual(told(heard, cut(words, random)), words.slice(stop), `seed ${seed}`)
      if (stop === 0) continue
      const at = random.below(stop)
      const other = `${words.slice(0, at)}#${words.slice(at + 1)}`
      assert.strictEqual(told(heard, cut(other, random)), "differs", `seed ${seed}`)
      const short = words.slice(at, stop).trim() === "" ? "" : "too short"
      assert.strictEqual(told(heard, cut(words.slice(0, at), random)), short, `seed ${seed}`)
    }
  })

  it("has to think the same as well, and in the same place", () => {
    const heard = heardOf([Part.thinking("How hi"), Part.thinking("gh?"), Part.text("24")])
    assert.strictEqual(told(heard, [Part.thinking("How high?"), Part.text("243"), Part.text(" m")]), "3 m")
    assert.strictEqual(told(heard, [Part.text("How high?24")]), "differs")
    assert.strictEqual(told(heard, [Part.thinking("How high? Hm."), Part.text("24")]), "differs")
  })

  it("is any, where nothing was heard", () => {
    const call: Part.Part = { _tag: "ToolCall", index: 0, name: "look", arguments: "{}" }
    assert.isTrue(heardOf([]).isNothing)
    assert.strictEqual(new Heard(10).again().take(call), call)
  })
})

describe("what was heard", () => {
  it("cannot be said again where it holds more than words, or more of them than are remembered", () => {
    const call: Part.Part = { _tag: "ToolCall", index: 0, name: "look", arguments: "{}" }
    const sealed: Part.Part = { _tag: "Thinking", text: "", sealed: "c2VhbGVk" }
    const signed: Part.Part = { _tag: "Thinking", text: "Hm.", signature: "c2lnbmVk" }
    for (const part of [call, sealed, signed, { _tag: "Embedding", index: 0, vector: [1] } as const]) {
      const heard = heardOf([Part.text("24"), part])
      assert.deepStrictEqual([heard.isRepeatable, heard.isNothing], [false, false])
      assert.strictEqual(heard.again().take(Part.text("24")), "differs")
      assert.strictEqual(
        heardOf([Part.text("24")])
          .again()
          .take(part),
        "differs"
      )
    }
    assert.isTrue(heardOf([Part.text("1234567890")], 10).isRepeatable)
    assert.isFalse(heardOf([Part.text("1234567890"), Part.text("1")], 10).isRepeatable)
  })
})

describe("what another go is to finish", () => {
  it("is nothing as long as nothing was heard, and is told to a model as words alone", () => {
    const sealed: Part.Part = { _tag: "Thinking", text: "", sealed: "x" }
    assert.isUndefined(heardOf([]).begun)
    assert.deepStrictEqual(heardOf([Part.text("The "), Part.text("dam")]).begun, { text: "The dam", parts: 2 })
    for (const parts of [
      [Part.thinking("Hm.")],
      [Part.thinking("Hm."), Part.text("The dam")],
      [Part.text("The dam"), Part.thinking("Hm.")],
      [Part.text("The dam"), sealed]
    ]) {
      assert.deepStrictEqual(heardOf(parts).begun, { text: undefined, parts: parts.length })
    }
    assert.deepStrictEqual(heardOf([Part.text("The dam")], 3).begun, { text: undefined, parts: 1 })
  })
})

describe("space at the end of what was heard", () => {
  it("need not be said again by who is over, or calls a tool; words have to begin with it", () => {
    const call: Part.Part = { _tag: "ToolCall", index: 0, name: "look", arguments: "{}" }
    const heard = heardOf([Part.text("The dam "), Part.text("\n")])
    assert.strictEqual(told(heard, [Part.text("The dam")]), "")
    assert.strictEqual(told(heard, [Part.text("The dam"), call]), "(ToolCall) ")
    assert.strictEqual(told(heard, [Part.text("The dam \nis")]), "is")
    assert.strictEqual(told(heard, [Part.text("The dam is")]), "differs")
    assert.strictEqual(told(heard, [Part.text("The da")]), "too short")
    assert.strictEqual(told(heard, [Part.text("The da"), call]), "differs")
  })
})
