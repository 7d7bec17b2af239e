/**
 * The one place through which the options of every policy are decoded.
 *
 * Schema's own messages leave out the value that was read and suggest nothing for an unknown key, so the issues are
 * told again here: all of them at once, each with where, what was read and what would be right. Effect Durations become
 * milliseconds before decoding rather than in the schemas, because a Duration on the encoded side spoils the JSON
 * Schema that the file is checked with. Values of keys that look like secrets are never shown.
 */
import { Data, Duration, Effect, type Pipeable, Schema, SchemaAST, type SchemaIssue, SchemaParser } from "effect"
import { shown, UnitRefused } from "./Notation.ts"

/** One option that was refused: where, what was read (empty where that says nothing) and what would be right. */
export interface Problem {
  readonly path: string
  readonly read: string
  readonly expected: string
}

/** Options that were refused: every problem at once, each with where, what was read and what would be right. */
export class OptionsRefused extends Data.TaggedError("OptionsRefused")<{
  readonly of: string
  readonly problems: ReadonlyArray<Problem>
}> {
  override get message(): string {
    const lines = this.problems.slice(0, linesMax).map(({ expected, path, read }) => {
      const what = read === "" ? expected : `read ${read}, ${expected}`
      return path === "" ? `  ${what}` : `  ${path}: ${what}`
    })
    const count = this.problems.length
    const more = count > linesMax ? [`  and ${count - linesMax} more`] : []
    return [`${this.of}: ${count} option${count === 1 ? "" : "s"} refused`, ...lines, ...more].join("\n")
  }
}

/**
 * The encoded side of a schema as TypeScript callers may write it: an Effect Duration, or a bigint of nanoseconds,
 * stands wherever a duration does.
 *
 * A duration is told by its encoded type: only durations and clocks are encoded as `string | number`, so a schema whose
 * value is a text or a number for another reason must keep the two apart.
 */
export type Widened<Encoded> = unknown extends Encoded
  ? Encoded
  : ([string | number] extends [Encoded] ? Duration.Duration | bigint : never) | WidenedInside<Encoded>

/** The same one level down; functions and Effect's own values stay as they are. */
type WidenedInside<Encoded> = Encoded extends string | number | boolean | bigint | symbol | null | undefined
  ? Encoded
  : Encoded extends Pipeable.Pipeable | ((...parameters: never) => unknown)
    ? Encoded
    : { readonly [Key in keyof Encoded]: Widened<Encoded[Key]> }

/**
 * Decodes options, or refuses them with every problem at once.
 *
 * ```ts
 * import { Options, Units } from "@spillway/core"
 * import { Effect, Schema } from "effect"
 *
 * const RateLimit = Schema.Struct({ rate: Units.rate.schema, burst: Schema.optionalKey(Units.count.schema) })
 * const refused = Effect.runSync(Effect.flip(Options.decode("RateLimit", RateLimit)({ rate: "10/min", brust: 5 })))
 * refused.message // => "RateLimit: 1 option refused\n  brust: no such option, did you mean burst?"
 * ```
 */
export const decode = <A, I>(of: string, schema: Schema.Codec<A, I>) => {
  const parse = SchemaParser.decodeUnknownEffect(schema, { errors: "all", onExcessProperty: "error" })
  return (input: unknown): Effect.Effect<A, OptionsRefused> =>
    Effect.mapError(
      Effect.suspend(() => parse(withMillis(input, depthMax))),
      (issue) => {
        const problems = find(issue, [], undefined).map((found) => toProblem(found, input))
        // Of several checks that one value fails, the last says the most.
        const byPath = new Map(problems.map((problem) => [problem.path, problem]))
        return new OptionsRefused({ of, problems: [...byPath.values()].slice(0, problemsMax) })
      }
    )
}

/** The same, where what it makes is a part of something larger: of that, and at that place in it. */
export const within =
  (of: string, path: string) =>
  <A, R>(made: Effect.Effect<A, OptionsRefused, R>): Effect.Effect<A, OptionsRefused, R> =>
    Effect.mapError(
      made,
      ({ problems }) =>
        new OptionsRefused({
          of,
          problems: problems.map((each) => ({ ...each, path: each.path === "" ? path : `${path}.${each.path}` }))
        })
    )

/** A function among options. */
export const aFunction = <A>(): Schema.Codec<A> =>
  Schema.declare((given): given is A => typeof given === "function", { expected: "a function" })

const linesMax = 20
const problemsMax = 100
const readMax = 60
const depthMax = 6

const isPlain = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== "object" || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/**
 * Replaces Durations and bigints by milliseconds and leaves out what is undefined. An object without either is kept
 * itself, not copied: it may be somebody's service, which may contain itself, so this looks no deeper than options go.
 */
