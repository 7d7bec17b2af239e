/** What the models of LangChain throw, and what it is here. */
import { assert, describe, it } from "@effect/vitest"
import { ContextOverflowError } from "@langchain/core/errors"
import { Attempt, Question, type Reason, refusal } from "@spillway/core"
import { Clock, Duration, Effect } from "effect"
import { says, throws } from "./scripted.ts"
import { failureOf, guarded } from "./serving.ts"
import { errorOf } from "../src/Failures.ts"

const clock = Effect.runSync(Clock.clockWith((live) => Effect.succeed(live)))

const reasonOf = (thrown: unknown, parts = 0, seen?: { status: number; headers: Headers }): Reason => {
  const attempt = new Attempt.Attempt(clock, { emit: () => undefined }, "gpu/a")
  attempt.parts = parts
  return errorOf(thrown, { question: Question.chat("a", "Hello"), attempt, nowMillis: 0, seen }).reason
}

const error = (message: string, more: object = {}): Error => Object.assign(new Error(message), more)
const fetchFailed = (code: string): Error => Object.assign(new TypeError("fetch failed"), { cause: { code } })

const rows: ReadonlyArray<readonly [said: string, thrown: unknown, tag: Reason["_tag"]]> = [
  ["a status of Ollama", error("no", { status_code: 503 }), "Overloaded"],
  ["a status of OpenAI", error("no", { status: 500 }), "Overloaded"],
  ["a status of others", error("no", { statusCode: 401 }), "UpstreamUnauthorized"],
  ["a status in a response", error("no", { response: { status: 429 } }), "UpstreamRateLimited"],
  ["a status in a cause", error("no", { cause: { status: 403 } }), "UpstreamUnauthorized"],
  ["a status of Bedrock", error("no", { $metadata: { httpStatusCode: 503 } }), "Overloaded"],
  ["a limit of Bedrock", error("no", { name: "ThrottlingException" }), "UpstreamRateLimited"],
  ["a code that is a status", error("no", { code: 404 }), "Unsupported"],
  ["a quota", error("429 You exceeded your current quota", { status: 429 }), "QuotaSpent"],
  [
    "a quota of a minute",
    error("You exceeded your current quota", { status: 429, retryAfterMs: 9_000 }),
    "UpstreamRateLimited"
  ],
  ["a bill", error("no", { status: 402 }), "QuotaSpent"],
  ["a limit that asks for hours", error("no", { status: 429, retryAfterMs: 7_200_000 }), "QuotaSpent"],
  [
    "LangChain's own limit",
    error("no", { name: "RateLimitCapacityError", retryAfterMs: 1_000 }),
    "UpstreamRateLimited"
  ],
  ["LangChain's own overflow", new ContextOverflowError("too long"), "ContextTooLong"],
  ["a prompt that is too long", error("400 maximum context length is 8", { status: 400 }), "ContextTooLong"],
  ["a model that is not there", error('model "a" not found', { status_code: 404 }), "ModelNotFound"],
  ["a model that knows no tools", error("a does not support tools", { status_code: 400 }), "Unsupported"],
  ["a filter", error("content_filter", { status: 400 }), "ContentRefused"],
  ["a mistake", error("no", { status: 422 }), "BadRequest"],
  ["a gateway", error("no", { status: 502 }), "Unreachable"],
  ["a gateway that gave up", error("no", { status: 504 }), "Cut"],
  ["nobody who listens", fetchFailed("ECONNREFUSED"), "Unreachable"],
  ["no such name", fetchFailed("ENOTFOUND"), "Unreachable"],
  ["a socket that closed", fetchFailed("UND_ERR_SOCKET"), "Cut"],
  ["headers that never came", fetchFailed("UND_ERR_HEADERS_TIMEOUT"), "Cut"],
  ["a body that broke off", new TypeError("terminated"), "Cut"],
  ["a stream of Ollama without its end", error("Did not receive done or success response in stream."), "Cut"],
  ["a runner that died", error("an error was encountered while running the model: unexpected EOF"), "RunnerDied"],
  ["a model that does not fit", error("model requires more system memory (8 GiB)"), "LoadFailed"],
  ["memory that ran out", error("CUDA error: out of memory", { status_code: 500 }), "OutOfMemory"],
  ["somebody else's abort", new DOMException("no", "AbortError"), "Cut"],
  ["what nobody can read", new SyntaxError("Unexpected token"), "Malformed"],
  ["one of ours", refusal({ _tag: "QueueFull", queued: 1, queuedMax: 1 }), "QueueFull"],
  ["a certificate that is over", fetchFailed("CERT_HAS_EXPIRED"), "Unreachable"],
  ["a certificate of its own", fetchFailed("DEPTH_ZERO_SELF_SIGNED_CERT"), "Unreachable"],
  ["a certificate of others", fetchFailed("ERR_TLS_CERT_ALTNAME_INVALID"), "Unreachable"],
  ["another version of TLS", fetchFailed("ERR_SSL_WRONG_VERSION_NUMBER"), "Unreachable"],
  ["no network", fetchFailed("ENETDOWN"), "Unreachable"],
  ["no port", fetchFailed("EADDRNOTAVAIL"), "Unreachable"],
  ["too many files", fetchFailed("EMFILE"), "Unreachable"],
  ["a close that was early", error("Premature close", { code: "ERR_STREAM_PREMATURE_CLOSE" }), "Cut"],
  ["a connection of a code that nobody knows", fetchFailed("ESOMETHING"), "Cut"],
  ["a server's error in a stream", error("Sorry", { code: "server_error", type: "server_error" }), "Overloaded"],
  ["a limit in a stream", error("Rate limit reached", { code: "rate_limit_exceeded" }), "UpstreamRateLimited"],
  ["an error of Anthropic in a stream", error('{"error":{"type":"api_error","message":"no"}}'), "Overloaded"],
  ["its overload in a stream", error('{"error":{"type":"overloaded_error"}}'), "Overloaded"],
  ["its limit in a stream", error('{"error":{"type":"rate_limit_error"}}'), "UpstreamRateLimited"],
  ["a stream of Bedrock that broke", error("no", { name: "ModelStreamErrorException", $metadata: {} }), "Overloaded"],
  ["a Bedrock that is away", error("no", { name: "ServiceUnavailableException", $metadata: {} }), "Overloaded"],
  ["a status in words of Google", error("Error fetching: [503 Service Unavailable] no"), "Overloaded"],
  ["a status that nobody has seen", error("no", { status: 599 }), "Overloaded"],
  ["a tool that is not there", error("'model' tool get_weather not found", { status: 400 }), "BadRequest"],
  ["a model that does not exist", error("The model `gpt-9` does not exist", { status: 404 }), "ModelNotFound"],
  ["a model of Google", error("models/gemini-9 is not found for API v1", { status: 404 }), "ModelNotFound"],
  ["what nobody has a name for", error("boom"), "Cut"],
  ["what is no error", "boom", "Cut"],
  ["nothing", undefined, "Cut"],
  ["a mistake of the program", new TypeError("x is not a function"), "Unknown"],
  ["an interrupt of a graph", error("no", { name: "GraphInterrupt" }), "Unknown"]
]

