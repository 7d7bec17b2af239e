/** Fuzzed bytes: cut anywhere, or garbled, they come to no wrong part and always to a named end. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chunk, done, frame, head, last } from "./bytes.ts"
import { ask, to } from "./serving.ts"

describe("bytes in whatever pieces", () => {
  it.live("come to the same parts and the same end, wherever they are cut", () =>
    Effect.gen(function* () {
      const words = ["H\u00e9llo", " \u{1f600}", ' "quoted"', " \u6f22\u5b57", "\n", " end"]
      const body = Buffer.from(words.map(frame).join("") + done)
      let seed = 1
      const next = (most: number): number => {
        seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
        return 1 + (seed % most)
      }
      const { upstream } = yield* to((socket) => {
        const pieces: Array<Buffer> = [Buffer.from(head())]
        for (let at = 0; at < body.length;) {
          const size = next(20)
          pieces.push(chunk(body.subarray(at, at + size)))
          at += size
        }
        pieces.push(Buffer.from(last))
        // And packets that know nothing of chunks.
        const all = Buffer.concat(pieces)
        const send = (from: number): void => {
          if (from >= all.length) return
          const size = next(200)
          socket.write(all.subarray(from, from + size), () => setImmediate(send, from + size))
        }
        send(0)
      })
      for (let run = 0; run < 40; run++) {
        const told = yield* ask(upstream)
        assert.deepStrictEqual([told.end, told.text], ["answered", words.join("")])
      }
    })
  )

  it.live("of garbage come to a named end, and to no part that nobody sent", () =>
    Effect.gen(function* () {
      let seed = 3
      const next = (): number => {
        seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
        return seed
      }
      const { upstream } = yield* to((socket) => {
        const body = Buffer.from(frame("Hello") + frame(" you") + done)
        for (let each = 0; each < 3; each++) body[next() % body.length] = next() % 256
        socket.end(Buffer.concat([Buffer.from(head()), chunk(body), Buffer.from(last)]))
      })
      const ends = new Set<string>()
      for (let run = 0; run < 300; run++) {
        const told = yield* ask(upstream)
        ends.add(told.end)
        assert.isAtMost(told.parts.length, 2)
      }
      for (const end of ends) assert.include(["answered", "Cut", "Malformed", "Unknown"], end)
      assert.isAtLeast(ends.size, 2)
    })
  )
})
