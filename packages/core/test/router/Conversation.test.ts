/** Conversations: which question goes on with which, and where it is sent for that. */
import { assert, describe, it } from "@effect/vitest"
import { Call, Part, Policy, Question, Spillway, type SpillwayError, Summary, Target } from "@spillway/core"
import { Context, Duration, Effect, Exit, Fiber, Layer } from "effect"
import { Places } from "../../src/domain/Places.ts"
import { conversationOf } from "../../src/router/Conversation.ts"
import { Health } from "../../src/router/Health.ts"
import { Host } from "../../src/router/Host.ts"
import { Member } from "../../src/router/Member.ts"
import { pass } from "../fixtures/routing.ts"

const turns = (...texts: ReadonlyArray<string>): Question.Question =>
  Question.chat(
    "chat",
    texts.map((text, index) => ({ role: index % 2 === 0 ? "user" : "assistant", text }) as const)
  )

describe("a question", () => {
  const first = conversationOf(turns("How high?"), "ann")

  it("is of the same conversation with all that was said before, and its caller's alone", () => {
    assert.isDefined(first)
    assert.strictEqual(conversationOf(turns("How high?", "243 metres", "And how wide?"), "ann"), first)
    assert.notStrictEqual(conversationOf(turns("How wide?"), "ann"), first)
    assert.notStrictEqual(conversationOf(turns("How high?"), "ben"), first)
    assert.notInclude(first, "high")
  })

  it("of another system is another conversation", () => {
    const told = (system: string) =>
      Question.chat("chat", [
        { role: "system", text: system },
        { role: "user", text: "How high?" }
      ])
    assert.notStrictEqual(conversationOf(told("Be brief."), "ann"), conversationOf(told("Be kind."), "ann"))
    assert.strictEqual(conversationOf(told("Be brief."), "ann"), conversationOf(told("Be brief."), "ann"))
  })

  it("that is one prompt is told by how that begins, and one for vectors is none", () => {
    const prompt = (text: string) => conversationOf(Question.make("m", { kind: "generate", prompt: text }), "ann")
    assert.strictEqual(prompt(`${"x".repeat(1_024)} one`), prompt(`${"x".repeat(1_024)} other`))
    assert.notStrictEqual(prompt("one"), prompt("other"))
    assert.isUndefined(conversationOf(Question.make("m", { kind: "embed", inputs: ["dam"] }), "ann"))
  })
})

/** A server that reads a hundred tokens a second, but for those of the prompt that it read last, and writes at once. */
const server = (name: string) => {
  const state = { asked: 0, last: "", takes: 0, read: 0 }
  const call: Call.Call<SpillwayError> = (question, attempt) =>
    Effect.gen(function* () {
      state.asked++
      const conversation = conversationOf(question, "")!
      const input = question.prompt.likely
      const fresh = conversation === state.last ? Math.max(input - state.read, 0) : input
      yield* Effect.sleep(fresh * 10 + state.takes)
      void attempt.emit(Part.text("243 metres"))
      Object.assign(state, { last: conversation, read: input })
      const timings = { total: 0, load: 0, prompt: fresh * 1e7, output: 1 }
      return Summary.make({ model: name, usage: { input, output: 5 }, timings })
    })
  return { state, upstream: { upstream: { call }, slots: 1 } }
}

const scene = Effect.gen(function* () {
  const [one, two] = [server("one"), server("two")]
  const layer = Spillway.layer({
    upstreams: { one: one.upstream, two: two.upstream },
    routes: { chat: { targets: ["one/m", "two/m"], deadline: "10m" } }
  })
  const spillway = Context.get(yield* Layer.build(layer), Spillway)
  const ask = (question: Question.Question, about: Policy.About = {}) =>
    Effect.forkChild(Effect.exit(spillway.ask(question)).pipe(Policy.about(about)), { startImmediately: true })
  const answered = (question: Question.Question) =>
    Effect.gen(function* () {
      const fiber = yield* ask(question)
      yield* pass(15)
      const exit = yield* Fiber.join(fiber)
      return Exit.isSuccess(exit) ? exit.value.summary.model : undefined
    })
  // Both have shown what they can.
  for (const text of ["once", "twice", "again"]) {
    const both = [yield* ask(turns(text.repeat(100))), yield* ask(turns(text.repeat(101)))]
    yield* pass(15)
    yield* Fiber.joinAll(both)
  }
  return { answered, ask, spillway, one: one.state, two: two.state }
})

const long = "The dam is two hundred and forty three metres high. ".repeat(40)

describe("a conversation", () => {
  it.effect("is said to go where it then goes", () =>
    Effect.gen(function* () {
      const { answered, spillway } = yield* scene
      for (const name of ["ann", "ben", "ann", "ben", "ben", "ann"]) {
        const question = turns(`${name}: ${long}`)
        const told = (yield* spillway.explain(question)).next
        assert.strictEqual(`${yield* answered(question)}/m`, told)
      }
    })
  )

  it.effect("goes on where it was, so that it need not be read again", () =>
    Effect.gen(function* () {
      const { answered } = yield* scene
      for (const name of ["ann", "ben", "cem"]) {
        const where = yield* answered(turns(`${name}: ${long}`))
        for (let each = 0; each < 4; each++) {
          assert.strictEqual(yield* answered(turns(`${name}: ${long}`, "243 metres", "And how wide?")), where)
        }
      }
    })
  )

  it.effect("goes elsewhere where that is busy for longer than it takes to read it again", () =>
    Effect.gen(function* () {
      const { answered, ask, one, two } = yield* scene
      const where = (yield* answered(turns(long)))!
      const [there, other] = where === "one" ? [one, two] : [two, one]
      there.takes = 60_000
      // Somebody else has his turn there, for a minute.
      const before = other.asked
      const busy = [yield* ask(turns("busy")), yield* ask(turns("busy as well"))]
      yield* pass(3)
      assert.strictEqual(there.asked > 0 && other.asked > before, true)
      assert.notStrictEqual(yield* answered(turns(long, "243 metres", "And how wide?")), where)
      for (const fiber of busy) yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("is remembered by a target for as many of them as run there at once, while its model is loaded", () =>
    Effect.gen(function* () {
      let loaded = true
      const inspect = Effect.sync(() => ({ models: [{ name: "m", loaded }] }))
      const health = new Health({ inspect }, { every: Duration.seconds(30), timeout: Duration.seconds(2) })
      const circuits = { waitFor: () => 0, isShut: () => false, isSpared: () => false }
      const target = Target.make({ upstream: "gpu", model: "m" })
      const member = new Member(target, new Places(2), health, new Host(health, 0), circuits)
      member.reads("one", 10)
      member.reads("two", 20)
      member.reads("one", 30)
      assert.deepStrictEqual([member.hasRead("one"), member.hasRead("two")], [30, 20])
      member.reads("three", 5)
      const told = ["one", "two", "three", "four"].map((each) => member.hasRead(each))
      assert.deepStrictEqual(told, [30, 0, 5, 0])
      assert.strictEqual(member.hasRead(undefined), 0)
      yield* health.look
      assert.strictEqual(member.hasRead("one"), 30)
      loaded = false
      yield* health.look
      assert.strictEqual(member.hasRead("one"), 0)
    })
  )
})
