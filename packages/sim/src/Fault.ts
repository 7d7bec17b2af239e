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
  /** Whether only an answer of words can show it. */
  readonly isOfWords?: boolean
}

/** The models that faults can be for. */
export interface Models {
  /** Those that there are by now, each by all the names that callers may give it, the usual one first. */
  readonly all: () => ReadonlyArray<{ readonly names: ReadonlyArray<string>; readonly isVectors?: boolean }>
  /** All the names of what a caller asks for, whichever of them he gave. */
  readonly namesOf: (asked: string) => ReadonlyArray<string>
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
  const refused = (expected: string) => Effect.fail(new FaultRefused({ read: JSON.stringify(text), expected }))
  for (const word of words) {
    const said = saidBy(word)
    if (said === undefined) {
      return refused(`"${word}" means nothing here; write a share (20%), a number of times (x3) or ${wordsOf}`)
    }
    const [name, value] = said
    if (value === "") return refused(`"${word}" says nothing; write a value after the =, or leave it out`)
    if (Object.hasOwn(options, name)) return refused(`"${word}" is a second ${name}; leave one of them out`)
    options[name] = value
  }
  return Effect.succeed(options as Options)
}

/** What one word says of a fault: a name and its value. */
const saidBy = (word: string): readonly [name: string, value: unknown] | undefined => {
  if (/^[\d.]+%$/.test(word)) return ["share", word]
  if (/^x\d+$/.test(word)) return ["count", Number(word.slice(1))]
  const [name = "", value] = word.split(/=(.*)/s)
  if (value === undefined || name === "fault" || !Object.hasOwn(Options.fields, name)) return undefined
  return [name, value !== "" && (name === "count" || name === "at") ? Number(value) : value]
}

const wordsOf = Object.keys(Options.fields)
  .filter((name) => name !== "fault" && name !== "share" && name !== "count")
  .map((name) => `${name}=...`)
  .join(", ")

/** Whether a fault that is on strikes now, will later, or has struck for the last time. */
export type Phase = "now" | "later" | "over"

/** One that is on, since when, and how often it was asked and struck. */
interface Switched {
  readonly fault: Fault
  /** Whether it is for a model of this name. */
  readonly isNamed: (name: string) => boolean
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
  private readonly models: Models
  private switched: Array<Switched> = []

  constructor(agenda: Agenda, seed: number, known: Switchboard["known"], models: Models) {
    this.agenda = agenda
    this.seed = seed
    this.known = known
    this.models = models
  }

  /** Those that are on, with how often each has struck, and whether it strikes now. */
  get on(): ReadonlyArray<Fault & { readonly struck: number; readonly phase: Phase }> {
    return this.switched.map((switched) => {
      return { ...switched.fault, struck: switched.struck, phase: this.phaseOf(switched) }
    })
  }