describe("what is thrown", () => {
  for (const [said, thrown, tag] of rows) {
    it(`${said} is ${tag}`, () => assert.strictEqual(reasonOf(thrown)._tag, tag))
  }

  it("says what a model does not know, and does not read it in its own name", () => {
    const attempt = new Attempt.Attempt(clock, { emit: () => undefined }, "gpu/llava-vision")
    const thrown = error('"llava-vision" does not support thinking', { status_code: 400 })
    const { reason } = errorOf(thrown, { question: Question.chat("llava-vision:7b", "Hello"), attempt, nowMillis: 0 })
    assert.deepInclude(reason, { _tag: "Unsupported", capability: "thinking" })
  })

  it("says when to come back, by a number, by its headers, or by what its client has dropped", () => {
    const waits = [
      reasonOf(error("no", { status: 429, retryAfterMs: 1_500 })),
      reasonOf(error("no", { status: 503, headers: new Headers({ "retry-after": "2" }) })),
      reasonOf(error("no", { status: 503, response: { headers: { "retry-after-ms": "2500" } } })),
      reasonOf(error("no", { status_code: 429 }), 0, { status: 429, headers: new Headers({ "retry-after": "3" }) })
    ].map((reason) => ("retryAfter" in reason ? Duration.toMillis(reason.retryAfter ?? 0) : undefined))
    assert.deepStrictEqual(waits, [1_500, 2_000, 2_500, 3_000])
  })

  it("goes over to another target where nobody has a name for it, but not where it is the program's own", async () => {
    const over = (thrown: unknown) => guarded({ targets: [throws(thrown)], overflow: [says("over")] }).invoke("q")
    assert.strictEqual((await over(error("boom"))).text, "over")
    assert.strictEqual((await over(fetchFailed("CERT_HAS_EXPIRED"))).text, "over")
    assert.match((await failureOf(over(new TypeError("x is not a function")))).message, /no name here/)
  })

  it("in the midst of an answer is a model that died, though it would pass by itself before", () => {
    assert.deepStrictEqual(reasonOf(error("no", { status: 503 }), 3), { _tag: "RunnerDied", target: "gpu/a", parts: 3 })
  })

  it("is its hidden cause", () => {
    const attempt = new Attempt.Attempt(clock, { emit: () => undefined }, "gpu/a")
    const told = errorOf(error("swordfish"), { question: Question.chat("a", "Hello"), attempt, nowMillis: 0 })
    assert.notInclude(`${String(told)} ${JSON.stringify(told)} ${JSON.stringify(told.cause)}`, "swordfish")
  })
})
