/** What the errors of many OpenAI-shaped servers mean, in the words in which each of them says it. */
import { Question } from "@spillway/core"
import { Duration } from "effect"
import { describe, expect, it } from "vitest"
import { refused, said } from "../../src/openai/Failures.ts"
import { refusedWith, type Row } from "../refusals.ts"

const asked = { question: Question.chat("m", "hello"), target: "hosted/m", parts: () => 0, nowMillis: () => 0 }
const of = refusedWith(refused, asked)

const rows: ReadonlyArray<Row> = [
  [
    "OpenAI: too many requests",
    429,
    {
      error: {
        message: "Rate limit reached for gpt-4o in organization org-1 on requests per min (RPM): Limit 3, Used 3.",
        type: "requests",
        param: null,
        code: "rate_limit_exceeded"
      }
    },
    { _tag: "UpstreamRateLimited" }
  ],
  [
    "OpenAI: nothing paid for",
    429,
    { error: { message: "You exceeded your current quota.", type: "insufficient_quota", code: "insufficient_quota" } },
    { _tag: "QuotaSpent" }
  ],
  ["DeepSeek: nothing paid for", 402, { error: { message: "Insufficient Balance" } }, { _tag: "QuotaSpent" }],
  [
    "OpenAI: too long",
    400,
    {
      error: {
        message:
          "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens. " +
          "Please reduce the length of the messages.",
        type: "invalid_request_error",
        param: "messages",
        code: "context_length_exceeded"
      }
    },
    { _tag: "ContextTooLong", tokens: 9_001, context: 8_192 }
  ],
  [
    "vLLM: too long",
    400,
    {
      object: "error",
      message:
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the " +
        "messages, 1000 in the completion). Please reduce the length of the messages or completion.",
      type: "BadRequestError",
      param: null,
      code: 400
    },
    { _tag: "ContextTooLong", tokens: 5_000, context: 4_096 }
  ],
  [
    "llama.cpp: too long",
    400,
    {
      error: {
        code: 400,
        message: "request (9412 tokens) exceeds the available context size (8192 tokens), try increasing it",
        type: "exceed_context_size_error",
        n_prompt_tokens: 9_412,
        n_ctx: 8_192
      }
    },
    { _tag: "ContextTooLong", tokens: 9_412, context: 8_192 }
  ],
  [
    "vLLM: no such model",
    404,
    { object: "error", message: "The model `m` does not exist.", type: "NotFoundError", code: 404 },
    { _tag: "ModelNotFound", model: "m", target: "hosted/m" }
  ],
  ["a server with another path", 404, { detail: "Not Found" }, { _tag: "Unsupported" }],
  [
    "Azure: a filter",
    400,
    {
      error: {
        message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        code: "content_filter",
        innererror: { code: "ResponsibleAIPolicyViolation" }
      }
    },
    { _tag: "ContentRefused" }
  ],
  [
    "OpenAI: a setting that the model does not have",
    400,
    {
      error: {
        message: "Unsupported value: 'temperature' does not support 0.2 with this model.",
        type: "invalid_request_error",
        param: "temperature",
        code: "unsupported_value"
      }
    },
    { _tag: "Unsupported", target: "hosted/m" }
  ],
  ["a mistake", 422, { detail: [{ loc: ["body", "messages"], msg: "field required" }] }, { _tag: "BadRequest" }],
  ["a key that is wrong", 401, { error: { message: "Incorrect API key provided" } }, { _tag: "UpstreamUnauthorized" }],
  [
    "LM Studio: a sentence",
    400,
    { error: "Model does not support images." },
    { _tag: "Unsupported", capability: "images" }
  ],
  ["a server that broke", 500, { error: { message: "oops", type: "server_error" } }, { _tag: "Overloaded" }],
  ["a page", 200, "<html>Sign in</html>", { _tag: "Malformed" }],
  ["a way somewhere else", 302, "", { _tag: "Malformed" }],
  ["Cloudflare: no way there", 521, "<html>Web server is down</html>", { _tag: "Unreachable" }],
  ["Cloudflare: no answer in time", 524, "<html>A timeout occurred</html>", { _tag: "Cut" }],
  [
    "Gemini: too many within a minute",
    429,
    {
      error: {
        code: 429,
        message: "You exceeded your current quota, please check your plan. Please retry in 36.7s.",
        status: "RESOURCE_EXHAUSTED"
      }
    },
    { _tag: "UpstreamRateLimited" }
  ],
  [
    "OpenRouter: too many within a day",
    429,
    { error: { code: 429, message: "Rate limit exceeded: free-models-per-day" } },
    { _tag: "QuotaSpent" }
  ],
  [
    "Gemini: a wrong key",
    400,
    { error: { code: 400, message: "API key not valid. Please pass a valid API key." } },
    { _tag: "UpstreamUnauthorized" }
  ],
  [
    "OpenRouter: moderation",
    403,
    { error: { code: 403, message: "Your input was flagged" } },
    { _tag: "ContentRefused" }
  ],
  [
    "OpenRouter: nobody has the model",
    404,
    { error: { code: 404, message: "No endpoints found for a/b." } },
    { _tag: "ModelNotFound" }
  ],
  [
    "OpenRouter: nobody can do it",
    404,
    { error: { code: 404, message: "No endpoints found that support tool use." } },
    { _tag: "Unsupported" }
  ],
  [
    "Azure: no such deployment",
    404,
    { error: { code: "DeploymentNotFound", message: "The API deployment for this resource does not exist." } },
    { _tag: "ModelNotFound" }
  ],
  [
    "Mistral: no such model",
    400,
    { object: "error", message: "Invalid model: m", type: "invalid_model", code: "1500" },
    { _tag: "ModelNotFound" }
  ],
  [
    "DeepSeek: no such model",
    400,
    { error: { message: "Model Not Exist", type: "invalid_request_error" } },
    { _tag: "ModelNotFound" }
  ],
  [
    "Gemini: no such model",
    404,
    {
      error: {
        code: 404,
        message: "models/x is not found for API version v1main, or is not supported for generateContent."
      }
    },
    { _tag: "ModelNotFound" }
  ],
  [
    "LM Studio: nothing loaded",
    404,
    { error: { message: "No models loaded. Please load a model." } },
    { _tag: "ModelNotFound" }
  ],
  [
    "vLLM: too long in other words",
    400,
    {
      object: "error",
      message: "The decoder prompt (length 9000) is longer than the maximum model length of 4096.",
      code: 400
    },
    { _tag: "ContextTooLong" }
  ],
  [
    "Gemini: too long",
    400,
    {
      error: { code: 400, message: "The input token count (9000) exceeds the maximum number of tokens allowed (4096)." }
    },
    { _tag: "ContextTooLong" }
  ],
  [
    "Groq: too long for a minute",
    413,
    {
      error: {
        message: "Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 9000",
        type: "tokens",
        code: "rate_limit_exceeded"
      }
    },
    { _tag: "ContextTooLong" }
  ],
  [
    "a setting that nobody knows there",
    400,
    { error: { message: "Unrecognized request argument supplied: reasoning_effort", type: "invalid_request_error" } },
    { _tag: "Unsupported" }
  ],
  [
    "a mistake that quotes what would be something else",
    422,
    { detail: [{ msg: "field required", input: "insufficient funds, rate_limit_exceeded, model m was not found" }] },
    { _tag: "BadRequest" }
  ],
  ["what nobody knows", 418, "teapot", { _tag: "Unknown" }]
]

