/** Which Claude goes on with an answer that has begun, and from where. */
import { Question } from "@spillway/core"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { reads } from "../../src/anthropic/Opening.ts"

const read = (model: string, heard = "The dam is") => Effect.runSync(reads(Question.chat(model, "How high?"), heard))

describe("an answer that has begun", () => {
  it("is gone on with by those before 4.6", () => {
    for (const name of [
      "claude-3-haiku-20240307",
      "claude-3-5-sonnet-20241022",
      "claude-3-5-haiku-latest",
      "claude-3-7-sonnet-latest",
      "claude-sonnet-4-20250514",
      "claude-opus-4-1",
      "claude-haiku-4-5",
      "anthropic/claude-sonnet-4.5",
      "anthropic.claude-opus-4-1-20250805-v1:0",
      "claude-opus-4-5@20251101"
    ]) {
      expect([name, read(name)]).toEqual([name, "The dam is"])
    }
  })

  it("is begun again by all others", () => {
    for (const name of [
      "claude-opus-4-6",
      "claude-sonnet-4-6",
      "claude-opus-4-7",
      "claude-sonnet-5",
      "claude-sonnet-5-5",
      "claude-fable-5",
      "claude-haiku-4-50",
      "qwen3:8b"
    ]) {
      expect([name, read(name)]).toEqual([name, undefined])
    }
  })
})
