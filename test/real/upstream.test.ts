/**
 * Holds the wires to a real Ollama, which speaks all three: what it can be made to do wrong, and what they make of it.
 *
 * Skipped where there is no real one, with a sentence that says why.
 */
import {
  Answer,
  Call,
  type Options,
  Part,
  Question,
  Record,
  refusal,
  Rescue,
  type SpillwayError,
  type Summary,
  type Upstream
} from "@spillway/core"
import { Anthropic, Ollama, OpenAi } from "@spillway/upstream"
import { Duration, Effect, Exit, Option, type Scope } from "effect"
import { describe, expect, it } from "vitest"
import type { Environment } from "./environment.ts"
import { program, start } from "./ollama.ts"

/** What became of a question. */
interface Told {
  readonly parts: ReadonlyArray<Part.Part>
  readonly end: string
  readonly error: SpillwayError | undefined
  readonly summary: Summary.Summary | undefined
}

const ask = ({ call }: Upstream, question: Question.Question): Effect.Effect<Told> =>
  Effect.gen(function* () {
    const parts: Array<Part.Part> = []
    const sink = { emit: (part: Part.Part) => void parts.push(part) }
    const exit = yield* Effect.exit(Answer.toSink(Call.asEffect<SpillwayError, never>(call), question, sink))
    const error = Exit.isFailure(exit) ? Option.getOrUndefined(Exit.findErrorOption(exit)) : undefined
    const summary = Exit.isSuccess(exit) ? exit.value : undefined
    return { parts, error, summary, end: summary === undefined ? (error?.reason._tag ?? "defect") : "answered" }
  })

const found = process.env.SPILLWAY_REAL === undefined ? { why: "`pnpm real` builds one and asks it" } : await program()
const isMissing = "why" in found

type Make = (
  name: string,
  options: { readonly url: string }
) => Effect.Effect<Upstream, Options.OptionsRefused, Scope.Scope>

/** Runs against a real one of its own. */
const real = async <A>(
  run: (upstream: Upstream) => Effect.Effect<A, SpillwayError>,
  environment: Environment = {},
  make: Make = Ollama.make
): Promise<A> => {
  const { stop, url } = await start(environment)
  try {
    return await Effect.runPromise(
      Effect.scoped(Effect.flatMap(Effect.orDie(make("real", { url })), (upstream) => run(upstream)))
    )
  } finally {
    await stop()
  }
}

const chat = (text: string, model = "mini-a", settings: Question.Settings = {}) => Question.chat(model, text, settings)

const long = Array.from({ length: 9_000 }, (_, each) => `w${each}`).join(" ")

