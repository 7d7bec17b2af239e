/**
 * Rescue over sockets: answers that break at any part, and others that go on, say the same, something else, or the same
 * up to a place. What a simulated model says depends on its seed and on the question alone, so that whoever is rescued
 * can be held to the words that he must have heard.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  Answer,
  Call,
  type Part,
  Plan,
  Question,
  Record,
  Rescue,
  type SpillwayError,
  type Upstream
} from "@spillway/core"
import { Effect, Exit } from "effect"
import { Anthropic, Ollama, OpenAi } from "@spillway/upstream"
import { HostedServer, Server } from "@spillway/sim"
import * as Random from "../../core/test/laws/random.ts"
import { ask, quick } from "./serving.ts"

const tokens = 12

/** What breaks an answer in its midst; `at` is put behind it. */
const breaks = {
  ollama: ["cut", "cut-reset", "garble", "die", "end", "unreadable"],
  hosted: ["cut", "reset", "no-marker", "truncated-json", "error-mid-stream"]
} as const

/** A kind of server, how one with a seed is started, and whether its model goes on with what was heard. */
const kinds = [
  {
    title: "an Ollama, which goes on",
    model: "a",
    goesOn: true,
    faults: breaks.ollama,
    // Its runner takes a while to come back.
    runs: 100,
    start: (seed: number) =>
      Effect.gen(function* () {
        const server = yield* Server.start({ models: [quick("a")], seed })
        return { server, upstream: yield* Ollama.make(`gpu${seed}`, { url: server.url }) }
      })
  },
  {
    title: "an old Ollama, which shows no prompt",
    model: "a",
    goesOn: false,
    faults: breaks.ollama,
    // Its runner takes a while to come back.
    runs: 100,
    start: (seed: number) =>
      Effect.gen(function* () {
        const server = yield* Server.start({ models: [quick("a")], seed, version: "0.11.4" })
        return { server, upstream: yield* Ollama.make(`gpu${seed}`, { url: server.url }) }
      })
  },
  ...(
    [
      ["a Claude before 4.6, which goes on", "anthropic", "claude-haiku-4-5", Anthropic.make],
      ["a later Claude", "anthropic", "claude-opus-4-6", Anthropic.make],
      ["an OpenAI", "openai", "gpt-4o-mini", OpenAi.make]
    ] as const
  ).map(([title, face, model, make]) => ({
    title,
    model,
    goesOn: model === "claude-haiku-4-5",
    faults: breaks.hosted,
    runs: 600,
    start: (seed: number) =>
      Effect.gen(function* () {
        const server = yield* HostedServer.start({ face, seed, firstToken: "0ms", decode: 1e6, models: [model] })
        return { server, upstream: yield* make(`host${seed}`, { url: server.url, key: "sesame" }) }
      })
  }))
]

/** Says the same as another up to there, and then what its own model makes of that. */
const sameUpTo =
  ({ call }: Upstream, beginning: string): Call.Call<SpillwayError> =>
  (question, attempt) => {
    attempt.begun = undefined
    attempt.goOn(beginning)
    return call(Question.begunWith(question, beginning)!, attempt)
  }

type Name = "same" | "other" | "later" | "broken"

