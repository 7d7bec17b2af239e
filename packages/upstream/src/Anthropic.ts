/**
 * Anthropic, or a server that speaks as it does, over `/v1/messages`.
 *
 * It wants a bound for every answer and its own signature under every thought that it is given back; the rest is what
 * other servers know under other names.
 */
import { Call, Options as CoreOptions, Units, type Upstream } from "@spillway/core"
import { Effect, Schema, type Scope } from "effect"
import { addressOf, reach } from "./Address.ts"
import { reading } from "./anthropic/Blocks.ts"
import { put } from "./anthropic/Body.ts"
import { reads } from "./anthropic/Opening.ts"
import { refused } from "./anthropic/Failures.ts"
import * as Connection from "./Connection.ts"
import * as Exchange from "./Exchange.ts"
import { inspect } from "./Listing.ts"
import type { Wire } from "./Wire.ts"

/** Where a server is, what it must be told, and what bounds its answers. */
export const Options = Schema.Struct({
  ...reach("https://api.anthropic.com"),
  /** The bound of an answer where a question has none. */
  maxTokens: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(4_096))),
  /** How thinking is asked for: what models from Claude 4.6 on understand, what those before do, or by their names. */
  thinking: Schema.Literals(["auto", "adaptive", "budget"]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("auto" as const))
  )
})

/** The options as TypeScript takes them. */
export type Options = CoreOptions.Widened<typeof Options.Encoded>

/** The version of the interface, which is not that of any model. */
const version = "2023-06-01"

/** Makes an upstream of it, whose connections are closed with its scope. */
export const make = (
  name: string,
  options: Options = {}
): Effect.Effect<Upstream, CoreOptions.OptionsRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const { bodyMax, connections, key, lineMax, maxTokens, thinking, url } = yield* CoreOptions.decode(
      "Anthropic",
      Options
    )(options)
    const { headers: named, origin, prefix } = addressOf(url, /\/v1(?:\/messages)?$/)
    const connection = yield* Connection.open({ origin, connections })
    const place: Exchange.Place = {
      upstream: name,
      connection,
      prefix,
      headers: { ...named, "anthropic-version": version, ...(key !== undefined && { "x-api-key": key.trim() }) },
      bounds: { lineMax, bodyMax }
    }
    const wire: Wire = { put: put({ maxTokens, thinking }), reading, refused }
    const beside = { ...place, connection: yield* Connection.open({ origin, connections: Connection.besideMax }) }
    // As many as a page has at most.
    const look = inspect(wire, beside, "/v1/models?limit=1000", ["max_input_tokens"])
    return { name, call: Call.goingOn(Exchange.call(wire, place), reads), inspect: look }
  })
