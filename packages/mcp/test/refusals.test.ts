/**
 * How refusals reach an agent: as errors that its client does not hide, in words that say what to do.
 *
 * The golden file has one of every kind, as the agent reads it: whoever changes a sentence sees what that does to him.
 */
import { Failure, refusal } from "@spillway/core"
import { Cause, Duration } from "effect"
import { describe, expect, it } from "vitest"
import * as reasons from "../../core/test/fixtures/reasons.ts"
import { errorOf, NothingYet, type Refusal, refused } from "../src/Refused.ts"
import { call, connected, gpu, model, scene, textOf } from "./fixtures/scene.ts"

const embeds = { kind: "embed" as const }

const secret = "the dam of which nobody may hear"

/** What a program reads of a result. */
const metaOf = (result: Awaited<ReturnType<typeof call>>) => result._meta?.["dev.spillway/error"]

/** Every kind, each phase that a clock can run out in, and what a server said that nobody could name. */
const every: ReadonlyArray<Refusal> = [
  ...reasons.bare.concat(reasons.full).map((reason) => refusal(reason)),
  ...(["queue", "connect", "load", "firstToken", "idle", "reader", "total"] as const).map((phase) =>
    refusal({ _tag: "TimedOut", phase, after: Duration.seconds(30), parts: 0 })
  ),
  refusal({ _tag: "BadRequest", field: "format", read: "refused by its server" }),
  refusal({
    _tag: "BadRequest",
    field: "maxTokens",
    read: "up to 4101 tok",
    expected: "at most what 200 tok/day holds"
  }),
  refusal({ _tag: "BudgetSpent", budget: "$1/day", needs: "$5" }),
  ...(["queue", "connect", "load", "firstToken", "answer"] as const).map(
    (stage) => new NothingYet({ stage, target: "gpu1/a", startsIn: undefined, waited: Duration.seconds(50) })
  )
]

describe("every refusal", () => {
  it("says that one may come back where that helps, and nowhere else, and nothing that an agent cannot do", () => {
    for (const error of every) {
      const { _meta, content } = refused(error)
      const { code, retryable } = _meta["dev.spillway/error"]
      const saysSo = /come back|ask again/.test(content[0]!.text)
      const mayTell = code === "budget_spent" || code === "quota_spent"
      expect([content[0]!.text, saysSo && !mayTell]).toStrictEqual([content[0]!.text, retryable])
      expect(content[0]!.text).not.toMatch(
        /Redacted|error\.cause|\blog\b|prices|another target|pull|maxTokens|send the key/
      )
    }
  })

  it("reads as it did, of every kind", async () => {
    const told = every.map((error) => refused(error).content[0]!.text)
    expect(new Set(reasons.bare.map(({ _tag }) => _tag))).toStrictEqual(new Set(Object.keys(Failure.table)))
    await expect(`${[...new Set(told)].join("\n")}\n`).toMatchFileSnapshot("golden/refusals.txt")
  })

  it("says the same facts in its words and beside them, and nothing as data", () => {
    for (const reason of reasons.full) {
      const result = refused(refusal(reason))
      const [, compact = ""] = /^.*[.!] (\{.*\})$/.exec(result.content[0]!.text) ?? []
      expect(JSON.parse(compact)).toStrictEqual(result._meta["dev.spillway/error"])
      expect(Object.keys(result)).toStrictEqual(["isError", "content", "_meta"])
    }
  })

  it("is unknown where something broke by itself, whose words may quote what was asked", () => {
    const { content } = refused(errorOf(Cause.die(new Error(secret))))
    expect(content[0]!.text).toContain('"code":"unknown"')
    expect(content[0]!.text).not.toContain(secret)
  })
})

