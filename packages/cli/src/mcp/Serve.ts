/**
 * Runs the door until its client is gone, or until it is told to stop.
 */
// @effect-diagnostics globalTimersInEffect:off processEnv:off
import { createSpillway } from "@spillway/core"
import { Binding, Door, Http, Stdio, Surface } from "@spillway/mcp"
import { Console, Effect, Option } from "effect"
import { parent } from "../Parent.ts"
import { Refused } from "../Refused.ts"
import { stopAsked } from "../terminal/Stop.ts"
import { version } from "../Version.ts"
import type { Given } from "./Command.ts"
import { keysOf, optionsOf, patienceOf } from "./Upstreams.ts"

/** Serves as it was told to. */
export const serve = (given: Given): Effect.Effect<void, Refused> =>
  Effect.gen(function* () {
    yield* fitting(given)
    const options = yield* Effect.fromResult(optionsOf(given, process.env))
    const keys = yield* Effect.fromResult(keysOf(given.keys, process.env))
    const patience = yield* Effect.fromResult(patienceOf(given.patience))
    const { close, service } = yield* Effect.try({
      try: () => createSpillway(options),
      catch: (thrown) => new Refused({ sentence: String(thrown instanceof Error ? thrown.message : thrown), code: 2 })
    })
    yield* Effect.addFinalizer(() => Effect.promise(close))
    const routes = Object.keys(options.routes ?? {})
    const door = yield* Door.make({ service, routes, ...(patience !== undefined && { patience }) })
    const surface = Surface.make(door, { admin: given.admin })
    const serveTo = (caller: string) => Binding.bind(surface, { caller, version })
    const caller = Option.getOrElse(given.caller, () => "default")
    if (!given.http) {
      if (process.stdin.isTTY) yield* Console.error("spillway: waiting for an MCP client on standard input.")
      const served = Stdio.serve(serveTo(caller), { parent })
      yield* Effect.mapError(served, ({ message }) => new Refused({ sentence: message, code: 1 }))
    } else {
      const { allowedHosts: hosts, host, port } = given
      const { url } = yield* Effect.mapError(
        Http.open(serveTo, {
          ...(Option.isSome(host) && { host: host.value }),
          port: Option.getOrElse(port, () => usualPort),
          ...(keys !== undefined && { keys }),
          caller,
          hosts
        }),
        ({ sentence }) => new Refused({ sentence, code: 1 })
      )
      yield* Console.error(`spillway: listening on ${url}`)
      yield* stopAsked
    }
    // What does not end by itself is ended: nobody waits for it any more.
    yield* Effect.sync(() => setTimeout(() => process.exit(1), drainMillis).unref())
  }).pipe(Effect.scoped)

/** Refuses what is only for a server that listens, and a name where each key has one. */
const fitting = ({ allowedHosts, caller, host, http, keys, port }: Given): Effect.Effect<void, Refused> => {
  if (Option.isSome(caller) && caller.value.trim() === "") {
    return Effect.fail(new Refused({ sentence: "--caller is no name: write one, or leave it out.", code: 2 }))
  }
  if (http && keys.length > 0 && Option.isSome(caller)) {
    const sentence = "--caller names everybody, and --key each one: leave one of them out."
    return Effect.fail(new Refused({ sentence, code: 2 }))
  }
  const flags = { "--port": Option.isSome(port), "--host": Option.isSome(host) }
  const lists = { "--key": keys.length > 0, "--allow-host": allowedHosts.length > 0 }
  const given = Object.entries({ ...flags, ...lists }).flatMap(([flag, isGiven]) => (isGiven ? [flag] : []))
  if (http || given.length === 0) return Effect.void
  const [are, them] = given.length === 1 ? ["is", "it"] : ["are", "them"]
  const sentence = `${given.join(", ")} ${are} for a server: say --http, or leave ${them} out.`
  return Effect.fail(new Refused({ sentence, code: 2 }))
}

/** One above the gateway's. */
const usualPort = 11_436

const drainMillis = 5_000