describe.skipIf(isMissing)("the wire to a real Ollama", () => {
  const rows: ReadonlyArray<readonly [title: string, Question.Question, end: string, parts: number]> = [
    ["an answer", chat("hello [[sim tokens=9]]"), "answered", 9],
    ["an answer by a model with a template of its own", chat("hello [[sim tokens=9]]", "mini-j"), "answered", 9],
    ["a bound", chat("hello [[sim tokens=9]]", "mini-a", { maxTokens: 3 }), "answered", 3],
    ["a generated text", Question.make("mini-a", { kind: "generate", prompt: "a [[sim tokens=4]]" }), "answered", 4],
    ["vectors", Question.make("mini-e", { kind: "embed", inputs: ["x", "y"] }), "answered", 2],
    ["a model that is not there", chat("hello", "nobody"), "ModelNotFound", 0],
    ["words of a model for vectors", chat("hello", "mini-e"), "Unsupported", 0],
    ["thoughts of a model that does not think", chat("hello", "mini-a", { think: true }), "Unsupported", 0],
    ["a runner that dies at once", chat("hello [[sim tokens=9 die_after=0]]"), "RunnerDied", 0],
    ["a runner that dies", chat("hello [[sim tokens=9 die_after=2]]"), "RunnerDied", 2],
    ["an early end", chat("hello [[sim tokens=9 end_after=2]]"), "Cut", 2],
    ["an end before the first token", chat("hello [[sim tokens=9 end_after=0]]"), "Cut", 0],
    ["nonsense", chat("hello [[sim tokens=9 garbage_after=2]]"), "Malformed", 2],
    ["one thing over and over", chat("hello [[sim tokens=40 text=w repeat=1 token_ms=0]]"), "Cut", 31],
    ["a prompt that is too long", chat(long), "ContextTooLong", 0],
    ["the same with a template", chat(long, "mini-j"), "ContextTooLong", 0],
    [
      "a format that is none",
      Question.make("mini-a", { kind: "chat", messages: [{ role: "user", text: "hi" }], format: "yaml" }),
      "BadRequest",
      0
    ]
  ]
  for (const [title, question, end, parts] of rows) {
    it(`makes of ${title}: ${end}`, async () => {
      const told = await real((upstream) => ask(upstream, question))
      expect([told.end, told.parts.length, told.error?.message]).toEqual([end, parts, told.error?.message])
    })
  }

  it("makes of a load that fails, and of one without the memory for it, what they are", async () => {
    const failed = await real((upstream) => ask(upstream, chat("hello")), {
      loads: { "mini-a": { exit: 1, log: "something broke" } }
    })
    expect(failed.end).toBe("LoadFailed")
    const log = "cudaMalloc failed: out of memory"
    const without = await real((upstream) => ask(upstream, chat("hello")), { loads: { "mini-a": { exit: 1, log } } })
    expect(without.end).toBe("OutOfMemory")
  })

  it("makes of a full queue: Overloaded", async () => {
    const ends = await real(
      (upstream) =>
        Effect.forEach([...Array(12).keys()], (each) => ask(upstream, chat(`${each} [[sim tokens=1]]`)), {
          concurrency: "unbounded"
        }),
      { queueMax: 2, loads: { "mini-a": { millis: 1_500 } } }
    )
    expect(new Set(ends.map(({ end }) => end))).toEqual(new Set(["answered", "Overloaded"]))
  })

  it("leaves so that its slot is free for the next at once", async () => {
    const next = await real((upstream) =>
      Effect.gen(function* () {
        yield* ask(upstream, chat("warm [[sim tokens=1]]"))
        yield* Effect.timeoutOption(ask(upstream, chat("hello [[sim tokens=1000 token_ms=20]]")), 300)
        const begun = performance.now()
        const told = yield* ask(upstream, chat("next [[sim tokens=1]]"))
        return { ...told, millis: performance.now() - begun }
      })
    )
    expect(next.end).toBe("answered")
    expect(next.millis).toBeLessThan(2_500)
  })

  for (const model of ["mini-a", "mini-j"]) {
    it(`has ${model} go on with an answer that broke off elsewhere`, async () => {
      const records: Array<Record.CallRecord> = []
      const { text } = await real(({ call }) =>
        Effect.scoped(
          Effect.gen(function* () {
            const breaking: Call.Call<SpillwayError> = (_, attempt) => {
              void attempt.emit(Part.text("It is"))
              return Effect.fail(refusal({ _tag: "Cut", target: "gpu0/m", parts: 1 }))
            }
            const rescue = yield* Effect.orDie(Rescue.make())
            const record = yield* Effect.orDie(Record.make({ sink: (each) => void records.push(each) }))
            const goes = [Call.asEffect(breaking), Call.asEffect<SpillwayError, never>(call)] as const
            return yield* Answer.collect(record(rescue(goes)), chat("How high? [[sim tokens=3 text=w]]", model))
          })
        )
      )
      // The scripted model begins to count again wherever it goes on.
      expect(text).toBe("It is w0 w1 w2")
      expect(records[0]?.attempts.map(({ rescue }) => rescue)).toEqual([undefined, "continue"])
    })
  }

  for (const model of ["mini-a", "mini-e", "mini-j"]) {
    it(`loads ${model} for a context before anybody asks it, and not anew for whoever asks of the same`, async () => {
      const kept: Question.Kept = { context: 2_048, loadedFor: Duration.minutes(30) }
      const question =
        model === "mini-e" ? Question.make(model, { kind: "embed", inputs: ["x"] }) : chat("hi [[sim tokens=1]]", model)
      const { end, millis, seen } = await real(
        (upstream) =>
          Effect.gen(function* () {
            yield* upstream.load!(model, kept)
            const { models } = yield* upstream.inspect
            const begun = performance.now()
            const told = yield* ask(upstream, { ...question, kept })
            return { seen: models.filter(({ loaded }) => loaded), end: told.end, millis: performance.now() - begun }
          }),
        { loads: { [model]: { millis: 1_500 } } }
      )
      expect(seen.map(({ context, name }) => [name, context])).toEqual([[`${model}:latest`, 2_048]])
      expect(end).toBe("answered")
      expect(millis).toBeLessThan(1_400)
    })
  }

  it("says of a model that is not there, and of a load that fails, what they are", async () => {
    const failing = { exit: 1, log: "something broke" }
    const told = await real(
      (upstream) =>
        Effect.forEach(["nobody", "mini-a", "mini-e"], (model) =>
          Effect.match(upstream.load!(model), {
            onFailure: ({ reason }) => reason._tag,
            onSuccess: () => "loaded"
          })
        ),
      { loads: { "mini-a": failing, "mini-e": failing } }
    )
    expect(told).toEqual(["ModelNotFound", "LoadFailed", "LoadFailed"])
  })

  it("sees its version, its models and what is loaded", async () => {
    const seen = await real((upstream) =>
      Effect.andThen(ask(upstream, chat("hello [[sim tokens=1]]")), upstream.inspect)
    )
    expect(seen.version).toMatch(/^\d+\.\d+\.\d+/)
    expect(seen.models.map(({ name }) => name)).toContain("mini-b:latest")
    expect(seen.models.find(({ name }) => name === "mini-a:latest")).toMatchObject({ loaded: true })
    expect(seen.models.find(({ name }) => name === "mini-b:latest")).toMatchObject({ loaded: false })
  })
})

