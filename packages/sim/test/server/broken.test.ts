/** Questions that were meant to break the simulation: each gets an answer, and the next one is served. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Effect, Exit, Scope } from "effect"
import * as Server from "../../src/Server.ts"

const scope = Effect.runSync(Scope.make())
let url = ""

beforeAll(async () => {
  const models = [
    { name: "mini", load: "10ms", decode: 1_000 } as const,
    { name: "vectors", kind: "embed", prefill: 1e6 } as const
  ]
  url = (await Effect.runPromise(Scope.provide(Server.start({ models }), scope))).url
})
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

const deep = (levels: number, inner: unknown): unknown =>
  levels === 0 ? inner : { type: "object", properties: { a: deep(levels - 1, inner) } }

const generate = (more: object) => ({ model: "mini", prompt: "hi", stream: false, ...more })

const questions: ReadonlyArray<readonly [title: string, path: string, body: unknown]> = [
  ["a schema of no options", "/api/generate", generate({ format: { enum: [] } })],
  ["a schema of a thousand levels", "/api/generate", generate({ format: deep(1_000, {}) })],
  ["a status that is no number", "/api/generate", generate({ prompt: "[[sim status=abc]]" })],
  ["a status that is none", "/api/generate", generate({ prompt: "[[sim status=99]]" })],
  ["a token that takes for ever", "/api/generate", generate({ prompt: "[[sim token_ms=1e400]]" })],
  ["five thousand texts", "/api/embed", { model: "vectors", input: Array(5_000).fill("a") }],
  ["a name of a million letters", "/api/generate", generate({ model: "a".repeat(1_000_000) })],
  ["a name that is no string", "/api/chat", { model: { toString: 1 } }]
]

describe("a question that was meant to break it", () => {
  for (const [title, path, body] of questions) {
    it(`is answered: ${title}`, { timeout: 20_000 }, async () => {
      const answer = await fetch(url + path, { method: "POST", body: JSON.stringify(body) })
      expect(answer.status).toBeLessThan(600)
      await answer.text()
      const next = await fetch(`${url}/api/generate`, { method: "POST", body: JSON.stringify(generate({})) })
      expect(next.status).toBe(200)
      await next.text()
    })
  }
})