const withMillis = (input: unknown, depth: number): unknown => {
  if (typeof input === "bigint") return Number(input) / 1e6
  if (Duration.isDuration(input)) return Duration.toMillis(input)
  if (depth === 0 || !(Array.isArray(input) || isPlain(input))) return input
  if (Array.isArray(input)) {
    const list = input.map((value: unknown) => withMillis(value, depth - 1))
    return list.every((value, at) => Object.is(value, input[at])) ? input : list
  }
  const entries = Object.entries(input).map(([key, value]) => [key, withMillis(value, depth - 1)] as const)
  const same = entries.every(([key, value]) => value !== undefined && Object.is(value, input[key]))
  return same ? input : Object.fromEntries(entries.filter(([, value]) => value !== undefined))
}

/** An issue on its way to a problem; `hint` may repeat what was read, `advice` comes from the schema alone. */
interface Found {
  readonly path: ReadonlyArray<PropertyKey>
  readonly advice: string
  readonly hint?: string | undefined
  readonly silent?: boolean
}

const find = (
  issue: SchemaIssue.Issue,
  path: ReadonlyArray<PropertyKey>,
  about: SchemaAST.AST | undefined
): ReadonlyArray<Found> => {
  switch (issue._tag) {
    case "Pointer":
      return find(issue.issue, [...path, ...issue.path], about)
    case "Encoding":
      return find(issue.issue, path, issue.ast)
    case "Composite":
      return unknownLast(issue.issues).flatMap((each) =>
        find(each, path, each._tag === "Pointer" ? member(issue.ast, each.path) : about)
      )
    case "AnyOf":
      return nearestMember(issue, path)
    case "UnexpectedKey":
      return [{ path, advice: noSuchOption(String(path.at(-1)), issue.ast), silent: true }]
    case "MissingKey":
      return [{ path, advice: about ? `missing, ${advise(about)}` : "missing", silent: true }]
    case "InvalidType":
    case "OneOf":
      return [{ path, advice: advise(issue.ast) }]
    case "Filter": {
      const { expected, message } = issue.filter.annotations ?? {}
      const advice = typeof expected === "string" ? `write ${expected}` : about ? advise(about) : "write a valid value"
      if (issue.issue._tag !== "InvalidValue") return find(issue.issue, path, about)
      return [{ path, advice, hint: message ?? issue.issue.annotations?.message }]
    }
    case "InvalidValue":
    case "Forbidden":
      break
  }
  return [{ path, advice: about ? advise(about) : "write a valid value", hint: hintOf(issue) }]
}

const isUnknown = (issue: SchemaIssue.Issue): boolean =>
  issue._tag === "Pointer" && issue.issue._tag === "UnexpectedKey"

/** What was meant comes before what nobody knows. */
const unknownLast = (issues: ReadonlyArray<SchemaIssue.Issue>): ReadonlyArray<SchemaIssue.Issue> =>
  issues.toSorted((one, other) => Number(isUnknown(one)) - Number(isUnknown(other)))

const hintOf = ({ annotations }: SchemaIssue.InvalidValue | SchemaIssue.Forbidden): string | undefined =>
  annotations?.["refused"] instanceof UnitRefused ? annotations["refused"].expected : annotations?.message

const member = (ast: SchemaAST.AST, [key]: ReadonlyArray<PropertyKey>): SchemaAST.AST | undefined =>
  SchemaAST.isObjects(ast) ? ast.propertySignatures.find(({ name }) => name === key)?.type : undefined

/** Of alternatives that all refused, the one that came closest speaks; else all of them are named. */
const nearestMember = (issue: SchemaIssue.AnyOf, path: ReadonlyArray<PropertyKey>): ReadonlyArray<Found> => {
  const groups = issue.issues.map((each) => find(each, path, undefined))
  const inside = groups.filter((group) => group.every((found) => found.path.length > path.length))
  if (inside.length > 0) return inside.reduce((best, group) => (group.length < best.length ? group : best))
  const hints = groups.flat().filter(({ advice, hint }) => hint !== undefined && hint !== advice)
  return [{ path, advice: advise(issue.ast), hint: hints.length === 1 ? hints[0]?.hint : undefined }]
}

/** The annotations that a node shows: those of its last check, if it has any. */
const annotationsOf = (ast: SchemaAST.AST): Schema.Annotations.Annotations | undefined =>
  ast.checks ? ast.checks.at(-1)?.annotations : ast.annotations

/** What to write for a schema: texts that may be copied, and words for the rest. */
interface Wanted {
  readonly texts: ReadonlyArray<string>
  readonly words: ReadonlyArray<string>
}