describe.skipIf(isMissing).each([
  ["OpenAI", OpenAi.make],
  ["Anthropic", Anthropic.make]
] as const)("the wire to a real Ollama that speaks as %s", (_, make) => {
  const rows: ReadonlyArray<readonly [title: string, Question.Question, end: string, parts: number]> = [
    ["an answer", chat("hello [[sim tokens=9]]"), "answered", 9],
    ["a bound", chat("hello [[sim tokens=9]]", "mini-a", { maxTokens: 3 }), "answered", 3],
    ["a model that is not there", chat("hello", "nobody"), "ModelNotFound", 0],
    ["words of a model for vectors", chat("hello", "mini-e"), "Unsupported", 0],
    // Whatever breaks in its midst, here it says nothing of it.
    ["a runner that dies", chat("hello [[sim tokens=9 die_after=2]]"), "Cut", 2],
    ["an early end", chat("hello [[sim tokens=9 end_after=2]]"), "Cut", 2],
    ["nonsense", chat("hello [[sim tokens=9 garbage_after=2]]"), "Cut", 2]
  ]
  for (const [title, question, end, parts] of rows) {
    it(`makes of ${title}: ${end}`, async () => {
      const told = await real((upstream) => ask(upstream, question), {}, make)
      expect([told.end, told.parts.length, told.error?.message]).toEqual([end, parts, told.error?.message])
      expect(told.summary?.usage?.output).toBe(end === "answered" ? parts : undefined)
    })
  }

  it("sees its models", async () => {
    const { models } = await real((upstream) => upstream.inspect, {}, make)
    expect(models.map((model) => model.name)).toContain("mini-a:latest")
  })
})
