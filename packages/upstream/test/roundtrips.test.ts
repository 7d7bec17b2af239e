/**
 * Every wire against a reference of its dialect that does not know it: random questions arrive as they were asked, go
 * on in any other dialect, and random answers come back as they were given.
 *
 * A failure names its seed; each seed is one question or one answer.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Part, Question, Summary } from "@spillway/core"
import { Effect } from "effect"
import * as Random from "../../core/test/laws/random.ts"
import { chunk, head, last, serve, version } from "./bytes.ts"
import { answer, joined } from "./dialects/Answering.ts"
import { all, thoughtful } from "./dialects/Spoken.ts"
import { both, question } from "./dialects/Asking.ts"
import type { Asked, Dialect } from "./dialects/Dialect.ts"
import { carried, plain } from "./dialects/Normal.ts"
import { planted } from "./dialects/Planted.ts"
import { rows } from "./dialects/Refusals.ts"
import { ask } from "./serving.ts"

/** Runs what may throw, and names the seed where it does. */
const named = <A>(seed: number, run: () => A): A => {
  try {
    return run()
  } catch (thrown) {
    if (thrown instanceof Error) thrown.message = `seed ${seed}: ${thrown.message}`
    throw thrown
  }
}

/** Few words, and how likely they were, since somebody may have asked. */
const well: Part.Part = { _tag: "Text", text: "well", logprobs: [{ token: "well", logprob: -0.1, top: [] }] }

/** A server that answers each question with the same few words, and what it has read last. */
const recording = (dialect: Dialect) =>
  Effect.gen(function* () {
    const said = dialect.write([well], Summary.make({ usage: { input: 1, output: 1 } }))
    const whole = Buffer.concat([Buffer.from(head(dialect.type)), chunk(said), Buffer.from(last)])
    const bytes = yield* serve((socket, asked) => socket.write(version(asked) ?? whole))
    const upstream = yield* dialect.make(bytes.url)
    const put = Effect.fnUntraced(function* (asked: Asked, seed: number) {
      const from = bytes.asked.length
      const { end, error } = yield* ask(upstream, Question.make(asked.model, asked.content, asked.settings))
      assert.strictEqual(end, "answered", `seed ${seed}: ${error?.message}`)
      const request = bytes.asked[from]!
      const at = request.indexOf("\r\n\r\n")
      assert.match(request, new RegExp(`^POST ${dialect.path} HTTP`), `seed ${seed}`)
      for (const each of dialect.head) assert.match(request.slice(0, at + 2), each, `seed ${seed}`)
      return named(seed, () => dialect.read(request.slice(at + 4)))
    })
    return { bytes, put, upstream }
  })

const same = (arrived: Asked, expected: Asked, seed: number): void =>
  named(seed, () => assert.deepStrictEqual(plain(arrived), plain(expected)))

describe("a question", () => {
  for (const { carries, dialect } of [...all, thoughtful]) {
    it.live(`arrives as it was asked over the wire to ${dialect.name}`, () =>
      Effect.gen(function* () {
        const { put } = yield* recording(dialect)
        for (let seed = 0; seed < 400; seed++) {
          const asked = question(Random.make(seed), carries)
          same(yield* put(asked, seed), carried[dialect.name]!(asked), seed)
        }
      })
    )
  }

  for (const from of all) {
    for (const to of all) {
      it.live(`that has come over ${from.dialect.name} goes on over ${to.dialect.name}`, () =>
        Effect.gen(function* () {
          const carries = both(from.carries, to.carries)
          const [first, second] = [yield* recording(from.dialect), yield* recording(to.dialect)]
          for (let seed = 0; seed < 60; seed++) {
            const asked = question(Random.make(seed), carries)
            const arrived = yield* second.put(yield* first.put(asked, seed), seed)
            same(arrived, carried[to.dialect.name]!(carried[from.dialect.name]!(asked)), seed)
          }
        })
      )
    }
  }
})

describe("an answer", () => {
  for (const { dialect, says } of all) {
    it.live(`comes back as ${dialect.name} gave it, wherever its bytes are cut`, () =>
      Effect.gen(function* () {
        let seed = 0
        const given = () => answer(Random.make(seed), says)
        const bytes = yield* serve((socket, asked) => {
          const known = version(asked)
          if (known !== undefined) return void socket.write(known)
          const random = Random.make(~seed)
          const { parts, summary } = given()
          const said = dialect.write(parts, summary)
          const body = Buffer.from(random.below(3) === 0 ? said.replaceAll("\n", "\r\n") : said)
          socket.write(Buffer.concat([Buffer.from(head(dialect.type)), ...cutUp(random, body), Buffer.from(last)]))
        })
        const upstream = yield* dialect.make(bytes.url)
        for (; seed < 200; seed++) {
          const { parts, summary } = given()
          const hasLogprobs = parts.some((part) => "logprobs" in part)
          const asked = Question.chat("a", "hello", hasLogprobs ? { logprobs: 2 } : {})
          const told = yield* ask(upstream, asked)
          assert.strictEqual(told.end, "answered", `seed ${seed}: ${told.error?.message}`)
          named(seed, () => {
            assert.deepStrictEqual(joined(told.parts), joined(parts))
            assert.deepStrictEqual(told.summary, summary)
          })
        }
      })
    )
  }
})

describe("what cannot be carried", () => {
  for (const { dialect } of all) {
    for (const { question: asked, reason, title } of rows[dialect.name]!) {
      it.live(`is refused by the wire to ${dialect.name} and not sent: ${title}`, () =>
        Effect.gen(function* () {
          const { bytes, upstream } = yield* recording(dialect)
          const { end } = yield* ask(upstream, asked)
          assert.strictEqual(end, reason)
          assert.deepStrictEqual(bytes.asked, [])
        })
      )
    }
  }
})

describe("a reference", () => {
  for (const { dialect } of all) {
    it(`of ${dialect.name} goes red on what its server would not take`, () => {
      for (const [rule, body] of planted[dialect.name]!) assert.throws(() => dialect.read(JSON.stringify(body)), rule)
    })
  }
})

/** Chunks of HTTP that know nothing of lines and characters. */
const cutUp = ({ below }: Random.Random, body: Buffer): ReadonlyArray<Buffer> => {
  const chunks: Array<Buffer> = []
  const most = [1, 7, 40, 400, 5_000][below(5)]!
  for (let at = 0; at < body.length;) {
    const size = 1 + below(most)
    chunks.push(chunk(body.subarray(at, at + size)))
    at += size
  }
  return chunks
}
