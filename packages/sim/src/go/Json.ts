/**
 * JSON as Go writes and reads it, down to the words in which Go refuses it.
 *
 * A shape describes a Go type by what its complaints name. As in Go, a value of the wrong type does not stop the
 * reading: the first such complaint is given once all was read, unless a type that reads itself ends it earlier. What
 * is absent stays undefined, as its Go type would be zero; of a member that is there twice, the last one counts.
 */
import * as Base64 from "./Base64.ts"
import { type Complaint, type Kind, parsed, Reader } from "./Reader.ts"
import * as Syntax from "./Syntax.ts"

/** What Go would have made of a text, or its complaint. */
export type Decoded<A> = { readonly value: A; readonly error?: never } | Complaint

/** A Go type. */
export interface Shape<A> {
  /** Reads the value at the reader's place, and moves the reader behind it. */
  readonly read: (reader: Reader) => A | undefined
  /** Whether it is asked also where a member is null. */
  readonly takesNull: boolean
}

/** What is decoded with a shape. */
export type Value<S> = S extends Shape<infer A> ? A : never

/** JSON as Go's json.Marshal writes it, with numbers for bigints. It cannot tell minus zero, nor a float32. */
export const encode = (value: unknown): string => {
  let text: string
  try {
    text = JSON.stringify(value) ?? "null"
  } catch {
    // A bigint, which is rare enough to be found out by failing.
    text = encodeSlowly(value) ?? "null"
  }
  return unsafe.test(text) ? text.replaceAll(allUnsafe, escaped) : text
}

/** Reads the first value of a text, as json.NewDecoder(body).Decode does: whatever follows it is ignored. */
export const decode = <A>(shape: Shape<A>, text: string): Decoded<A> => {
  const end = Syntax.scan(text, 0)
  if (typeof end === "number") return read(shape, text)
  if (end.at < text.length) return { error: Syntax.complaint(text, end) }
  return { error: Syntax.skipSpace(text, 0) === text.length ? "EOF" : "unexpected EOF" }
}

/** Reads a text that has to be one value, as json.Unmarshal does. */
export const unmarshal = <A>(shape: Shape<A>, text: string): Decoded<A> => {
  const end = Syntax.scan(text, 0)
  if (typeof end !== "number") {
    const isCut = end.at === text.length && end.allowsSpace
    return { error: isCut ? "unexpected end of JSON input" : Syntax.complaint(text, end) }
  }
  const after = Syntax.skipSpace(text, end)
  if (after === text.length) return read(shape, text)
  return { error: Syntax.complaint(text, { at: after, context: "after top-level value", allowsSpace: true }) }
}

/** Go's interface{}: whatever it is. */
export const any: Shape<unknown> = {
  takesNull: false,
  read(reader) {
    const source = reader.take()
    const tooLarge = largeNumber.test(source) ? tooLargeIn(source) : undefined
    if (tooLarge === undefined) return parsed(source)
    reader.misfit(`number ${tooLarge}`, "float64")
    return undefined
  }
}

/** A string; what is no whole character in it becomes U+FFFD. */
export const string: Shape<string> = {
  takesNull: false,
  read: (reader) => scalar(reader, "string", "string", parsed as (source: string) => string, "")
}

/** A bool. */
export const boolean: Shape<boolean> = {
  takesNull: false,
  read: (reader) => scalar(reader, "bool", "bool", (source) => source === "true", false)
}

/** An int, which has no fraction and no exponent. */
export const integer: Shape<number> = {
  takesNull: false,
  read: (reader) => scalar(reader, "int", "number", (source) => wholeNumber(source, -(2n ** 63n), 2n ** 63n - 1n), 0)
}

/** A float64. */
export const number: Shape<number> = {
  takesNull: false,
  read: (reader) => scalar(reader, "float64", "number", (source) => finite(Number(source), Number(source)), 0)
}

/** A float32. It is not rounded to one. */
export const float32: Shape<number> = {
  takesNull: false,
  read: (reader) =>
    scalar(reader, "float32", "number", (source) => finite(Number(source), Math.fround(Number(source))), 0)
}

/** Bytes, in base64, and kept so. Go takes a list of numbers for them too. */
export const bytes = (type: string): Shape<string> => ({
  takesNull: false,
  read(reader) {
    if (reader.kind() === "array") return Buffer.from(list(byte, type).read(reader) ?? []).toString("base64")
    if (reader.kind() !== "string") return other(reader, type, "")
    const text = string.read(reader) ?? ""
    const place = Base64.faultIn(text)
    if (place !== undefined) reader.complain({ error: `illegal base64 data at input byte ${place}` })
    return text
  }
})

/** A slice, with its type as Go prints it: `[]api.Message`. */
export const list = <A>(element: Shape<A>, type: string): Shape<ReadonlyArray<A>> => ({
  takesNull: false,
  read(reader) {
    const values: Array<A> = []
    if (reader.kind() !== "array") return other(reader, type, values)
    while (reader.hasMore()) {
      const value = element.read(reader)
      if (value !== undefined) values.push(value)
    }
    return values
  }
})

