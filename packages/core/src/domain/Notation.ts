/**
 * What every notation has in common: it is read, printed, and refused with what would be right.
 *
 * A value that is almost right is refused too, and told how to write what was probably meant: a guess that is taken
 * silently is found out only under load. So there is a list of spellings that are nearly right, and what they lead to
 * is only ever suggested.
 */
import { Data, Duration, Effect, Result, Schema, type SchemaAST, SchemaIssue, SchemaTransformation } from "effect"

/** What a notation refused: the unit, what was read (at most 60 characters of it) and what would be right. */
export class UnitRefused extends Data.TaggedError("UnitRefused")<{
  readonly unit: string
  readonly read: string
  readonly expected: string
}> {
  override get message(): string {
    return `${this.read} is not ${withArticle(this.unit)}: ${this.expected}`
  }
}

/** One notation: read, printed, and refused with what would be right. */
export interface Unit<A, Encoded extends string | number = string> {
  readonly name: string
  readonly examples: ReadonlyArray<string>
  readonly parse: (read: unknown) => Result.Result<A, UnitRefused>
  readonly print: (value: A) => string
  readonly schema: Schema.Codec<A, Encoded>
}

/** What a reader answers: the value, or what to write instead; with nothing to say, the unit's examples say it. */
export type Read<A> = Result.Result<A, string | undefined>

/** Refuses; with nothing to say, the examples of the notation say it. */
export const no = (expected?: string) => Result.fail(expected)

/** What to write instead of something below nothing. */
export const notNegative = "write one that is not negative"

/** How a notation looks to those who write it. */
export interface Look<Encoded> {
  readonly name: string
  readonly examples: ReadonlyArray<Encoded>
  readonly encoded: Schema.Codec<Encoded>
  readonly millis?: boolean
}

/** What a notation means. */
export interface Meaning<A, Encoded> {
  readonly read: (text: string) => Read<A>
  readonly number?: (read: number) => Read<A>
  readonly print: (value: A) => Encoded
  readonly value: Schema.Codec<A>
}

/** Makes a notation from how it looks and what it means. */
export const make = <A, E extends string | number>(look: Look<E>, meaning: Meaning<A, E>): Unit<A, E> => {
  const { examples, name } = look
  const { number, print } = meaning

  const read = (value: unknown): Read<A> => {
    if (typeof value === "number" && Number.isFinite(value) && number !== undefined) return number(value)
    return typeof value === "string" && value.length <= longest ? meaning.read(value.trim()) : no()
  }

  const parse = (value: unknown): Result.Result<A, UnitRefused> =>
    Result.mapError(read(value), (why) => {
      return new UnitRefused({ unit: name, read: shown(value), expected: why ?? explain(look, meaning, value) })
    })

  const decode = (value: E, options: SchemaAST.ParseOptions): Effect.Effect<A, SchemaIssue.Issue> =>
    Effect.mapError(Effect.fromResult(parse(value)), (refused) => {
      return new SchemaIssue.InvalidValue({ message: refused.message, refused }, value, options)
    })

  // What is printed must be readable again: an infinite Duration is refused here.
  const encode = (value: A, options: SchemaAST.ParseOptions) => Effect.as(decode(print(value), options), print(value))

  const expected = withArticle(name)
  const description = `${expected}, such as ${listed(examples)}${look.millis === true ? "; a number is ms" : ""}.`
  const schema = look.encoded
    .annotate({ title: name, description, examples, expected })
    .pipe(Schema.decodeTo(meaning.value, SchemaTransformation.transformEffect<A, E>({ decode, encode })))
  return { name, examples: examples.map(String), parse, print: (value) => String(print(value)), schema }
}

/** Shows a value in at most 60 characters; of an object it shows no more than that it is one. */
export const shown = (read: unknown): string => {
  if (typeof read === "string") return JSON.stringify(read.length > 56 ? `${read.slice(0, 55)}…` : read).slice(0, 60)
  if (typeof read === "bigint") return `${read}n`.slice(0, 60)
  if (typeof read === "function" || typeof read === "symbol") return `a ${typeof read}`
  if (typeof read !== "object" || read === null) return String(read)
  return Duration.isDuration(read) ? Duration.format(read) : Array.isArray(read) ? "a list" : "an object"
}

const withArticle = (name: string): string => `${/^[aeiou]/.test(name) ? "an" : "a"} ${name}`

/** No notation prints longer; a longer text is refused unread. */
const longest = 100

const listed = (examples: ReadonlyArray<unknown>): string => examples.join(", ").replace(/, ([^,]*)$/, " or $1")

/** Spellings that are nearly right: each is tried, alone and after those before it, and only ever suggested. */
const repairs: ReadonlyArray<(text: string) => string> = [
  (text) => text.toLowerCase(),
  (text) => text.replace(/\s*\bper\b\s*/i, "/"),
  (text) =>
    text
      .replace(/[,_](?=\d{3}(?!\d))/g, "")
      .replaceAll(",", ".")
      .replace(/(^|[^\d])\./, "$10."),
  (text) => text.replace(/(\d)m\b/, "$1M"),
  (text) => text.replace(/([a-z])\/([a-z])/, "$1$2"),
  (text) => text.replace("/", " tok/"),
  (text) => text.replace(/^(?:usd\s*)?([\d.]+)\s*(?:\$|usd|dollars?)?(?=$|\/)/i, "$$$1"),
  (text) => text.replace(/^(\d{1,3})\s*(?:percent)?$/i, "$1%"),
  (text) => text.replace(/\s*(?:-|–|…|\bto\b)\s*/, "..")
]

/** What to write instead of something that no reader could name a reason for. */
const explain = <A, Encoded>(look: Look<Encoded>, meaning: Meaning<A, Encoded>, read: unknown): string => {
  const examples = `write it as ${listed(look.examples)}`
  const text = typeof read === "string" || typeof read === "number" ? String(read).trim() : ""
  if (/^[-+]?(?:infinity|nan)$/i.test(text)) return `${examples}, it must be finite`
  if (/^\$?\s*-/.test(text)) return notNegative
  let sum = text
  for (const repair of text.length > longest ? [] : repairs) {
    sum = repair(sum)
    const found = Result.orElse(meaning.read(repair(text)), () => meaning.read(sum))
    if (Result.isSuccess(found)) return `write it as ${String(meaning.print(found.success))}`
  }
  return examples
}
