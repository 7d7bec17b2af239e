/**
 * Faults: what may go wrong, and when it does.
 *
 * Whether a fault strikes a request is decided when the request comes, from the seed, so that the same requests meet
 * the same faults again. What a fault does is said where it happens: at the door, while a model loads, in its runner.
 */
import { Alarm, Options as CoreOptions, Units } from "@spillway/core"
import { Data, Effect, Schema } from "effect"
import type { Agenda } from "./Agenda.ts"
import * as Words from "./Words.ts"

const optional = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(schema)

/** When a fault strikes, and how: everything that is named has to hold. */
export const Options = Schema.Struct({
  fault: Schema.String,
  /** The share of the requests it would strike; all of them where nothing is said. */
  share: optional(Units.percent.schema),
  /** So many requests, then no more. */
  count: optional(Units.count.schema),
  /** Only requests for models of this name; `*` stands for anything. */
  model: optional(Schema.String),
  /** Only requests to paths that begin so; where nothing is said, all but those that only look (GET). */
  path: optional(Schema.String),
  /** From so long after it was switched on, for so long, and again every so long. */
  after: optional(Units.duration.schema),
  for: optional(Units.span.schema),
  every: optional(Units.span.schema),
  /** After how many tokens, or packets, for what breaks in the midst of an answer; drawn where nothing is said. */
  at: optional(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))),
  /** How long, for what takes time or says when to come back. */
  span: optional(Units.span.schema)
})

/** A fault as TypeScript takes it. */
export type Options = CoreOptions.Widened<typeof Options.Encoded>

/** A fault that is switched on. */
export type Fault = typeof Options.Type

/** A fault that struck, with what was drawn for it. */
export interface Struck {
  readonly name: string
  readonly at: number | undefined
  /** Nanoseconds. */
  readonly span: number | undefined
  /** Drawn for this request: another one has another. */
  readonly draw: number
}

/** What there is to know of a fault before it is switched on. */
export interface Known {
  /** What `at` and `span` are to it, where they are anything. */
  readonly at?: string
  readonly span?: string
  /** The paths whose requests can show it; a `*` at the end stands for any name. */
  readonly paths: ReadonlyArray<string>
}

/** What is asked of the faults that are on. */
export interface Faults {
  /** The first of these that strikes this request, in the order in which they were switched on. */
  strike(names: { has(name: string): boolean }, asked: Questioned): Struck | undefined
}

/** What is looked at of a request. */
export interface Questioned {
  readonly path: string
  readonly model?: string
  readonly method?: string
}

/** No such fault, no such word of it, or none that could ever matter: what was read and what would be right. */
export class FaultRefused extends Data.TaggedError("FaultRefused")<{
  readonly read: string
  readonly expected: string
}> {
  override get message(): string {
    return `${this.read} is no fault: ${this.expected}`
  }
}

/**
 * Reads a fault as it is written on a command line: its name, then in any order a share (`20%`), a number of times
 * (`x3`), and whatever else by its name (`model=llama* after=10s for=60s at=3`).
 */
export const parse = (text: string): Effect.Effect<Options, FaultRefused> => {
  const [fault = "", ...words] = text.trim().split(/\s+/)
  const options: Record<string, unknown> = { fault }
  for (const word of words) {
    const [name = "", value] = word.split(/=(.*)/s)
    if (/^[\d.]+%$/.test(word)) options.share = word
    else if (/^x\d+$/.test(word)) options.count = Number(word.slice(1))
    else if (value !== undefined && name !== "fault" && Object.hasOwn(Options.fields, name)) {
      options[name] = name === "count" || name === "at" ? Number(value) : value
    } else {
      const expected = `"${word}" means nothing here; write a share (20%), a number of times (x3) or ${wordsOf}`
      return Effect.fail(new FaultRefused({ read: JSON.stringify(text), expected }))
    }
  }
  return Effect.succeed(options as Options)
}

const wordsOf = Object.keys(Options.fields)
  .filter((name) => name !== "fault" && name !== "share" && name !== "count")
  .map((name) => `${name}=...`)
  .join(", ")

/** One that is on, since when, and how often it was asked and struck. */
interface Switched {
  readonly fault: Fault
  readonly since: number
  asked: number
  struck: number
}

/** Faults that can be switched on and off at any moment. */
export class Switchboard implements Faults {
  private readonly agenda: Agenda
  private readonly seed: number
  /** Every fault there is. */
  private readonly known: ReadonlyMap<string, Known>
  /** The models there are by now, each by all the names that callers may give it, the usual one first. */
  private readonly models: () => ReadonlyArray<ReadonlyArray<string>>
  private switched: Array<Switched> = []

  constructor(agenda: Agenda, seed: number, known: Switchboard["known"], models: Switchboard["models"]) {
    this.agenda = agenda
    this.seed = seed
    this.known = known
    this.models = models
  }

