/**
 * A server that runs Ollama, or Ollama Cloud, over its own `/api`.
 *
 * Its native surface says more than the others that it has: how long everything took, what was cached, and whether a
 * model thinks. What is asked for is always a stream, and always with a prompt that must not be cut.
 */
import { Call, Options as CoreOptions, type Question, type SpillwayError, type Upstream } from "@spillway/core"
import { Effect, Option, Schema, type Scope, Semaphore } from "effect"
import { addressOf, reach } from "./Address.ts"
import * as Connection from "./Connection.ts"
import * as Exchange from "./Exchange.ts"
import { put } from "./ollama/Body.ts"
import * as Failures from "./ollama/Failures.ts"
import { reading } from "./ollama/Frames.ts"
import { load } from "./ollama/Load.ts"
import * as Loading from "./ollama/Loading.ts"
import * as Models from "./ollama/Models.ts"
import * as Opening from "./ollama/Opening.ts"
import { type Progress, pull } from "./ollama/Pull.ts"
import { show, type Shown } from "./ollama/Show.ts"
import { isCut, mayCut } from "./ollama/Truncation.ts"
import { failed, type Wire } from "./Wire.ts"

/** Where a server is, and what bounds its answers. */
export const Options = Schema.Struct({
  ...reach("http://127.0.0.1:11434")
})

/** The options as TypeScript takes them. */
export type Options = CoreOptions.Widened<typeof Options.Encoded>

export type { Progress, Shown }

/** An upstream that is an Ollama: it also tells what a model is, fetches one, and loads it. */
export interface Ollama extends Upstream {
  readonly show: (model: string) => Effect.Effect<Shown, SpillwayError>
  readonly pull: (model: string, told?: (progress: Progress) => void) => Effect.Effect<void, SpillwayError>
  readonly load: (model: string, kept?: Question.Kept) => Effect.Effect<void, SpillwayError>
}

/** Makes an upstream of it, whose connections are closed with its scope. */
export const make = (
  name: string,
  options: Options = {}
): Effect.Effect<Ollama, CoreOptions.OptionsRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const { bodyMax, connections, key, lineMax, url } = yield* CoreOptions.decode("Ollama", Options)(options)
    const { headers: named, origin, prefix } = addressOf(url, /\/(?:api|v1)$/)
    const connection = yield* Connection.open({ origin, connections })
    const headers: Exchange.Place["headers"] =
      key === undefined ? named : { ...named, authorization: `Bearer ${key.trim()}` }
    const place = { upstream: name, connection, prefix, headers, bounds: { lineMax, bodyMax } }
    // Whoever looks, fetches or loads waits for no question to give its connection back.
    const beside = { ...place, connection: yield* Connection.open({ origin, connections: Connection.besideMax }) }
    return {
      name,
      call: whole(Loading.told(Call.goingOn(Exchange.call(wire, place), Opening.reads(place)), beside, origin), beside),
      inspect: Models.inspect(beside),
      show: (model) => show(beside, model),
      pull: (model, told) => pull(beside, model, told),
      load: (model, kept) => load(beside, origin, model, kept)
    }
  })

const wire: Wire = { put, reading, refused: Failures.refused }

/** The same call, which never takes a prompt that was cut for one that was read. */
const whole = (call: Call.Call<SpillwayError>, beside: Exchange.Place): Call.Call<SpillwayError> => {
  /** Whether this server cuts: it is asked for its version once, at the end of its first answer. */
  let cuts: boolean | undefined
  const one = Semaphore.makeUnsafe(1)
  // Of many who have their answers one asks, and nobody waits long, nor is asked again and again who says nothing.
  const asksVersion = one.withPermit(
    Effect.suspend(() =>
      cuts !== undefined
        ? Effect.succeed(cuts)
        : Effect.map(
            Effect.timeoutOption(Effect.option(Models.version(beside)), lookWithin),
            (said) => (cuts = mayCut(Option.getOrElse(Option.flatten(said), () => "")))
          )
    )
  )
  return (question, attempt) => {
    if (cuts === false || question.kind === "embed") return call(question, attempt)
    return Effect.flatMap(call(question, attempt), (summary) => {
      const counted = summary.usage?.input
      if (counted === undefined) return Effect.succeed(summary)
      const known = cuts === undefined ? asksVersion : Effect.succeed(cuts)
      const context = Effect.flatMap(known, (isOld) =>
        isOld ? Effect.timeoutOption(Models.contextOf(beside, question.model), lookWithin) : Effect.succeedNone
      )
      // What cannot be looked up is not held against an answer.
      return Effect.flatMap(
        Effect.orElseSucceed(context, () => Option.none()),
        (found) =>
          isCut(counted, Option.getOrUndefined(found), question)
            ? Effect.fail(truncated(`${beside.upstream}/${question.model}`, question.prompt.likely, counted))
            : Effect.succeed(summary)
      )
    })
  }
}

const lookWithin = "1 second"

const truncated = (target: string, expected: number, counted: number): SpillwayError =>
  failed({ _tag: "Truncated", target, expected, counted })
