/** What a failure says of what next, where only the router knows it. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Redacted } from "effect"
import { type Reason, refusal, Retry, SpillwayError } from "@spillway/core"
import { nearOf } from "../../src/router/Advice.ts"
import { ollama, said, scene as models } from "../fixtures/models.ts"
import { type Answered, asking, pass, scene, upstreams } from "../fixtures/routing.ts"

const route = { routes: { chat: { targets: ["gpu1/m"] } }, defaults: { retry: { attempts: 1 } } }

const errorIn = (exit: Answered): SpillwayError => {
  const [reason] = Exit.isFailure(exit) ? exit.cause.reasons : []
  assert.strictEqual(reason?._tag, "Fail")
  return (reason as { readonly error: SpillwayError }).error
}

const millisIn = (exit: Answered): number => Duration.toMillis(errorIn(exit).retryAfter!)

const failing = (reason: Reason, cause?: Redacted.Redacted<unknown>) =>
  Effect.gen(function* () {
    const { spillway, states } = yield* scene((servers) => ({ upstreams: upstreams(servers, 2), ...route }))
    const [gpu1] = states
    gpu1!.fails = cause === undefined ? refusal(reason) : new SpillwayError({ reason, cause })
    return { spillway, gpu1: gpu1! }
  })

describe("a server that has too much to do, and does not say for how long", () => {
  for (const _tag of ["Overloaded", "UpstreamRateLimited"] as const) {
    it.effect(`is asked again in a second or a little more, each caller at another moment: ${_tag}`, () =>
      Effect.gen(function* () {
        const { spillway } = yield* failing({ _tag, target: "gpu1/m" })
        const waits: Array<number> = []
        for (let each = 0; each < 4; each++) {
          const asked = yield* asking(spillway)
          yield* pass(1)
          waits.push(millisIn(yield* Fiber.join(asked)))
        }
        assert.isTrue(
          waits.every((wait) => wait >= 1_000 && wait <= 1_500),
          String(waits)
        )
        assert.strictEqual(new Set(waits).size, 4)
      })
    )
  }

  it.effect("is asked again when it will probably be done with one of those that it works on", () =>
    Effect.gen(function* () {
      const { gpu1, spillway } = yield* failing({ _tag: "Overloaded", target: "gpu1/m" })
      const fails = gpu1.fails
      gpu1.fails = undefined
      gpu1.takes = 20_000
      for (let each = 0; each < 3; each++) {
        const taught = yield* asking(spillway)
        yield* pass(21)
        yield* Fiber.join(taught)
      }
      // One is answered after 20 s, one is refused after 11, and one waits for his place.
      yield* asking(spillway)
      yield* pass(1)
      const refused = yield* asking(spillway)
      yield* asking(spillway)
      yield* pass(9.5)
      gpu1.fails = fails
      yield* pass(1)
      const wait = millisIn(yield* Fiber.join(refused))
      assert.isTrue(wait >= 7_000 && wait <= 15_000, String(wait))
    })
  )

  it.effect("is believed where it says for how long", () =>
    Effect.gen(function* () {
      const { spillway } = yield* failing({ _tag: "Overloaded", target: "gpu1/m", retryAfter: Duration.seconds(7) })
      const asked = yield* asking(spillway)
      yield* pass(1)
      assert.strictEqual(millisIn(yield* Fiber.join(asked)), 7_000)
    })
  )

  it.effect("still has said what it said", () =>
    Effect.gen(function* () {
      const { spillway } = yield* failing({ _tag: "Overloaded", target: "gpu1/m" }, Redacted.make("no slots"))
      const asked = yield* asking(spillway)
      yield* pass(1)
      const { cause } = errorIn(yield* Fiber.join(asked))
      assert.strictEqual(cause && Redacted.value(cause), "no slots")
    })
  )
})

describe("a failure that has been tried again often enough", () => {
  it.effect("is still not tried again by whoever stands around", () =>
    Effect.gen(function* () {
      const { spillway, states } = yield* scene((servers) => ({
        upstreams: upstreams(servers, 2),
        routes: route.routes,
        defaults: { retry: { attempts: 2 } }
      }))
      states[0]!.fails = refusal({ _tag: "Overloaded", target: "gpu1/m" })
      const around = yield* Retry.make({ attempts: 3 })
      const question = { model: "chat", prompt: "How high?" }
      const asked = yield* Effect.forkChild(Effect.exit(around(spillway.ask(question))), { startImmediately: true })
      yield* pass(30)
      assert.isAtLeast(millisIn(yield* Fiber.join(asked)), 1_000)
      assert.strictEqual(states[0]!.asked, 2)
    })
  )
})

describe("the model that was probably meant", () => {
  it("is nearly called so, with its tag or without", () => {
    const names = ["nomic-embed-text:latest", "llama3.1:8b", "llama3.1:70b", "qwen3"]
    const near = ["llama3.1:8", "lama3.1", "nomic-embed-txt", "qwen2", "gpt-4o"].map((model) => nearOf(model, names))
    assert.deepStrictEqual(near, ["llama3.1:8b", "llama3.1:8b", "nomic-embed-text:latest", "qwen3", undefined])
  })
})

describe("a model that is not there", () => {
  it.effect("is told with the name that its server has for one that is", () =>
    Effect.gen(function* () {
      const gpu1 = ollama("gpu1", { "llama3.1:8b": {} })
      gpu1.state.lacks = "llama3.1"
      const { ask } = yield* models({
        upstreams: { gpu1: gpu1.upstream },
        routes: { chat: { targets: ["gpu1/llama3.1"] } },
        defaults: { retry: { attempts: 1 } }
      })
      yield* ask(said("How high?"))
      assert.include(errorIn(yield* ask(said("How high?"))).message, 'did you mean "llama3.1:8b"?')
    })
  )
})