describe("an answer that is none", () => {
  for (const [title, status, body, means] of rows) {
    it(`means ${means._tag}: ${title}`, () => {
      expect(of(status, body).reason).toMatchObject(means)
    })
  }

  it("says when to come back, in whichever place it does", () => {
    const wait = (headers: Readonly<Record<string, string>>, message = "slow down", details: object = []) => {
      const { retryAfter } = of(429, { error: { message, code: "rate_limit_exceeded", details } }, headers)
      return retryAfter && Duration.toMillis(retryAfter)
    }
    expect(wait({})).toBeUndefined()
    expect(wait({ "retry-after": "7" })).toBe(7_000)
    expect(wait({ "retry-after": "7", "retry-after-ms": "6200" })).toBe(6_200)
    expect(wait({}, "Please try again in 6m1.5s. Visit us.")).toBe(361_500)
    expect(wait({}, "Please try again in 120ms.")).toBe(120)
    expect(wait({ "retry-after": "7" }, "Please try again in 6m0s.")).toBe(7_000)
    expect(wait({}, "slow down", [{ retryDelay: "37s" }])).toBe(37_000)
    expect(wait({}, "slow down", [{ retry_after: 12.5 }])).toBe(12_500)
    expect(wait({}, "Retry after 20 seconds")).toBe(20_000)
    expect(wait({}, "try again in 3 minutes")).toBe(180_000)
    expect(wait({ "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s" })).toBe(360_000)
    expect(wait({ "x-ratelimit-remaining-tokens": "9", "x-ratelimit-reset-tokens": "6m0s" })).toBeUndefined()
    const reset = "1970-01-01T00:01:00Z"
    expect(wait({ "anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": reset })).toBe(
      60_000
    )
  })
})

describe("an error in the midst of an answer", () => {
  const midst = (error: unknown, parts: number) => said({ error }, { ...asked, parts: () => parts }).reason._tag

  it("has its own status where it tells one, and is a runner that died where it tells nothing", () => {
    expect(midst({ code: 429, message: "Rate limited upstream" }, 0)).toBe("UpstreamRateLimited")
    expect(midst({ code: 429, message: "Rate limited upstream" }, 3)).toBe("RunnerDied")
    expect(midst({ code: 502, message: "Provider disconnected" }, 0)).toBe("Unreachable")
    expect(midst({ code: 502, message: "Provider disconnected" }, 3)).toBe("RunnerDied")
    expect(midst({ message: "The server had an error", type: "server_error", code: null }, 3)).toBe("RunnerDied")
    expect(midst({ message: "something" }, 3)).toBe("RunnerDied")
    expect(midst({ message: "something" }, 0)).toBe("RunnerDied")
    expect(midst("something", 3)).toBe("RunnerDied")
    expect(midst({ type: { toString: 1, valueOf: 1 } }, 3)).toBe("RunnerDied")
  })

  it("says when to come back, too", () => {
    const { retryAfter } = said({ error: { code: 429, message: "Please try again in 20s" } }, asked)
    expect(Duration.toMillis(retryAfter!)).toBe(20_000)
  })

  it("does not take seconds to be read, however long it is", () => {
    const begun = performance.now()
    midst({ message: "model ".repeat(1_000_000) }, 3)
    expect(performance.now() - begun).toBeLessThan(500)
  })
})