describe("an agent whose client has read the schemas", () => {
  it("hears that he asks too often, and when to come back", async () => {
    const { url } = await scene({ router: () => ({ anonymous: { rate: "1/min" } }) })
    const client = await connected(url)
    await call(client, "generate", { prompt: "Why?", model: "a" })
    const result = await call(client, "generate", { prompt: secret, model: "a" })
    expect(result.isError).toBe(true)
    expect(textOf(result)).toMatch(
      /^"default" has reached its limit of 1\/min: come back in .* \{"code":"rate_limited",/
    )
    const { code, retry_after_ms, retryable } = metaOf(result) as Record<string, unknown>
    expect([code, retryable]).toStrictEqual(["rate_limited", true])
    expect(Number(retry_after_ms)).toBeGreaterThan(50_000)
    expect(Number(retry_after_ms)).toBeLessThanOrEqual(60_000)
    expect(JSON.stringify(result)).not.toContain(secret)
  })

  it("hears that the line is full, while others wait in it", async () => {
    const { server, url } = await scene({
      sim: { models: [model("a", { decode: 20 })] },
      router: (at) => ({ upstreams: { gpu: gpu(at) }, defaults: { queue: { max: 1 } } })
    })
    const client = await connected(url)
    const running = call(client, "generate", { prompt: "Why? [[sim tokens=20]]", model: "a" })
    await expect.poll(() => server.traffic.open.length).toBeGreaterThan(0)
    const waiting = call(client, "generate", { prompt: "Why? [[sim tokens=1]]", model: "a" })
    await expect
      .poll(async () => (await call(client, "health")).structuredContent)
      .toMatchObject({ routes: [{ waiting: 1 }] })
    const result = await call(client, "generate", { prompt: secret, model: "a" })
    expect(metaOf(result)).toMatchObject({ code: "queue_full", retryable: true })
    expect((await running).isError ?? (await waiting).isError).toBeUndefined()
  })

  it("hears that the budget is spent, and when its window turns", async () => {
    const { url } = await scene({ router: () => ({ budgets: { each: "200 tok/day" } }) })
    const client = await connected(url)
    await call(client, "generate", { prompt: "Why? [[sim tokens=150]]", model: "a", max_tokens: 150 })
    const spent = await call(client, "generate", { prompt: secret, model: "a", max_tokens: 60 })
    expect(metaOf(spent)).toMatchObject({ code: "budget_spent", retryable: false })
    expect((metaOf(spent) as { readonly retry_after_ms: number }).retry_after_ms).toBeGreaterThan(0)
  })

  it("hears that there is no such model, that he may not ask it, and that a server is overloaded", async () => {
    const { url } = await scene({
      sim: { faults: ["overloaded model=b*"] },
      router: () => ({
        routes: { chat: { targets: ["gpu/a"] }, busy: { targets: ["gpu/b"] } },
        anonymous: { routes: ["chat", "busy", "nothing"] },
        defaults: { retry: { attempts: 1 } }
      })
    })
    const client = await connected(url)
    const codes = []
    for (const name of ["nothing", "a", "busy"]) {
      codes.push(metaOf(await call(client, "generate", { prompt: secret, model: name })))
    }
    expect(codes).toMatchObject([{ code: "model_not_found" }, { code: "forbidden" }, { code: "overloaded" }])
  })

  it("hears that nothing can be reached, of a server that is gone", async () => {
    const { url } = await scene({
      router: () => ({ upstreams: { gpu: gpu("http://127.0.0.1:1") }, defaults: { retry: { attempts: 1 } } })
    })
    const result = await call(await connected(url), "generate", { prompt: secret, model: "a" })
    expect(metaOf(result)).toMatchObject({ code: "unreachable", retryable: true })
    expect(textOf(result)).not.toContain("127.0.0.1")
  })

  it("hears that a model makes no words, or no vectors, whatever it is called", async () => {
    const client = await connected((await scene({ sim: { models: [model("a"), model("v-embed", embeds)] } })).url)
    // The router knows better once it has looked.
    for (let count = 0; count < 2; count++) {
      const asked = await call(client, "generate", { prompt: "Why?", model: "v-embed" })
      expect(textOf(asked)).toMatch(
        /^model was one for vectors: it has to be one that answers in words: see list_models\./
      )
    }
  })

  it("hears of arguments that fit no schema, but not what they were", async () => {
    const client = await connected((await scene()).url)
    const wrong: ReadonlyArray<readonly [Record<string, unknown>, RegExp]> = [
      [{}, /^prompt was missing, and so was messages: it has to be one of the two\./],
      [{ prompt: secret, messages: [{ role: "user", content: secret }] }, /^prompt was given, and so was messages:/],
      [{ prompt: 3 }, /^prompt was of type number: it has to be string\./],
      [{ promt: secret }, /^promt was given: it has to be prompt, or left out, since there is no such argument\./],
      [{ ["x".repeat(99)]: secret }, /^x{64} was given: it has to be left out, since there is no such argument\./],
      [{ prompt: "x", max_tokens: 0 }, /^max_tokens was 0: it has to be at least 1\./],
      [{ prompt: "x", temperature: "hot" }, /^temperature was of type string: it has to be number\./],
      [{ prompt: "x", format: "yaml" }, /^format was another word: it has to be "text" or a JSON Schema\./],
      [{ messages: [] }, /^messages was of type array: it has to be of a length of at least 1\./],
      [
        { messages: [{ role: "tool", content: secret }] },
        /^messages\.0\.role was another word: it has to be one of user, assistant\./
      ],
      [{ messages: [{ role: "user" }] }, /^messages\.0\.content was missing: it has to be given\./],
      [{ messages: [{ role: "user", content: secret, text: secret }] }, /^messages\.0\.text was given: .* left out/]
    ]
    for (const [given, told] of wrong) {
      const result = await call(client, "generate", { ...given })
      expect(textOf(result)).toMatch(told)
      expect(metaOf(result)).toStrictEqual({ code: "bad_request", retryable: false })
      expect(JSON.stringify(result)).not.toContain(secret)
    }
  })
})
