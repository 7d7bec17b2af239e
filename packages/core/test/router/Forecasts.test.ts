/** The forecast of a router: what it learned is what it chooses by, tells, refuses by and sets its clocks to. */
import { assert, describe, it } from "@effect/vitest"
import { Call, Part, Policy, Question, type Router, Spillway, type SpillwayError, Summary } from "@spillway/core"
import { Context, Duration, Effect, Exit, Fiber, Layer } from "effect"
import { pass } from "../fixtures/routing.ts"

/**
 * A server that reads and writes so many tokens a second, and measures itself; it writes as many as it is asked, and
 * may keep what it has read and written last.
 */
const server = (reads: number, writes: number, name: string) => {
  const state = { asked: 0, hangs: false, keeps: false, kept: 0 }
  const call: Call.Call<SpillwayError> = (question, attempt) =>
    Effect.gen(function* () {
      state.asked++
      const output = question.settings.seed ?? 10
      const prompt = question.prompt.likely
      if (state.hangs) return yield* Effect.never
      const cached = Math.min(state.kept, prompt)
      const fresh = prompt - cached
      yield* Effect.sleep((fresh / reads) * 1_000)
      for (let token = 0; token < output; token++) {
        void attempt.emit(Part.text("dam "))
        yield* Effect.sleep(1_000 / writes)
      }
      if (state.keeps) state.kept = prompt + output
      return Summary.make({
        model: name,
        usage: { input: prompt, output, ...(state.keeps && { cached }) },
        timings: { total: 0, load: 0, prompt: (fresh / reads) * 1e9, output: (output / writes) * 1e9 }
      })
    })
  return { state, upstream: { call } }
}

const words = (count: number) => "dam ".repeat(count)

/** A question of so many words, whose answer has so many tokens. */
const asks = (prompt: number, output: number) => Question.chat("chat", words(prompt), { seed: output })

const scene = (options: Partial<Router.Options> = {}) =>
  Effect.gen(function* () {
    // One reads quickly and writes slowly, the other the reverse.
    const [reader, writer] = [server(1_000, 5, "reader"), server(50, 100, "writer")]
    const layer = Spillway.layer({
      upstreams: {
        reader: { upstream: reader.upstream, slots: 1 },
        writer: { upstream: writer.upstream, slots: 1 }
      },
      routes: { chat: { targets: ["reader/m", "writer/m"], deadline: "10m" } },
      ...options
    })
    const spillway = Context.get(yield* Layer.build(layer), Spillway)
    const ask = (caller: string, question: Question.Question, about: Policy.About = {}) =>
      Effect.forkChild(Effect.exit(spillway.ask(question)).pipe(Policy.about({ caller, ...about })), {
        startImmediately: true
      })
    const answered = (caller: string, question: Question.Question, seconds = 60) =>
      Effect.gen(function* () {
        const fiber = yield* ask(caller, question)
        yield* pass(seconds)
        return yield* Fiber.join(fiber)
      })
    return { answered, ask, reader: reader.state, writer: writer.state, spillway }
  })

const by = (exit: Exit.Exit<{ readonly summary: Summary.Summary }, SpillwayError>): string | undefined =>
  Exit.isSuccess(exit) ? exit.value.summary.model : undefined

const seconds = (span: Duration.Duration): number => Duration.toMillis(span) / 1_000

