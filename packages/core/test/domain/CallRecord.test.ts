/** The line of a record: the same keys in the same order for every call, and nothing left out. */
import { assert, describe, it } from "@effect/vitest"
import { Record } from "@spillway/core"

const keys =
  "ts caller route model target attempts queue_ms ttft_ms latency_ms input_tokens output_tokens cost_usd status error"

const refused: Record.CallRecord = {
  ts: Date.UTC(2026, 10, 5, 7, 8, 9, 12),
  caller: "ada",
  route: undefined,
  model: "chat",
  target: undefined,
  attempts: [],
  queueMs: 0,
  ttftMs: undefined,
  latencyMs: 0.2,
  inputTokens: undefined,
  outputTokens: undefined,
  costUsd: undefined,
  status: 429,
  error: "rate_limited"
}

const answered: Record.CallRecord = {
  ...refused,
  route: "chat",
  target: "gpu1/m",
  attempts: [
    { target: undefined, outcome: "lost" },
    { target: "gpu1/m", outcome: "ok" }
  ],
  queueMs: 12.5,
  ttftMs: 300,
  latencyMs: 1_000,
  inputTokens: 20,
  outputTokens: 30,
  costUsd: 0.000_021,
  status: 200,
  error: undefined
}

describe("the line of a record", () => {
  it("has exactly the keys that the product names, in that order, for every call", () => {
    for (const record of [refused, answered]) {
      assert.strictEqual(Object.keys(JSON.parse(Record.toLine(record))).join(" "), keys)
    }
  })

  it("says the time by the calendar, and null for what is not known", () => {
    assert.strictEqual(
      Record.toLine(refused),
      '{"ts":"2026-11-05T07:08:09.012Z","caller":"ada","route":null,"model":"chat","target":null,"attempts":[],' +
        '"queue_ms":0,"ttft_ms":null,"latency_ms":0.2,"input_tokens":null,"output_tokens":null,"cost_usd":null,' +
        '"status":429,"error":"rate_limited"}'
    )
    assert.strictEqual(
      Record.toLine(answered),
      '{"ts":"2026-11-05T07:08:09.012Z","caller":"ada","route":"chat","model":"chat","target":"gpu1/m",' +
        '"attempts":[{"target":null,"outcome":"lost"},{"target":"gpu1/m","outcome":"ok"}],"queue_ms":12.5,' +
        '"ttft_ms":300,"latency_ms":1000,"input_tokens":20,"output_tokens":30,"cost_usd":0.000021,"status":200,' +
        '"error":null}'
    )
  })

  it("says of whoever finished another's answer how he did, and of nobody else", () => {
    const attempts = [
      { target: "gpu1/m", outcome: "cut" },
      { target: "gpu2/m", outcome: "ok", rescue: "continue" as const }
    ]
    assert.deepStrictEqual(JSON.parse(Record.toLine({ ...answered, attempts })).attempts, attempts)
  })

  it("is one line, whatever a caller is called", () => {
    const line = Record.toLine({ ...answered, caller: 'a\n"b"\u2028' })
    assert.notInclude(line, "\n")
    assert.strictEqual(JSON.parse(line).caller, 'a\n"b"\u2028')
  })
})
