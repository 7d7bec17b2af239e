/** What Anthropic's errors mean, before an answer and in its midst. */
import { Question } from "@spillway/core"
import { describe, expect, it } from "vitest"
import { refused, said } from "../../src/anthropic/Failures.ts"
import { refusedWith, type Row } from "../refusals.ts"

const asked = { question: Question.chat("m", "hello"), target: "claude/m", parts: () => 0, nowMillis: () => 0 }
const of = refusedWith(refused, asked)

const error = (type: string, message: string) => ({ type: "error", error: { type, message }, request_id: "req_1" })

const rows: ReadonlyArray<Row> = [
  ["no key", 401, error("authentication_error", "invalid x-api-key"), { _tag: "UpstreamUnauthorized" }],
  [
    "no right",
    403,
    error("permission_error", "not yours"),
    { _tag: "UpstreamUnauthorized", problem: "does not let us" }
  ],
  ["no credit", 400, error("invalid_request_error", "Your credit balance is too low"), { _tag: "QuotaSpent" }],
  ["a bill", 402, error("billing_error", "Your payment failed"), { _tag: "QuotaSpent" }],
  [
    "a bound that was set",
    400,
    error("invalid_request_error", "You have reached your specified API usage limits."),
    { _tag: "QuotaSpent" }
  ],
  ["no such model", 404, error("not_found_error", "model: m"), { _tag: "ModelNotFound", model: "m" }],
  ["no such path", 404, error("not_found_error", "Not Found"), { _tag: "Unsupported" }],
  [
    "too long",
    400,
    error("invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"),
    { _tag: "ContextTooLong", tokens: 208_310, context: 200_000 }
  ],
  [
    "too long with its answer",
    400,
    error(
      "invalid_request_error",
      "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length"
    ),
    { _tag: "ContextTooLong", tokens: 188_240, context: 200_000 }
  ],
  [
    "what a model cannot do",
    400,
    error("invalid_request_error", "thinking.type.enabled is not supported for this model."),
    { _tag: "Unsupported" }
  ],
  [
    "a mistake",
    400,
    error("invalid_request_error", "messages: Field required"),
    { _tag: "BadRequest", field: "The conversation" }
  ],
  [
    "a mistake that quotes what would be something else",
    400,
    error("invalid_request_error", "messages.0: your usage limit, insufficient_quota"),
    { _tag: "BadRequest" }
  ],
  [
    "an answer that a filter keeps back",
    400,
    error("invalid_request_error", "Output blocked by content filtering policy"),
    { _tag: "ContentRefused" }
  ],
  [
    "what a model does not take while it thinks",
    400,
    error("invalid_request_error", "`top_p` must be greater than or equal to 0.95 when thinking is enabled"),
    { _tag: "Unsupported" }
  ],
  [
    "what nobody knows there",
    400,
    error("invalid_request_error", "x: Extra inputs are not permitted"),
    { _tag: "Unsupported" }
  ],
  ["too large", 413, error("request_too_large", "Request exceeds the maximum size"), { _tag: "BadRequest" }],
  ["too many", 429, error("rate_limit_error", "Number of requests has exceeded"), { _tag: "UpstreamRateLimited" }],
  ["too much to do", 529, error("overloaded_error", "Overloaded"), { _tag: "Overloaded" }],
  ["a server that broke", 500, error("api_error", "Internal server error"), { _tag: "Overloaded" }],
  ["a server that was slow", 504, error("timeout_error", "Request timed out"), { _tag: "Cut" }],
  ["a page", 200, "<html>Sign in</html>", { _tag: "Malformed" }],
  ["what nobody knows", 418, "teapot", { _tag: "Unknown" }]
]

describe("an answer that is none", () => {
  for (const [title, status, body, means] of rows) {
    it(`means ${means._tag}: ${title}`, () => {
      expect(of(status, body).reason).toMatchObject(means)
    })
  }
})

describe("an error in the midst of an answer", () => {
  const midst = (type: string, parts: number) =>
    said(error(type, "something"), { ...asked, parts: () => parts }).reason._tag

  it("has the status of its type, and is a runner that died where nobody knows that", () => {
    expect(midst("overloaded_error", 0)).toBe("Overloaded")
    expect(midst("rate_limit_error", 0)).toBe("UpstreamRateLimited")
    expect(midst("timeout_error", 0)).toBe("Cut")
    expect(midst("billing_error", 3)).toBe("QuotaSpent")
    expect(midst("api_error", 3)).toBe("RunnerDied")
    expect(midst("new_error", 3)).toBe("RunnerDied")
    expect(midst("new_error", 0)).toBe("RunnerDied")
  })

  it("is a lost answer once there was some of it, whatever else would pass", () => {
    for (const type of ["overloaded_error", "rate_limit_error"]) expect(midst(type, 3)).toBe("RunnerDied")
  })
})
