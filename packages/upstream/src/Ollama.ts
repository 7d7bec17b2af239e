/**
 * A server that runs Ollama, or Ollama Cloud, over its own `/api`.
 *
 * Its native surface says more than the others that it has: how long everything took, what was cached, and whether a
 * model thinks. What is asked for is always a stream, and always with a prompt that must not be cut.
 */
import { type Call, Options as CoreOptions, type SpillwayError, Units, type Upstream } from "@spillway/core"
import { Effect, Schema, type Scope } from "effect"
import * as Connection from "./Connection.ts"
import * as Exchange from "./Exchange.ts"
import { put } from "./ollama/Body.ts"
import * as Failures from "./ollama/Failures.ts"
import { reading } from "./ollama/Frames.ts"
import * as Loading from "./ollama/Loading.ts"
import * as Models from "./ollama/Models.ts"
import { type Progress, pull } from "./ollama/Pull.ts"
import { show, type Shown } from "./ollama/Show.ts"
import { isCut, mayCut } from "./ollama/Truncation.ts"
import { placeOf, urlSchema } from "./Place.ts"
import { failed, type Wire } from "./Wire.ts"

/** Where a server is, and what bounds its answers. */
export const Options = Schema.Struct({
  url: urlSchema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("http://127.0.0.1:11434"))),
  /** A key that is sent along, as Ollama Cloud wants one. */
  key: Schema.optionalKey(Schema.NonEmptyString),
  /** How many connections at most: a question that finds all of them in use waits for one. */
  connections: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(256))),
  /** The longest line of a stream in characters, and the longest body of vectors in bytes. */
  lineMax: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(16_000_000))),
  bodyMax: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(256_000_000)))
})

/** The options as TypeScript takes them. */
export type Options = CoreOptions.Widened<typeof Options.Encoded>

export type { Progress, Shown }

/** An upstream that is an Ollama: it also tells what a model is, and fetches one. */
export interface Ollama extends Upstream {
  readonly show: (model: string) => Effect.Effect<Shown, SpillwayError>
  readonly pull: (model: string, told?: (progress: Progress) => void) => Effect.Effect<void, SpillwayError>
}

/** Makes an upstream of it, whose connections are closed with its scope. */
export const make = (
  name: string,
  options: Options = {}
): Effect.Effect<Ollama, CoreOptions.OptionsRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const { bodyMax, connections, key, lineMax, url } = yield* CoreOptions.decode("Ollama", Options)(options)
    const { headers: named, origin, prefix } = placeOf(url)
    const connection = yield* Connection.open({ origin, connections })
    const headers: Exchange.Place["headers"] = key === undefined ? named : { authorization: `Bearer ${key}` }
    const place = { upstream: name, connection, prefix, headers, bounds: { lineMax, bodyMax } }
    const call = Exchange.call(wire, place)
    // Whoever looks what is loaded waits for no question to give its connection back.
    const beside = { ...place, connection: yield* Connection.open({ origin, connections: 1 }) }
    return {
      name,
      call: whole(Loading.told(call, beside, origin), place),
      inspect: Models.inspect(place),
      show: (model) => show(place, model),
      pull: (model, told) => pull(place, model, told)
    }
  })

const wire: Wire = { put, reading, refused: Failures.refused }

/** The same call, which never takes a prompt that was cut for one that was read. */
const whole = (call: Call.Call<SpillwayError>, place: Exchange.Place): Call.Call<SpillwayError> => {
  /** Whether this server cuts: it is asked for its version once, at the end of its first answer. */
  let cuts: boolean | undefined
  const asksVersion = Effect.map(Models.version(place), (version) => (cuts = mayCut(version)))
  return (question, attempt) =>
    Effect.flatMap(call(question, attempt), (summary) => {
      const counted = summary.usage?.input
      if (counted === undefined || question.kind === "embed" || cuts === false) return Effect.succeed(summary)
      const known = cuts === undefined ? asksVersion : Effect.succeed(cuts)
      const context = Effect.flatMap(known, (isOld) =>
        isOld ? Models.contextOf(place, question.model) : Effect.undefined
      )
      // What cannot be looked up is not held against an answer.
      return Effect.flatMap(
        Effect.orElseSucceed(context, () => undefined),
        (found) =>
          found !== undefined && isCut(counted, found, question)
            ? Effect.fail(truncated(`${place.upstream}/${question.model}`, question.prompt.likely, counted))
            : Effect.succeed(summary)
      )
    })
}

const truncated = (target: string, expected: number, counted: number): SpillwayError =>
  failed({ _tag: "Truncated", target, expected, counted })
