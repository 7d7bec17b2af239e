/** Models and their names, as callers write them and as a server prints them. */
import { describe, expect, it } from "vitest"
import { Effect } from "effect"
import * as Model from "../../src/ollama/Model.ts"
import * as Name from "../../src/ollama/Name.ts"

const made = (given: Model.Given) => Effect.runSync(Model.make(given))
const refused = (given: Model.Given) => Effect.runSync(Effect.flip(Model.make(given)))

describe("Name", () => {
  it.each([
    ["llama3.1", "registry.ollama.ai/library/llama3.1:latest", "llama3.1:latest"],
    ["llama3.1:8b", "registry.ollama.ai/library/llama3.1:8b", "llama3.1:8b"],
    ["me/mine:v1", "registry.ollama.ai/me/mine:v1", "me/mine:v1"],
    ["hf.co/them/theirs", "hf.co/them/theirs:latest", "hf.co/them/theirs:latest"]
  ])("fills %s up to %s, and prints it as %s", (name, full, short) => {
    expect(Name.full(name)).toBe(full)
    expect(Name.short(full)).toBe(short)
  })

  it.each(["", "a b/c!!", "a//b", "a:", ":tag", "a/b/c/d", "-a"])("is none: %s", (name) => {
    expect(Name.full(name)).toBe(undefined)
  })
})

describe("Model", () => {
  it("is guessed from its name where only that is given", () => {
    expect(made("llama3.1:8b")).toMatchObject({ kind: "go", bytes: 4_800_000_000 })
    expect(made("nomic-embed-text")).toMatchObject({
      kind: "embed",
      fullName: "registry.ollama.ai/library/nomic-embed-text:latest"
    })
  })

  it("can what models of its name are known for", () => {
    expect(made("llama3.1:8b").can).toEqual(["tools"])
    expect(made("qwen3-coder:30b").can).toEqual(["tools"])
    for (const name of ["deepseek-r1:7b", "qwen3:8b", "gpt-oss:20b"]) expect(made(name).can).toContain("thinking")
    for (const name of ["llava:7b", "qwen2.5vl:7b", "gemma3:4b"]) expect(made(name).can).toContain("vision")
  })

  it("has a digest of its own", () => {
    expect(made("a").digest).toMatch(/^[0-9a-f]{64}$/)
    expect(made("a").digest).not.toBe(made("b").digest)
  })

  it("is refused by where, what was read and what would be right", () => {
    expect(refused("a b").message).toBe(
      'Model: 1 option refused\n  name: read "a b", write a model\'s name, as llama3:8b'
    )
    expect(refused({ name: "a", load: "soon" }).message).toContain("load: read")
    expect(refused({ name: "a", contexts: 1 } as never).message).toContain("did you mean context?")
  })
})