const wanted = (ast: SchemaAST.AST): Wanted => {
  const { examples, expected } = annotationsOf(ast) ?? {}
  const texts = Array.isArray(examples) ? examples.filter((example) => typeof example === "string") : []
  if (texts.length > 0) return { texts, words: [] }
  if (typeof expected === "string") return { texts, words: [expected] }
  if (SchemaAST.isLiteral(ast)) return { texts: [String(ast.literal)], words: [] }
  if (SchemaAST.isBoolean(ast)) return { texts: ["true", "false"], words: [] }
  if (SchemaAST.isUndefined(ast) || SchemaAST.isNever(ast)) return { texts, words: [] }
  if (SchemaAST.isUnion(ast)) {
    const members = ast.types.map(wanted)
    return { texts: members.flatMap((each) => each.texts), words: members.flatMap((each) => each.words) }
  }
  if (SchemaAST.isObjects(ast)) {
    const names = ast.propertySignatures.slice(0, namesMax).map(({ name }) => String(name))
    return { texts, words: [names.length === 0 ? "named entries" : `{ ${names.join(", ")} }`] }
  }
  return { texts, words: [nouns[ast._tag] ?? "another value"] }
}

const nouns: Readonly<Record<string, string>> = { String: "a text", Number: "a number", Arrays: "a list", Null: "null" }

const listed = (names: ReadonlyArray<string>, last = "or"): string => {
  const unique = [...new Set(names)]
  return unique.length < 2 ? unique.join("") : `${unique.slice(0, -1).join(", ")} ${last} ${unique.at(-1)}`
}

const advise = (ast: SchemaAST.AST): string => {
  const { texts, words } = wanted(SchemaAST.toEncoded(ast))
  if (texts.length === 0) return `write ${listed(words) || "another value"}`
  return `write it as ${listed(texts)}${words.length > 0 ? `, or ${listed(words)}` : ""}`
}

const namesMax = 12

const noSuchOption = (key: string, ast: SchemaAST.AST): string => {
  const names = SchemaAST.isObjects(ast) ? ast.propertySignatures.map(({ name }) => String(name)) : []
  const near = nearest(key, names)
  if (near !== undefined) return `no such option, did you mean ${near}?`
  return names.length === 0
    ? "no such option"
    : `no such option, the options are ${listed(names.slice(0, namesMax), "and")}`
}

/** Which of these names was probably meant, where one of them is near to what was read. */
export const nearest = (read: string, names: ReadonlyArray<string>): string | undefined =>
  names
    .map((name) => ({ name, edits: edits(plain(read), plain(name)) }))
    .filter(({ edits, name }) => edits <= Math.max(1, Math.floor(name.length / 3)))
    .toSorted((one, other) => one.edits - other.edits)[0]?.name

/** What to write in place of a word that is none of these. */
export const meant = (read: string, names: ReadonlyArray<string>): string => {
  const close = nearest(read, names)
  return close === undefined ? `write one of ${names.join(", ")}` : `did you mean ${close}?`
}

const plain = (key: string): string =>
  key
    .slice(0, readMax)
    .toLowerCase()
    .replace(/[-_\s]/g, "")

/** How many letters to insert, drop, replace or swap with the next. */
const edits = (from: string, to: string): number => {
  const rows = [Array.from({ length: to.length + 1 }, (_, column) => column)]
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= to.length; j++) {
      const swapped = from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1] ? at(i - 2, j - 2) + 1 : Infinity
      row.push(
        Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (from[i - 1] === to[j - 1] ? 0 : 1), swapped)
      )
    }
  }
  return at(from.length, to.length)
}

const secretWord = /secret|webhook|passw|passphrase|credential|authorization|keys?$/i
const secretToken = /^(?:\w*(?:access|api|auth|bearer|bot|session)[-_]?)?token$/i

const isSecret = (key: string): boolean => secretWord.test(key) || secretToken.test(key)

const toProblem = (found: Found, input: unknown): Problem => {
  const hidden = found.path.some((key) => isSecret(String(key)))
  const value = found.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], input)
  return {
    path: found.path.map((key) => String(key).slice(0, readMax)).join("."),
    read: found.silent === true || value === undefined ? "" : hidden ? "(hidden)" : show(value),
    expected: (hidden ? undefined : found.hint) ?? found.advice
  }
}

/** Shows a value as JSON nearly would, in at most 60 characters, without the secrets inside it. */
const show = (value: unknown): string => {
  const all = nested(value, 3)
  return all.length > readMax ? `${all.slice(0, readMax - 1)}…` : all
}

const nested = (value: unknown, depth: number): string => {
  if (depth === 0 || !(Array.isArray(value) || isPlain(value))) {
    // What stands before the @ of an address is a password, and is taken out before the text is cut.
    return shown(typeof value === "string" ? value.replaceAll(/\/\/[^/@]*@/g, "//(hidden)@") : value)
  }
  const entries = Object.entries<unknown>(value).slice(0, 20)
  const parts = entries.map(([key, inner]) => {
    const each = isSecret(key) ? "(hidden)" : nested(inner, depth - 1)
    return Array.isArray(value) ? each : `${key}: ${each}`
  })
  if (parts.length === 0) return Array.isArray(value) ? "[]" : "{}"
  return Array.isArray(value) ? `[${parts.join(", ")}]` : `{ ${parts.join(", ")} }`
}