  /** Switches one on, beside those that are on already. */
  add(given: Options | string): Effect.Effect<void, FaultRefused | CoreOptions.OptionsRefused> {
    const options = typeof given === "string" ? parse(given) : Effect.succeed(given)
    return Effect.flatMap(Effect.flatMap(options, CoreOptions.decode("Fault", Options)), (fault) => {
      const isNamed = matching(fault.model ?? "*")
      return Effect.suspend(() => {
        const refused =
          refusalOf(fault, this.known) ??
          modelRefusal(fault, isNamed, this.known.get(fault.fault), this.models.all()) ??
          (this.switched.length < onMax ? undefined : tooMany(fault))
        if (refused !== undefined) return Effect.fail(refused)
        this.switched.push({ fault, isNamed, since: this.agenda.now, asked: 0, struck: 0 })
        return Effect.void
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
      if (!names.has(fault.fault) || this.phaseOf(switched) !== "now" || !isFor(fault, asked)) continue
      if (fault.model !== undefined && !this.models.namesOf(asked.model ?? "").some(switched.isNamed)) continue
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

  private phaseOf({ fault, since, struck }: Switched): Phase {
    if (struck >= (fault.count ?? Infinity)) return "over"
    const passed = this.agenda.now - since - nanosOf(fault.after, 0)
    if (passed < 0) return "later"
    const into = fault.every === undefined ? passed : passed % nanosOf(fault.every, Infinity)
    if (into < nanosOf(fault.for, Infinity)) return "now"
    return fault.every === undefined ? "over" : "later"
  }
}

const nanosOf = (duration: Fault["after"], otherwise: number): number =>
  duration === undefined ? otherwise : Alarm.nanos(duration)

const isFor = ({ path }: Fault, asked: Questioned): boolean =>
  // A load belongs to no path.
  path === undefined || asked.path === ""
    ? asked.method !== "GET" && asked.method !== "HEAD"
    : asked.path.startsWith(path)

/** Whether a name is one of a pattern in which `*` stands for anything, with the usual tag or without it. */
const matching = (pattern: string): ((name: string) => boolean) => {
  const [first = "", ...rest] = pattern.split("*")
  const last = rest.pop()
  // Each part is looked for after the one before it, and nothing is tried twice.
  const isWhole = (name: string): boolean => {
    if (last === undefined) return name === first
    const end = name.length - last.length
    if (!name.startsWith(first) || !name.endsWith(last)) return false
    let from = first.length
    for (const part of rest) {
      const at = name.indexOf(part, from)
      if (at < 0) return false
      from = at + part.length
    }
    return from <= end
  }
  return (name) => isWhole(name) || (name.endsWith(usualTag) && isWhole(name.slice(0, -usualTag.length)))
}

const usualTag = ":latest"

/** Names no fault: says so, with the one that was meant. */
export const unknown = (name: string, names: Iterable<string>): FaultRefused =>
  new FaultRefused({ read: JSON.stringify(name), expected: oneOf(name, names) })

/** How many may be on at once: each is asked about each request. */
const onMax = 100

const tooMany = ({ fault }: Fault): FaultRefused =>
  new FaultRefused({
    read: `${JSON.stringify(fault)} after ${onMax} others`,
    expected: `no more than ${onMax} are on at once; switch some off first`
  })

const refusedFor = ({ fault }: Fault, word: string, expected: string): FaultRefused =>
  new FaultRefused({ read: JSON.stringify(`${fault} ${word}`), expected })

/** Why a fault could never strike as it is written, if that is so. */
const refusalOf = (fault: Fault, known: ReadonlyMap<string, Known>): FaultRefused | undefined => {
  const { at, fault: name, path } = fault
  const found = known.get(name)
  if (found === undefined) return unknown(name, known.keys())
  const refused = (word: string, expected: string) => refusedFor(fault, word, expected)
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
  if (at !== undefined && span !== undefined && found.at === "packets") {
    return refused(`at=${at} span=${span}`, "it breaks an answer at a place or after a time; leave one of them out")
  }
  if (at !== undefined && found.at === "status" && !(at >= 1 && at <= statusMax)) {
    return refused(`at=${at}`, `a process ends with a status from 1 to ${statusMax}`)
  }
  if (fault.share === 0) return refused("0%", "no request is ever struck; write a share above 0%, or leave it out")
  if (fault.count === 0) return refused("x0", "no request is ever struck; write a number from 1 on, or leave it out")
  return windowRefusal(fault)
}

/** The highest status that a process can end with. */
const statusMax = 255

const windowRefusal = (fault: Fault): FaultRefused | undefined => {
  const { every, for: lasting } = fault
  if (every === undefined) return undefined
  const again = Units.span.print(every)
  if (lasting === undefined) {
    return refusedFor(
      fault,
      `every=${again}`,
      "it is on all the time; write for=... to say how long it lasts each time"
    )
  }
  if (Alarm.nanos(lasting) <= Alarm.nanos(every)) return undefined
  const read = `for=${Units.span.print(lasting)} every=${again}`
  return refusedFor(fault, read, "it lasts longer than until it begins again; write a shorter for or a longer every")
}

/** Why no model there is could show a fault. */
const modelRefusal = (
  fault: Fault,
  isNamed: (name: string) => boolean,
  known: Known | undefined,
  models: ReturnType<Models["all"]>
): FaultRefused | undefined => {
  const { model } = fault
  if (model === undefined) return undefined
  const meant = models.filter(({ names }) => names.some(isNamed))
  const usual = (of: typeof models) => of.flatMap(({ names: [each = ""] }) => each)
  if (meant.length === 0) {
    return refusedFor(fault, `model=${model}`, `no model here is called so; ${oneOf(model, usual(models))}`)
  }
  if (known?.isOfWords !== true || meant.some(({ isVectors }) => isVectors !== true)) return undefined
  const others = usual(models.filter(({ isVectors }) => isVectors !== true))
  const advice =
    others.length === 0 ? "and there is no other model" : `write one of ${others.slice(0, namesMax).join(", ")}`
  return refusedFor(fault, `model=${model}`, `it strikes answers of words, and that model makes vectors; ${advice}`)
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
