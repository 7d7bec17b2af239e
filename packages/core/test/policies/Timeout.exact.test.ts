/**
 * The moment in which a call is cut, against a reference that looks at every moment of a call.
 *
 * The clocks look only now and then, so what is held here is that nothing is missed between two looks: limits of very
 * different lengths, and parts, stretches and readers at random moments. Limits end a quarter of a millisecond beside
 * the moments in which things happen, so that which came first is never open.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { Answer, Part } from "@spillway/core"
import type { Attempt } from "../../src/domain/Attempt.ts"
import { clocks, endOf, leaf, question, say, start, told, toldOf } from "../fixtures/clocks.ts"
import { TestClock } from "effect/testing"
import * as Unhandled from "../fixtures/unhandled.ts"
import * as Random from "../laws/random.ts"

Unhandled.guard()

const phases = ["connect", "load", "firstToken", "idle", "reader"] as const
type Phase = (typeof phases)[number]
type Limits = Readonly<Record<Phase, number>>

/** What a leaf or its reader does at a moment. */
interface Deed {
  readonly at: number
  readonly what: Attempt["stretch"] | "part" | "part that blocks" | "resume" | "end"
}

/** When the leaf begins, and what happens then; moments in milliseconds. */
interface Scene {
  readonly limits: Limits
  readonly begins: number
  readonly deeds: ReadonlyArray<Deed>
}

/** From a millisecond to some seconds, short ones as likely as long ones. */
const span = (random: Random.Random): number => Math.floor(Math.exp(random.next() * 7.5))

const makeScene = (seed: number): Scene => {
  const random = Random.make(seed)
  const limits = Object.fromEntries(phases.map((phase) => [phase, span(random) + 1.25])) as Limits
  const begins = random.below(2) * span(random)
  const whats = ["part", "part", "part", "part that blocks", "connect", "load", "firstToken"] as const
  const deeds: Array<Deed> = []
  let at = begins
  let blocked = false
  for (let left = random.below(12); left > 0; left--) {
    const what: Deed["what"] = blocked ? "resume" : whats[random.below(whats.length)]!
    // Mostly just within what may be waited for, so that many scenes go far.
    at += 1 + Math.min(span(random), random.below(4) === 0 ? Infinity : Math.max(...Object.values(limits)))
    blocked = what === "part that blocks"
    deeds.push({ at, what })
  }
  if (random.below(2) === 0) deeds.push({ at: at + 1 + span(random), what: "end" })
  return { limits, begins, deeds }
}

/** What becomes of it, found by going from one deed to the next. */
const reference = ({ begins, deeds, limits }: Scene): string => {
  let phase: Phase = "firstToken"
  let since = begins
  let parts = 0
  for (const { at, what } of [...deeds, { at: Infinity, what: "end" as const }]) {
    if (since + limits[phase] < at)
      return `${phase} after ${limits[phase]}, ${parts} parts, at ${since + limits[phase]}`
    if (what === "end") return `answered at ${at}`
    if (what === "part" || what === "part that blocks") parts++
    const isStretch = what === "connect" || what === "load" || what === "firstToken"
    if (isStretch && parts > 0) continue
    phase = isStretch ? what : what === "part that blocks" ? "reader" : "idle"
    since = at
  }
  return "nothing"
}

/** What really becomes of it. */
const play = (scene: Scene) =>
  Effect.gen(function* () {
    const guard = yield* clocks(scene.limits)
    const rooms: Array<() => void> = []
    let blocking = false
    const sink = {
      emit: () => (blocking ? new Promise<void>((resolve) => void rooms.push(resolve)) : undefined)
    }
    const call = leaf((attempt) =>
      Effect.gen(function* () {
        let now = scene.begins
        for (const { at, what } of scene.deeds) {
          yield* Effect.sleep(at - now)
          now = at
          if (what === "end") return
          blocking = what === "part that blocks"
          if (what === "resume") rooms.shift()!()
          else if (what === "part" || blocking) void attempt.emit(Part.text("a"))
          else attempt.enter(what as Attempt["stretch"])
        }
        return yield* Effect.never
      })
    )
    return yield* toldOf(
      Answer.toSink(
        guard(scene.begins === 0 ? call : Effect.andThen(Effect.sleep(scene.begins), call)),
        question,
        sink
      ),
      60_000
    )
  })

describe("the clocks of a call", () => {
  it.effect("ring in the very moment that a reference finds, whatever happens when, and however long they are", () =>
    Effect.gen(function* () {
      const seen: Record<string, number> = {}
      for (let seed = 1; seed <= 400; seed++) {
        const scene = makeScene(seed)
        const expected = reference(scene)
        assert.strictEqual(yield* play(scene), expected, `seed ${seed}`)
        const kind = expected.split(" ")[0]!
        seen[kind] = (seen[kind] ?? 0) + 1
      }
      for (const kind of [...phases, "answered"]) assert.isAtLeast(seen[kind] ?? 0, 8, JSON.stringify(seen))
    })
  )

  it.effect("do not ring a nanosecond sooner, whichever of them it is", () =>
    Effect.gen(function* () {
      for (const phase of ["connect", "load", "firstToken", "idle"] as const) {
        const guard = yield* clocks({ [phase]: "20ms" })
        const call = leaf((attempt) =>
          Effect.andThen(phase === "idle" ? say(attempt) : Effect.sync(() => attempt.enter(phase)), Effect.never)
        )
        const run = yield* start(Answer.collect(guard(call), question))
        yield* TestClock.adjust("19999999 nanos")
        assert.isUndefined(run.end, phase)
        yield* TestClock.adjust("1 nanos")
        assert.match(told(run.end!), new RegExp(`^${phase} after 20, . parts, at 20$`))
      }
    })
  )

  it.effect("have one end with a part, a failure or an answer that comes in the very moment", () =>
    Effect.gen(function* () {
      for (const last of ["part", "fails", "answers"]) {
        const guard = yield* clocks({ firstToken: "20ms" })
        const parts: Array<unknown> = []
        const ends: Array<unknown> = []
        const call = leaf((attempt) =>
          Effect.gen(function* () {
            yield* Effect.sleep(20)
            if (last === "fails") return yield* Effect.fail("broken")
            yield* say(attempt)
            if (last === "part") yield* Effect.sleep(5)
          })
        )
        const read = Answer.toSink(guard(call), question, { emit: (part) => void parts.push(part) })
        const end = yield* endOf(Effect.onExit(read, (exit) => Effect.sync(() => void ends.push(exit))))
        assert.lengthOf(ends, 1)
        // What its caller was told of is what he was told: a part after it would be a lie.
        if (told<unknown>(end).startsWith("firstToken")) assert.lengthOf(parts, 0)
        if (Exit.isSuccess(end.exit)) assert.lengthOf(parts, 1)
      }
    })
  )
})
