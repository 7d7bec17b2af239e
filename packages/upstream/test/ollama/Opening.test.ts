/** Whether a model goes on with an answer that has begun: what its server is asked, and what is made of that. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Call, Part, Question, refusal, Rescue, type SpillwayError, type Upstream } from "@spillway/core"
import { Duration, Effect } from "effect"
import { done, frame, head, last, piece } from "../bytes.ts"
import { quick, serving, to } from "../serving.ts"

/** A rescue whose first go breaks after these words. */
const rescued = ({ call }: Upstream, heard: string, settings: Question.Settings = {}, kept: Question.Kept = {}) =>
  Effect.gen(function* () {
    const breaking: Call.Call<SpillwayError> = (_, attempt) => {
      void attempt.emit(Part.text(heard))
      return Effect.fail(refusal({ _tag: "Cut", target: "gpu0/a", parts: 1 }))
    }
    const plan = yield* Rescue.make()
    const goes = [Call.asEffect(breaking), Call.asEffect<SpillwayError, never>(call)] as const
    const question = Question.chat("a", "How high? [[sim tokens=3 text=w]]", settings)
    return yield* Answer.collect(plan(goes), { ...question, kept })
  })

/** The bodies of the questions to `/api/chat`. */
const bodiesOf = (asked: ReadonlyArray<string>): ReadonlyArray<Record<string, unknown>> =>
  asked.flatMap((each) => (each.startsWith("POST /api/chat") ? [JSON.parse(each.slice(each.indexOf("{")))] : []))

/** A server that shows a prompt as this, and answers a question with two words, or with these frames. */
const showing = (shown: (asked: string) => string, frames = frame(" is") + frame(" high") + done) =>
  to((socket, asked) => {
    if (!asked.includes("_debug_render_only")) return socket.write(head() + piece(frames) + last)
    const body = shown(asked)
    return socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  })

const prompt = (text: string) => JSON.stringify({ model: "a", done: false, _debug_info: { rendered_template: text } })

/** What no template ends in. */
const mark = " and so it goes on,"

describe("a model whose template leaves the answer open", () => {
  it.live("goes on from it, and its server is asked how it reads that before", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* showing(() => prompt(`<user>How high?<assistant>The dam${mark}`))
      const { text } = yield* rescued(upstream, "The dam", { temperature: 0, maxTokens: 100 })
      assert.strictEqual(text, "The dam is high")
      const [looked, asked] = bodiesOf(bytes.asked)
      const messagesWith = (content: string) => [
        { role: "user", content: "How high? [[sim tokens=3 text=w]]" },
        { role: "assistant", content }
      ]
      const messages = messagesWith("The dam")
      assert.deepInclude(looked, {
        messages: messagesWith(`The dam${mark}`),
        stream: false,
        _debug_render_only: true,
        truncate: false
      })
      // One who does not know the question answers with a token at most.
      assert.deepInclude(looked!["options"], { num_predict: 1, temperature: 0 })
      assert.deepInclude(asked, { messages, stream: true })
      assert.isBelow((asked!["options"] as { num_predict: number }).num_predict, 100)
      assert.notProperty(asked, "_debug_render_only")
    })
  )

  it.live(
    "may have nothing to add to it, if it has read it and stops: else the half would be taken for the whole",
    () =>
      Effect.gen(function* () {
        const shown = () => prompt(`<user>How high?<assistant>It is high.${mark}`)
        const ending = (fields: object) =>
          `${JSON.stringify({ model: "a", done: true, done_reason: "stop", ...fields })}\n`
        const counts = { prompt_eval_count: 9, eval_count: 0 }
        const whole = yield* showing(shown, ending(counts))
        assert.strictEqual((yield* rescued(whole.upstream, "It is high.")).text, "It is high.")
        for (const fields of [{}, { ...counts, done_reason: "length" }, { eval_count: 0 }]) {
          const { upstream } = yield* showing(shown, ending(fields))
          assert.containSubset(yield* Effect.flip(rescued(upstream, "It is high.")), { reason: { _tag: "Cut" } })
        }
      })
  )

  it.live("is loaded for the same context when it is asked how it reads that as when it is asked to go on", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* showing(() => prompt(`<user>How high?<assistant>The dam${mark}`))
      yield* rescued(upstream, "The dam", {}, { context: 2_048, loadedFor: Duration.minutes(30) })
      const bodies = bodiesOf(bytes.asked)
      assert.lengthOf(bodies, 2)
      for (const body of bodies) {
        assert.strictEqual(body["keep_alive"], "1800s")
        assert.deepInclude(body["options"], { num_ctx: 2_048 })
      }
    })
  )

  it.live("is any of a simulated Ollama's", () =>
    Effect.gen(function* () {
      for (const kind of ["go", "jinja", "plain"] as const) {
        const { server, upstream } = yield* serving({ models: [quick("a", { kind })] })
        // What is scripted begins to count again wherever it goes on.
        assert.strictEqual((yield* rescued(upstream, "The dam")).text, "The dam w0 w1 w2")
        assert.strictEqual(server.traffic.passages.filter(({ path }) => path === "/api/chat").length, 2)
      }
    })
  )
})

describe("an answer is begun again", () => {
  const begunAgain = (shown: (asked: string) => string) =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* showing(shown)
      const error = yield* Effect.flip(rescued(upstream, "The dam"))
      assert.containSubset(error, { reason: { _tag: "Cut" } })
      const bodies = bodiesOf(bytes.asked)
      assert.lengthOf(bodies, 2)
      assert.deepStrictEqual(
        (bodies[1]!["messages"] as ReadonlyArray<{ role: string }>).map(({ role }) => role),
        ["user"]
      )
    })

  it.live("where the template closes the turn, or opens another one", () =>
    Effect.gen(function* () {
      yield* begunAgain(() => prompt(`<user>How high?<assistant>The dam${mark}<end>`))
      yield* begunAgain(() => prompt(`<user>How high?<assistant>The dam${mark}<end><assistant>The dam`))
      yield* begunAgain(() => prompt(`<user>How high?<assistant>The dam${mark} `))
    })
  )

  it.live("where the server says nothing of it, or something else", () =>
    Effect.gen(function* () {
      yield* begunAgain(() => '{"model":"a","message":{"content":"The dam"},"done":true}')
      yield* begunAgain(() => '{"_debug_info":{"rendered_template":7}}')
      yield* begunAgain(() => '{"error":"nothing of the kind"}')
      yield* begunAgain(() => "The dam")
    })
  )

  it.live("by an old server, which shows no prompts", () =>
    Effect.gen(function* () {
      const { server, upstream } = yield* serving({ version: "0.11.4" })
      const { text } = yield* rescued(upstream, " w0")
      assert.strictEqual(text, " w0 w1 w2")
      assert.strictEqual(server.traffic.passages.filter(({ path }) => path === "/api/chat").length, 2)
    })
  )
})

describe("what is asked for the first time", () => {
  it.live("is not looked at before", () =>
    Effect.gen(function* () {
      const { bytes, upstream } = yield* showing(() => prompt(""))
      yield* Answer.collect(Call.asEffect<SpillwayError, never>(upstream.call), Question.chat("a", "How high?"))
      assert.lengthOf(bodiesOf(bytes.asked), 1)
    })
  )
})