describe("a question", () => {
  it.effect("goes to where it will be done first, by how long it is and how long its caller's answers are", () =>
    Effect.gen(function* () {
      const { answered } = yield* scene()
      // Each has shown what it can; long is read by the one, and long answers are written by the other.
      for (let round = 0; round < 3; round++) {
        yield* answered("reads", asks(500, 2))
        yield* answered("writes", asks(2, 100))
      }
      assert.strictEqual(by(yield* answered("reads", asks(500, 2))), "reader")
      assert.strictEqual(by(yield* answered("writes", asks(2, 100))), "writer")
      assert.strictEqual(by(yield* answered("writes", asks(20, 100))), "writer")
    })
  )

  it.effect("is told when it would begin, speak and be over, as it then does", () =>
    Effect.gen(function* () {
      const { answered, ask, spillway } = yield* scene({ routes: { chat: { targets: ["reader/m"], deadline: "10m" } } })
      const question = asks(2_000, 10)
      const told = () =>
        Effect.map(spillway.explain(question).pipe(Policy.about({ caller: "ann" })), (route) => route.tiers[0]!)
      assert.isUndefined((yield* told()).targets[0]!.expects)
      for (let round = 0; round < 8; round++) yield* answered("ann", question, 10)
      const idle = (yield* told()).targets[0]!.expects!
      assert.deepStrictEqual(seconds(idle.startsIn.high), 0)
      // A thousand tokens are read in a second, and ten are written in two.
      const reading = question.prompt.likely / 1_000
      assert.approximately(seconds(idle.firstTokenIn.likely), reading, 0.05)
      const whole = reading + 2
      assert.approximately(seconds(idle.endsIn.likely), whole, 0.1)
      assert.isTrue(seconds(idle.endsIn.low) < whole && seconds(idle.endsIn.high) > whole)
      assert.isBelow(seconds(idle.endsIn.high), 2 * whole)
      const busy = yield* ask("ann", question)
      yield* pass(1)
      const behind = (yield* told()).targets[0]!.expects!
      assert.approximately(seconds(behind.startsIn.likely), whole - 1, 0.1)
      assert.approximately(seconds(behind.endsIn.likely), 2 * whole - 1, 0.2)
      yield* Fiber.interrupt(busy)
      // Who only names a route asks nothing that could take any time.
      assert.isUndefined((yield* spillway.explain("chat")).tiers[0]!.targets[0]!.expects)
    })
  )

  it.effect("that goes on with a conversation is expected to be read from where its last answer ended", () =>
    Effect.gen(function* () {
      const { answered, spillway, writer } = yield* scene({
        routes: { chat: { targets: ["writer/m"], deadline: "10m" } }
      })
      writer.keeps = true
      const first = asks(200, 400)
      yield* answered("ann", first, 20)
      const user = { role: "user", text: words(200) } as const
      const turns = [user, { role: "assistant", text: words(400) }, { role: "user", text: words(500) }] as const
      const next = Question.chat("chat", turns)
      const told = yield* spillway.explain(next).pipe(Policy.about({ caller: "ann" }))
      const fresh = next.prompt.likely - first.prompt.likely - 400
      assert.isAbove(fresh, 50)
      assert.approximately(seconds(told.tiers[0]!.targets[0]!.expects!.firstTokenIn.likely), fresh / 50, 0.1)
    })
  )

  it.effect("that is short has its turn in time where a long one is told at once that it would not be done", () =>
    Effect.gen(function* () {
      const { answered, ask } = yield* scene({ routes: { chat: { targets: ["reader/m"], deadline: "10m" } } })
      for (let round = 0; round < 4; round++) {
        yield* answered("long", asks(100, 50), 20)
        yield* answered("short", asks(100, 5), 20)
      }
      const busy = yield* ask("long", asks(100, 50))
      const long = yield* ask("long", asks(100, 50), { deadline: "14s" })
      const short = yield* ask("short", asks(100, 5), { deadline: "14s" })
      yield* pass(0.2)
      assert.isDefined(long.pollUnsafe())
      yield* pass(15)
      assert.strictEqual(by(yield* Fiber.join(short)), "reader")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(long)))
      assert.strictEqual(by(yield* Fiber.join(busy)), "reader")
    })
  )

  it.effect("is given up soon by a target that is otherwise quick, and not by one that always takes long", () =>
    Effect.gen(function* () {
      const { answered, ask, reader, writer } = yield* scene({
        routes: { chat: { targets: ["reader/m", "writer/m"], deadline: "10m", retry: { attempts: 1 } } }
      })
      for (let round = 0; round < 6; round++) {
        yield* answered("reads", asks(500, 2))
        yield* answered("writes", asks(20, 100))
      }
      reader.hangs = true
      const asked = yield* ask("reads", asks(500, 2))
      // Four tenths of a second are usual, and less than ten seconds are no hang yet: others may ask there as well.
      yield* pass(9.9)
      const before = writer.asked
      yield* pass(0.2)
      assert.strictEqual(writer.asked, before + 1)
      yield* pass(60)
      assert.strictEqual(by(yield* Fiber.join(asked)), "writer")
    })
  )

  it.effect("has as long an answer as its bound at the most, and one of nobody yet is as long as all others are", () =>
    Effect.gen(function* () {
      const { answered, spillway } = yield* scene({ routes: { chat: { targets: ["writer/m"], deadline: "10m" } } })
      for (let round = 0; round < 8; round++) yield* answered("ann", asks(1, 400), 10)
      const ends = (caller: string, maxTokens?: number) =>
        Effect.map(
          spillway
            .explain(Question.chat("chat", words(1), maxTokens === undefined ? {} : { maxTokens }))
            .pipe(Policy.about({ caller })),
          ({ tiers }) => seconds(tiers[0]!.targets[0]!.expects!.endsIn.likely)
        )
      const all = yield* ends("ann")
      assert.approximately(all, 4, 0.5)
      assert.strictEqual(yield* ends("somebody"), all)
      assert.approximately(yield* ends("ann", 100), 1, 0.2)
      for (let round = 0; round < 3; round++) yield* answered("short", asks(1, 50), 10)
      assert.approximately(yield* ends("short"), 0.5, 0.2)
      assert.approximately(yield* ends("ann"), 4, 0.5)
    })
  )

  it.effect("for vectors is expected to take what a turn takes", () =>
    Effect.gen(function* () {
      const { answered, spillway } = yield* scene({ routes: { chat: { targets: ["reader/m"], deadline: "10m" } } })
      yield* answered("ann", asks(10, 10), 10)
      const asked = Question.make("chat", { kind: "embed", inputs: ["dam"] })
      assert.isUndefined((yield* spillway.explain(asked)).tiers[0]!.targets[0]!.expects)
    })
  )
})
