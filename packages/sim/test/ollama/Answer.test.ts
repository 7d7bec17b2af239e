/** Answers: what is said to a prompt, where it goes on, and where it stops. */
import { describe, expect, it } from "vitest"
import * as Answer from "../../src/ollama/Answer.ts"
import * as Words from "../../src/Words.ts"

const prompt = "Why does water run downhill?"
const wanted = { seed: 1, prefix: "", tokens: 10, format: undefined, stop: [] }

const said = (answer: Answer.Answer): string => {
  let text = ""
  for (let place = 0; ; place++) {
    const token = answer.token(place)
    if (token === undefined) return text
    text += token
  }
}

describe("Answer", () => {
  it("is as long as the script says, or about as long as the model's are", () => {
    expect(Words.count(said(Answer.to(prompt, { tokens: 7 }, wanted)))).toBe(7)
    const lengths = [...Array(200).keys()].map((each) => Words.count(said(Answer.to(`${each}`, {}, wanted))))
    expect(Math.min(...lengths)).toBe(5)
    expect(Math.max(...lengths)).toBe(14)
  })

  it("goes on where this very answer was left, word for word", () => {
    const whole = said(Answer.to(prompt, { tokens: 12 }, wanted))
    for (let kept = 1; kept < 12; kept++) {
      const prefix = Words.split(whole).slice(0, kept).join("")
      expect(prefix + said(Answer.to(prompt, { tokens: 12 }, { ...wanted, prefix }))).toBe(whole)
    }
  })

  it("begins anew after what is no part of it, so that a splice shows", () => {
    const other = said(Answer.to("Another question?", { tokens: 4 }, wanted))
    const whole = said(Answer.to(prompt, { tokens: 12 }, wanted))
    expect(said(Answer.to(prompt, { tokens: 12 }, { ...wanted, prefix: other }))).toBe(whole)
  })

  it("ends before the token in which a stop word is complete", () => {
    const whole = Words.split(said(Answer.to(prompt, { tokens: 12 }, wanted)))
    const stop = [whole[5]!.trim()]
    expect(said(Answer.to(prompt, { tokens: 12 }, { ...wanted, stop }))).toBe(whole.slice(0, 5).join(""))
  })

  it("says the words of a script, numbered or over and over", () => {
    expect(said(Answer.to(prompt, { text: "w", tokens: 3 }, wanted))).toBe(" w0 w1 w2")
    expect(said(Answer.to(prompt, { text: "w", repeat: true, tokens: 3 }, wanted))).toBe("www")
  })

  it("is JSON where that is wanted, and of the shape that a schema asks for", () => {
    expect(Object.keys(JSON.parse(said(Answer.to(prompt, {}, { ...wanted, format: "json" }))))).toEqual(["answer"])
    const schema = {
      type: "object",
      properties: {
        name: { type: "string" },
        age: { type: "integer" },
        tall: { type: "boolean" },
        kind: { enum: ["a", "b"] },
        tags: { type: "array", items: { type: "number" } },
        nothing: { type: "null" }
      }
    }
    const value = JSON.parse(said(Answer.to(prompt, {}, { ...wanted, format: schema }))) as Record<string, unknown>
    expect(Object.keys(value)).toEqual(Object.keys(schema.properties))
    expect([typeof value.name, typeof value.age, typeof value.tall]).toEqual(["string", "number", "boolean"])
    expect(["a", "b"]).toContain(value.kind)
    expect(value.tags).toEqual([expect.any(Number)])
    expect(value.nothing).toBe(null)
  })

  it("makes vectors of length one, the same for the same text", () => {
    const vector = Answer.vectorOf(1, "text", 64)
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
    expect(Answer.vectorOf(1, "text", 64)).toEqual(vector)
    expect(Answer.vectorOf(1, "texts", 64)).not.toEqual(vector)
    expect(Math.hypot(...Answer.normal(vector.slice(0, 8)))).toBeCloseTo(1, 5)
  })
})