  /** Those that are on, with how often each has struck. */
  get on(): ReadonlyArray<Fault & { readonly struck: number }> {
    return this.switched.map(({ fault, struck }) => ({ ...fault, struck }))
  }

  /** Switches one on, beside those that are on already. */
  add(given: Options | string): Effect.Effect<void, FaultRefused | CoreOptions.OptionsRefused> {
    const options = typeof given === "string" ? parse(given) : Effect.succeed(given)
    return Effect.flatMap(Effect.flatMap(options, CoreOptions.decode("Fault", Options)), (fault) => {
      const refused = refusalOf(fault, this.known, this.models())
      if (refused !== undefined) return Effect.fail(refused)
      return Effect.sync(() => {
        this.switched.push({ fault, since: this.agenda.now, asked: 0, struck: 0 })
      })
    })
  }

  /** Switches off those of this name, or all; says how many. */
  remove(name?: string): number {
    const before = this.switched.length
    this.switched = this.switched.filter(({ fault }) => name !== undefined && fault.fault !== name)
    return before - this.switched.length
  }

  strike(names: { has(name: string): boolean }, asked: Questioned): Struck | undefined {
    for (const switched of this.switched) {
      const { fault } = switched
      if (!names.has(fault.fault) || !this.isDue(switched) || !isFor(fault, asked)) continue
      const key = Words.keyOf(this.seed, fault.fault)
      const draw = Words.drawn(key, switched.asked++, 2 ** 32)
      if (draw >= (fault.share ?? 1) * 2 ** 32) continue
      switched.struck++
      return {
        name: fault.fault,
        at: fault.at,
        span: fault.span === undefined ? undefined : Alarm.nanos(fault.span),
        draw: Words.drawn(draw, 0, 2 ** 32)
      }
    }
    return undefined
  }

  private isDue({ fault, since, struck }: Switched): boolean {
    if (struck >= (fault.count ?? Infinity)) return false
    const passed = this.agenda.now - since - nanosOf(fault.after, 0)
    const into = fault.every === undefined ? passed : passed % nanosOf(fault.every, Infinity)
    return passed >= 0 && into < nanosOf(fault.for, Infinity)
  }
}

const nanosOf = (duration: Fault["after"], otherwise: number): number =>
  duration === undefined ? otherwise : Alarm.nanos(duration)

const isFor = ({ model, path }: Fault, asked: Questioned): boolean =>
  // A load belongs to no path.
  (path === undefined || asked.path === ""
    ? asked.method !== "GET" && asked.method !== "HEAD"
    : asked.path.startsWith(path)) &&
  (model === undefined || matches(model, asked.model ?? ""))

const matches = (pattern: string, name: string): boolean =>
  new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}(:latest)?$`).test(name)

/** Why a fault could never strike as it is written, if that is so. */
const refusalOf = (
  fault: Fault,
  known: ReadonlyMap<string, Known>,
  models: ReadonlyArray<ReadonlyArray<string>>
): FaultRefused | undefined => {
  const { fault: name, model, path } = fault
  const found = known.get(name)
  if (found === undefined) return new FaultRefused({ read: JSON.stringify(name), expected: oneOf(name, known.keys()) })
  const refused = (word: string, expected: string) =>
    new FaultRefused({ read: JSON.stringify(`${name} ${word}`), expected })
  const span = fault.span && Units.span.print(fault.span)
  for (const [word, value] of [["at", fault.at] as const, ["span", span] as const]) {
    if (value === undefined || found[word] !== undefined) continue
    const others = [...known].flatMap(([other, each]) => (each[word] === undefined ? [] : [other]))
    return refused(`${word}=${value}`, `"${word}" means nothing to it, only to ${others.join(", ")}; leave it out`)
  }
  if (path !== undefined && found.paths.length === 0) {
    return refused(`path=${path}`, "no path leads to it; leave the path out")
  }
  if (path !== undefined && !found.paths.some((each) => beginsWith(each, path))) {
    return refused(`path=${path}`, `no path where it can strike begins so; ${oneOf(path, found.paths)}`)
  }
  if (model !== undefined && !models.flat().some((each) => matches(model, each))) {
    const usual = models.flatMap(([each = ""]) => each)
    return refused(`model=${model}`, `no model here is called so; ${oneOf(model, usual)}`)
  }
  return undefined
}

const beginsWith = (served: string, path: string): boolean =>
  served.startsWith(path) || (served.endsWith("*") && path.startsWith(served.slice(0, -1)))

/** What was meant, or else what there is, as far as it fits a line. */
const oneOf = (read: string, names: Iterable<string>): string => {
  const all = [...names]
  const near = CoreOptions.nearest(read, all)
  return near === undefined ? `write one of ${all.slice(0, namesMax).join(", ")}` : `did you mean ${near}?`
}

const namesMax = 50
