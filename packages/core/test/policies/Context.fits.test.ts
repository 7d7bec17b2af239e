/** That nobody who could fit is refused, and no answer to a whole prompt taken for one to a part of it. */
import { assert, describe, it } from "@effect/vitest"
import { Answer, Context, Policy, Question } from "@spillway/core"
import { Effect, Exit } from "effect"
import { teaches } from "../../src/domain/Ratio.ts"
import { noise, prose, sources } from "../domain/tokens-fixtures/texts.ts"
import { asking, counting, counts, filled } from "../fixtures/counting.ts"
import * as Random from "../laws/random.ts"

const english = prose["English"]!
const texts = { ...prose, ...sources, ...noise }

describe("nobody who could fit is refused, nor told that his prompt was cut,", () => {
  const asked = Object.entries(texts).map(([name, text]) => ({ name, text, question: asking(text) }))
  const lessons = Object.values({ ...prose, ...sources }).map((text) => ({
    text: filled(text, 600),
    question: asking(filled(text, 600))
  }))

  for (const [model, count] of Object.entries(counts)) {
    it.effect(`whatever he writes, by ${model}, whichever prompts it has learned from`, () =>
      Effect.gen(function* () {
        // He fits exactly, or is counted by chance at a size to which servers cut: a server for each context.
        const cases = asked.flatMap(({ name, question, text }) => {
          const counted = count(text)
          const bounds = [counted, counted + 1, 2 * counted - 4, 2 * counted - 5, 2 * counted - 6]
          return bounds
            .filter((bound) => bound >= counted)
            .map((bound) => ({ name, question, counted, bound, target: `of-${bound}/m` }))
        })
        const bounds = Object.fromEntries(cases.map(({ bound, target }) => [target, bound]))
        for (const lesson of [undefined, ...lessons]) {
          const context = yield* Context.make({ context: { ...bounds, m: 1_000_000 } })
          if (lesson !== undefined) {
            const learning = Answer.collect(context(counting(count(lesson.text))), lesson.question)
            yield* Effect.repeat(learning, { times: 11 })
            assert.strictEqual((yield* context.state("m")).seen, teaches(lesson.question) ? 12 : 0)
          }
          for (const { bound, counted, name, question, target } of cases) {
            const exit = yield* Effect.exit(
              Answer.collect(context(counting(counted, target)), question).pipe(Policy.about({ target }))
            )
            const after = lesson === undefined ? "nothing" : lesson.text.slice(0, 30)
            assert.isTrue(Exit.isSuccess(exit), `${name}, ${counted} in ${bound}, after ${after}`)
          }
        }
      })
    )
  }

  it.effect("whose prompt is a picture, an earlier thought, or many short texts to embed", () =>
    Effect.gen(function* () {
      const context = yield* Context.make({ context: { m: 1_000, "a/m": 10_000 } })
      const lesson = asking(filled(english, 600))
      yield* Effect.repeat(Answer.collect(context(counting(lesson.prompt.likely, "a/m")), lesson), { times: 9 })
      const images = Array.from({ length: 30 }, () => ({ url: "https://example.com/a.png" }))
      const questions = [
        Question.make("m", { kind: "generate", prompt: english, images }),
        Question.make("m", { kind: "embed", inputs: Array.from({ length: 100 }, () => english) }),
        Question.chat("m", [
          { role: "assistant", text: "Hi", thinking: filled(english, 20_000) },
          { role: "user", text: english }
        ])
      ]
      for (const question of questions) {
        assert.isAbove(question.prompt.likely, 10_000)
        assert.strictEqual((yield* Answer.collect(context(counting(501)), question)).text, "an answer")
      }
    })
  )
})

describe("an answer", () => {
  it.effect("is the same for everybody whose prompt fits, whatever the server counts within reason", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 100; seed++) {
        const random = Random.make(seed)
        const context = yield* Context.make({ context: 4_096 })
        for (let times = 0; times < 30; times++) {
          const text = filled(english, 1 + random.below(3_800))
          const { likely } = asking(text).prompt
          const counted = Math.min(Math.round(likely * (0.6 + 0.8 * random.next())) + random.below(100), 4_096)
          const { text: answered } = yield* Answer.collect(context(counting(counted)), asking(text))
          assert.strictEqual(answered, "an answer", `seed ${seed}`)
        }
      }
    })
  )
})
