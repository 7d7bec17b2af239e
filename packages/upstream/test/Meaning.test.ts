/** What statuses mean at every server, where no words tell more. */
import { Question } from "@spillway/core"
import { Duration } from "effect"
import { describe, expect, it } from "vitest"
import { errorOf, otherwise, unsupported, usual } from "../src/Meaning.ts"

const about = { target: "gpu/a", parts: () => 0, nowMillis: () => 0 }

const rows: ReadonlyArray<readonly [statuses: ReadonlyArray<number>, reason: string]> = [
  [[401, 403], "UpstreamUnauthorized"],
  [[429], "UpstreamRateLimited"],
  [[503, 529], "Overloaded"],
  [[402], "QuotaSpent"],
  [[502, 520, 521, 523, 525, 526, 530], "Unreachable"],
  [[408, 499, 504, 522, 524], "Cut"],
  [[404], "Unsupported"],
  [[400, 405, 409, 413, 415, 422], "BadRequest"],
  [[501], "Unsupported"],
  [[200, 418, 500, 599], "Unknown"]
]

describe("a status", () => {
  for (const [statuses, reason] of rows) {
    for (const status of statuses) {
      it(`of ${status} means ${reason}`, () => {
        const error = errorOf([...usual, ...otherwise], { status, sentence: "something" }, about)
        expect(error.reason._tag).toBe(reason)
        expect(error.message).not.toContain("something")
      })
    }
  }

  it("of 429 means a quota from a quarter of an hour on", () => {
    const reasonOf = (minutes: number) =>
      errorOf(usual, { status: 429, sentence: "", retryAfter: Duration.minutes(minutes) }, about).reason
    expect(reasonOf(14.9)._tag).toBe("UpstreamRateLimited")
    expect(reasonOf(15)).toMatchObject({ _tag: "QuotaSpent", retryAfter: Duration.minutes(15) })
  })
})

describe("what a model does not know", () => {
  it("is not read in its own name", () => {
    const reasonOf = (model: string, sentence: string) =>
      errorOf(
        [{ means: unsupported }],
        { status: 400, sentence },
        { ...about, question: Question.chat(model, "hello") }
      ).reason
    expect([
      reasonOf("llama3.2-vision", '"llama3.2-vision" does not support tools'),
      reasonOf("deepthink:8b", "registry.ollama.ai/library/deepthink:8b does not support insert"),
      reasonOf("a", '"a" does not support thinking')
    ]).toMatchObject([{ capability: "tools" }, { capability: "a suffix" }, { capability: "thinking" }])
  })
})
