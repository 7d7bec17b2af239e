/**
 * The control API of a simulated server: `/_sim/faults` and `/_sim/requests`, beside whatever it simulates.
 *
 * Faults are written as on the command line, `overloaded 20% for=60s`, or as an object: also as they are told, so that
 * what was read can be written back.
 */
import { Units } from "@spillway/core"
import { Cause, Duration, Effect, Exit } from "effect"
import type { Asked, Handler, Headers, Reply } from "./Exchange.ts"
import * as Fault from "./Fault.ts"
import * as Host from "./Host.ts"
import type { Ollama } from "./ollama/Ollama.ts"
import type { Traffic } from "./Traffic.ts"

/** What is controlled. */
export interface Controlled {
  readonly faults: Fault.Switchboard
  /** Every fault there is, and what its callers see. */
  readonly known: Readonly<Record<string, { readonly where: string; readonly what: string }>>
  readonly traffic: Traffic
  /** How each model stands. */
  readonly models: () => unknown
}

const base = "/_sim"

/** Whether a request is meant for this API. */
export const isFor = ({ path }: Asked): boolean => path === base || path.startsWith(`${base}/`)

/** Answers what is meant for this API; all else is written down, and left to another. */
export const beside =
  (controlled: Controlled, other: Handler): Handler =>
  (asked, reply) => {
    if (!isFor(asked)) return other(asked, controlled.traffic.follow(asked, reply))
    if (asked.headers.origin !== undefined || !Host.isOwn(asked.headers.host)) {
      return say(reply, 403, { error: "no page may control a simulation" })
    }
    const path = asked.path.slice(base.length)
    const methods = answers[path]
    if (methods === undefined) {
      return say(reply, 404, { error: `write one of ${Object.keys(answers).join(", ")} after ${base}` })
    }
    const answer = methods[asked.method]
    if (answer !== undefined) return answer(controlled, asked, reply)
    const allowed = Object.keys(methods)
    say(reply, 405, { error: `${base}${path} takes ${allowed.join(" or ")}` }, [["Allow", allowed.join(", ")]])
  }

type Answer = (controlled: Controlled, asked: Asked, reply: Reply) => void

/** By path, then by method. */
const answers: Readonly<Record<string, Readonly<Record<string, Answer>>>> = {
  "/faults": {
    GET: ({ faults, known }, _, reply) => say(reply, 200, { on: told(faults), known }),
    POST: ({ faults }, { body }, reply) => {
      const exit = Effect.runSyncExit(faults.add(written(body)))
      if (Exit.isSuccess(exit)) return say(reply, 200, { on: told(faults) })
      say(reply, 400, { error: (Cause.squash(exit.cause) as Error).message })
    },
    DELETE: ({ faults, known }, { query }, reply) => {
      // A name that is misspelt must not switch all of them off.
      const other = [...query.keys()].find((key) => key !== "fault")
      if (other !== undefined) return say(reply, 400, { error: `write fault=NAME, or nothing for all; read ${other}` })
      const name = query.get("fault") ?? undefined
      if (name !== undefined && !Object.hasOwn(known, name)) {
        return say(reply, 404, { error: Fault.unknown(name, Object.keys(known)).message })
      }
      faults.remove(name)
      say(reply, 200, { on: told(faults) })
    }
  },
  "/requests": {
    DELETE: ({ traffic }, _, reply) => {
      traffic.forgetEnded()
      say(reply, 200, { count: traffic.count, requests: traffic.passages })
    },
    GET: ({ traffic }, _, reply) => say(reply, 200, { count: traffic.count, requests: traffic.passages })
  },
  "/models": { GET: ({ models }, _, reply) => say(reply, 200, { models: models() }) }
}

/** The faults that are on, with their times as they are written. */
const told = ({ on }: Fault.Switchboard): ReadonlyArray<unknown> =>
  on.map((fault) =>
    Object.fromEntries(
      Object.entries(fault).map(([name, value]) => [
        name,
        Duration.isDuration(value) ? Units.duration.print(value) : value
      ])
    )
  )

/** An object, or the words of a command line. */
const written = (body: string): Fault.Options | string => {
  if (!body.trimStart().startsWith("{")) return body
  try {
    return again(JSON.parse(body) as Readonly<Record<string, unknown>>)
  } catch {
    return body
  }
}

/** What was told of a fault, as it is switched on again: its share may be a number, and it has struck nobody yet. */
const again = (options: Readonly<Record<string, unknown>>): Fault.Options => {
  const { share } = options
  const isShare = typeof share === "number" && share >= 0 && share <= 1
  return {
    ...options,
    struck: undefined,
    phase: undefined,
    share: isShare ? Units.percent.print(share) : share
  } as unknown as Fault.Options
}

/** How each model stands: what is loaded, what runs, who waits. */
export const statesOf = ({ models, scheduler }: Ollama) =>
  models.map(({ digest, name }) => {
    const resident = scheduler.residents.get(digest)
    return {
      name,
      loaded: resident !== undefined,
      context: resident?.launch.context,
      slots: resident?.runner.slots.length,
      running: resident?.runner.running ?? 0,
      waiting: resident?.runner.waiting ?? 0,
      waitingForLoad: scheduler.waiting.filter((each) => each.digest === digest).length
    }
  })

const json: Headers = [["Content-Type", "application/json"]]

const say = (reply: Reply, status: number, value: unknown, more: Headers = []): void =>
  reply.whole(status, [...json, ...more], `${JSON.stringify(value)}\n`)