/** A map with strings for keys, with its type as Go prints it: `map[string]interface {}`. */
export const map: {
  (type: string): Shape<Readonly<Record<string, unknown>>>
  <A>(type: string, value: Shape<A>): Shape<Readonly<Record<string, A>>>
} = (type: string, element: Shape<unknown> = any): Shape<Readonly<Record<string, unknown>>> => ({
  takesNull: false,
  read(reader) {
    if (reader.kind() !== "object") return other(reader, type, {})
    const entries: Array<readonly [string, unknown]> = []
    while (reader.hasMore()) entries.push([reader.key(), element.read(reader)])
    return Object.fromEntries(entries)
  }
})

/** The fields of a struct. */
export type Fields = Readonly<Record<string, Shape<unknown>>>

/**
 * A struct of a package, by the JSON names of its fields, which match in upper and in lower case.
 *
 * Where it has no name, the second argument is its type as Go prints it.
 */
export const struct = <F extends Fields>(
  name: string,
  packageName: string,
  fields: F
): Shape<{ readonly [K in keyof F]?: Value<F[K]> }> => {
  const type = name === "" ? packageName : `${packageName}.${name}`
  const exact = new Map(Object.entries(fields))
  const folded = new Map(
    Object.keys(fields)
      .map((field) => [fold(field), field])
      .toReversed() as Array<[string, string]>
  )
  return {
    takesNull: false,
    read(reader) {
      const values: Record<string, unknown> = {}
      if (reader.kind() !== "object") return other(reader, type, values) as object
      while (reader.hasMore()) {
        const key = reader.key()
        const field = exact.has(key) ? key : folded.get(fold(key))
        const shape = field === undefined ? undefined : exact.get(field)
        if (field === undefined || shape === undefined || (reader.kind() === "null" && !shape.takesNull)) reader.take()
        else values[field] = reader.within(name, field, shape.read)
      }
      return values as object
    }
  }
}

/**
 * A type with its own UnmarshalJSON, which gets the value and its text; an error of it ends the reading.
 *
 * A null member is not given to it, as where Go has a pointer, unless `takesNull`; a null in a list or a map is.
 */
export const custom = <A>(
  make: (value: unknown, text: string) => Decoded<A>,
  { takesNull = false }: { readonly takesNull?: boolean } = {}
): Shape<A> => ({
  takesNull,
  read(reader) {
    const text = reader.take()
    const made = make(parsed(text), text)
    if (made.error === undefined) return made.value
    reader.end(made)
    return undefined
  }
})

/** A json.RawMessage: the text itself, null too. */
export const raw: Shape<string> = custom((_, text) => ({ value: text }), { takesNull: true })

const read = <A>(shape: Shape<A>, text: string): Decoded<A> => {
  const reader = new Reader(text)
  const value = shape.read(reader)
  return reader.complaint ?? { value: value as A }
}

const scalar = <A>(reader: Reader, type: string, wanted: Kind, of: (source: string) => A | undefined, zero: A): A => {
  if (reader.kind() !== wanted) return other(reader, type, zero)
  const source = reader.take()
  const value = of(source)
  if (value === undefined) reader.misfit(`number ${source}`, type)
  return value ?? zero
}

/** A value of another kind: null does not matter to Go, all else does. */
const other = <A>(reader: Reader, type: string, zero: A): A => {
  const kind = reader.kind()
  reader.take()
  if (kind !== "null") reader.misfit(kind, type)
  return zero
}

const wholeNumber = (source: string, least: bigint, most: bigint): number | undefined => {
  // Nothing longer is within the bounds, and a bigint of a million digits takes its time.
  if (source.length > 20 || !/^-?\d+$/.test(source)) return undefined
  const value = BigInt(source)
  return value < least || value > most ? undefined : Number(value)
}

const finite = (value: number, narrowed: number): number | undefined => (Number.isFinite(narrowed) ? value : undefined)

const byte: Shape<number> = {
  takesNull: false,
  read: (reader) =>
    scalar(reader, "uint8", "number", (source) => (source === "-0" ? undefined : wholeNumber(source, 0n, 255n)), 0)
}

const largeNumber = /\d[eE]\+?\d\d|\d{300}/

/** The first number of a text that is past what a float64 holds. */
const tooLargeIn = (text: string): string | undefined => {
  for (let at = 0; at < text.length; at++) {
    if (!/["\d-]/.test(text[at]!)) continue
    const token = text.slice(at, Syntax.scan(text, at) as number)
    if (!token.startsWith('"') && !Number.isFinite(Number(token))) return token
    at += token.length - 1
  }
  return undefined
}

/** Go folds as Unicode does, where the long s is an s and the sign of kelvin a k. */
const fold = (name: string): string => name.toLowerCase().replaceAll("\u017f", "s")

const unsafe = /[<>&\u2028\u2029]/
const allUnsafe = /[<>&\u2028\u2029]/g
const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`

const encodeSlowly = (value: unknown): string | undefined => {
  if (typeof value === "bigint") return String(value)
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((element) => encodeSlowly(element) ?? "null").join(",")}]`
  const members = Object.entries(value).flatMap(([key, member]) => {
    const text = encodeSlowly(member)
    return text === undefined ? [] : [`${JSON.stringify(key)}:${text}`]
  })
  return `{${members.join(",")}}`
}