for (const { faults, goesOn, model, runs, start, title } of kinds) {
  describe(`an answer that breaks on its way from ${title}`, () => {
    it.live(
      "is one answer to its end, or its beginning and why it broke",
      () =>
        Effect.gen(function* () {
          const breaking = yield* start(1)
          const same = yield* start(1)
          const other = yield* start(2)
          const question = Question.chat(model, `How high? [[sim tokens=${tokens}]]`)
          const whole = (yield* ask(same.upstream, question)).text
          const words = whole.match(/\s*\S+/g) ?? []
          assert.lengthOf(words, tokens)
          /** What the other one makes of an answer that has begun so, or of none. */
          const otherwise = memo((begun) => {
            // A Claude reads no space at the end of what it goes on from.
            const asked = begun === "" ? question : Question.begunWith(question, begun.trimEnd())!
            return Effect.map(ask(other.upstream, asked), ({ text }) => begun + text)
          })
          const seen = new Map<string, number>()
          for (let seed = 1; seed <= runs; seed++) {
            const random = Random.make(seed)
            const mode = random.below(3) === 0 ? "whole" : "resume"
            const fault = `${faults[random.below(faults.length)]!} at=${random.below(tokens + 1)}`
            const beginning = words.slice(0, 1 + random.below(tokens - 1)).join("")
            const names = Array.from(
              { length: 1 + random.below(3) },
              (): Name => (["same", "other", "later", "broken"] as const)[random.below(4)]!
            )
            breaking.server.faults.remove()
            yield* breaking.server.faults.add(fault)
            const calls = {
              same: same.upstream.call,
              other: other.upstream.call,
              later: sameUpTo(other.upstream, beginning),
              broken: breaking.upstream.call
            }
            const plan = yield* Rescue.make({ mode })
            const { begun, exit, record, text } = yield* play(plan, question, ["broken", ...names], calls)
            const about = `seed ${seed}, ${mode}, ${fault}, then ${names.join(", ")}: ${text}`
            assert.strictEqual(record.status === 200, Exit.isSuccess(exit), about)
            if (Exit.isSuccess(exit)) {
              const speaker = record.target!.replace(/\d\/.*$/, "")
              const expected = speaker === "other" ? begun : speaker === "later" ? beginning : undefined
              assert.strictEqual(text, expected === undefined ? whole : yield* otherwise(expected), about)
            } else {
              assert.isTrue(whole.startsWith(text), about)
              // Nobody who was asked could have finished it.
              const couldHave = names.filter(
                (name) => name === "same" || (name === "other" && (text === "" || (goesOn && mode === "resume")))
              )
              assert.lengthOf(couldHave, 0, about)
            }
            for (const { outcome, rescue, target } of record.attempts) {
              if (outcome !== "ok" || target!.startsWith("later")) continue
              assert.strictEqual(rescue, begun === "" ? undefined : goesOn ? "continue" : "repeat", about)
            }
            const kind = `${mode} ${record.error ?? "ok"}${begun === "" ? "" : ", heard"}`
            seen.set(kind, (seen.get(kind) ?? 0) + 1)
          }
          for (const kind of ["resume ok, heard", "whole ok"]) {
            assert.isAbove(seen.get(kind) ?? 0, runs / 20, JSON.stringify([...seen]))
          }
          for (const { server } of [breaking, same, other]) assert.deepStrictEqual(server.traffic.open, [])
        }),
      60_000
    )
  })
}

/** Runs it once, and tells what was heard, also when the last go began. */
const play = (
  plan: Plan.Plan,
  question: Question.Question,
  names: ReadonlyArray<Name>,
  calls: { readonly [name in Name]: Call.Call<SpillwayError> }
) =>
  Effect.gen(function* () {
    const parts: Array<Part.Part> = []
    const heard = () => parts.map((part) => (part._tag === "Text" ? part.text : "")).join("")
    let begun = ""
    const [first, ...rest] = names.map((name, at) =>
      Effect.suspend(() => {
        begun = heard()
        return Call.asEffect(calls[name], `${name}${at}/${question.model}`)
      }).pipe(Plan.to(`${name}${at}/${question.model}`))
    )
    const records: Array<Record.CallRecord> = []
    const exit = yield* Effect.scoped(
      Effect.gen(function* () {
        const record = yield* Record.make({ sink: (each) => void records.push(each) })
        const sink = { emit: (part: Part.Part) => void parts.push(part) }
        return yield* Effect.exit(Answer.toSink(record(plan([first!, ...rest])), question, sink))
      })
    )
    assert.lengthOf(records, 1)
    return { begun, exit, record: records[0]!, text: heard() }
  })

const memo = (of: (key: string) => Effect.Effect<string>): ((key: string) => Effect.Effect<string>) => {
  const known = new Map<string, string>()
  return (key) =>
    Effect.suspend(() => {
      const value = known.get(key)
      return value === undefined
        ? Effect.tap(of(key), (found) => Effect.sync(() => known.set(key, found)))
        : Effect.succeed(value)
    })
}
