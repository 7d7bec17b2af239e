/** Prompts: what is read of a conversation, and what is silently lost. */
import { describe, expect, it } from "vitest"
import * as Prompt from "../../src/ollama/Prompt.ts"
import type { Model } from "../../src/ollama/Model.ts"
import * as Version from "../../src/ollama/Version.ts"
import * as Words from "../../src/Words.ts"

const model = (kind: Model["kind"]): Model => ({ kind }) as Model
const words = (count: number) => Array.from({ length: count }, (_, index) => `w${index}`).join(" ")
const cut = (tokens: number, context: number, more: Partial<Parameters<typeof Prompt.cut>[1]> = {}) =>
  Prompt.cut(words(tokens), { context, keep: 4, mayCut: true, shift: true, ways: Version.of("0.34.0"), ...more })

describe("Prompt", () => {
  it("leaves a prompt alone that fits", () => {
    expect(cut(127, 128)).toEqual({ prompt: words(127), tokens: 127 })
  })

  it.each([
    [128, 66],
    [256, 130],
    [4_096, 2_050],
    [32_768, 16_386]
  ])("cuts what is too long for %d tokens to %d, the beginning and the end of it", (context, length) => {
    const read = cut(context * 2, context)
    expect(read).toMatchObject({ tokens: length })
    const left = "prompt" in read ? Words.split(read.prompt) : []
    expect(left.length).toBe(length)
    expect(left.slice(0, 4).join("")).toBe("w0 w1 w2 w3")
    expect(left.at(-1)).toBe(` w${context * 2 - 1}`)
  })

  it.each([
    ["0.11.4", 128, 128],
    ["0.24.0", 4_096, 4_096],
    ["0.30.0", 128, 127],
    ["0.30.11", 128, 66]
  ])("cuts it in v%s, with a context of %d tokens, to %d", (version, context, length) => {
    const ways = Version.of(version)
    const read = cut(context * 2, context, { ways })
    expect(read).toMatchObject({ tokens: length })
    expect("prompt" in read ? Words.count(read.prompt) : 0).toBe(length)
    expect(cut(length, context, { ways })).toEqual({ prompt: words(length), tokens: length })
  })

  it("says in v0.24 that it is too long where nothing may be cut", () => {
    const ways = Version.of("0.24.0")
    const message = "the input length exceeds the context length"
    expect(cut(129, 128, { mayCut: false, ways })).toMatchObject({ status: 400, message, tokens: 129, context: 128 })
    expect(cut(128, 128, { mayCut: false, ways })).toMatchObject({ tokens: 128 })
  })

  it("keeps as much of the beginning as it is told", () => {
    expect(cut(1_000, 128, { keep: 100 })).toMatchObject({ tokens: 114 })
    expect(cut(1_000, 128, { keep: -1 })).toMatchObject({ tokens: 127 })
  })

  it("refuses what is too long where nothing may be shifted", () => {
    expect(cut(200, 128, { shift: false })).toMatchObject({ status: 400, reason: "ContextTooLong", tokens: 200 })
  })

  it("refuses what is too long for the window where nothing may be cut, in the runner's own words", () => {
    const refused = cut(300, 128, { mayCut: false })
    expect(refused).toMatchObject({ status: 400, reason: "ContextTooLong", tokens: 300, context: 256 })
    expect(JSON.parse("message" in refused ? refused.message : "")).toEqual({
      error: {
        code: 400,
        message: "request (300 tokens) exceeds the available context size (256 tokens), try increasing it",
        type: "exceed_context_size_error",
        n_prompt_tokens: 300,
        n_ctx: 256
      }
    })
    // The window is as large as steps of 256 make it, whatever was asked for.
    expect(cut(200, 128, { mayCut: false })).toMatchObject({ tokens: 200 })
  })

  it("finds what fits of thousands of turns in no time, and the same as by looking at each", () => {
    const rendered = (turns: Parameters<typeof Prompt.render>[1]) => Words.count(Prompt.render(model("go"), turns))
    const bySight = (turns: Parameters<typeof Prompt.render>[1], context: number): number => {
      const from = turns.findIndex((_, at) => at === turns.length - 1 || rendered(turns.slice(at)) <= context)
      return turns.length - from
    }
    const many = (count: number, length: (each: number) => number) =>
      Array.from({ length: count }, (_, each) => ({
        role: each % 2 === 0 ? "user" : "assistant",
        content: words(length(each))
      }))
    for (const context of [4, 30, 100, 1_000]) {
      const turns = many(60, (each) => (each * 7) % 23)
      expect(Prompt.fitted(model("go"), turns, context).length).toBe(bySight(turns, context))
    }
    const began = performance.now()
    expect(
      Prompt.fitted(
        model("go"),
        many(20_000, () => 20),
        100
      ).length
    ).toBe(5)
    expect(performance.now() - began).toBeLessThan(1_000)
  })

  it("drops the oldest turns until the rest fits, but never the last, nor what the system says", () => {
    const turn = (role: string, content: string) => ({ role, content })
    const turns = [turn("system", "be kind"), ...[1, 2, 3, 4].map((each) => turn("user", words(40) + each))]
    const fitted = Prompt.fitted(model("go"), turns, 100)
    expect(fitted.map(({ role }) => role)).toEqual(["system", "user", "user"])
    expect(fitted.at(-1)!.content).toBe(`${words(40)}4`)
    expect(Prompt.fitted(model("go"), turns, 1).map(({ role }) => role)).toEqual(["system", "user"])
  })

  it("reads nobody but user and assistant where the template knows no others", () => {
    const turns = [
      { role: "system", content: "s" },
      { role: "user", content: "a" },
      { role: "user", content: "b" },
      { role: "assistant", content: "c" },
      { role: "tool", content: "t" }
    ]
    expect(Prompt.render(model("plain"), turns)).toBe("a\n\nbc")
    expect(Prompt.render(model("jinja"), turns)).toBe("<system>s<user>a<user>b<assistant>c<tool>t")
  })
})
