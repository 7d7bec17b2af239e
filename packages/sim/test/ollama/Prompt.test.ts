/** Prompts: what is read of a conversation, and what is silently lost. */
import { describe, expect, it } from "vitest"
import * as Prompt from "../../src/ollama/Prompt.ts"
import type { Model } from "../../src/ollama/Model.ts"
import * as Words from "../../src/Words.ts"

const model = (kind: Model["kind"]): Model => ({ kind }) as Model
const words = (count: number) => Array.from({ length: count }, (_, index) => `w${index}`).join(" ")
const cut = (tokens: number, context: number, more: Partial<Parameters<typeof Prompt.cut>[1]> = {}) =>
  Prompt.cut(words(tokens), { context, keep: 4, mayCut: true, shift: true, ...more })

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
