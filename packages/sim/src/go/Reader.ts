/**
 * Walks a JSON text value by value, and keeps what Go would complain of on the way.
 *
 * Where a complaint belongs is known only here: Go names the innermost struct and the fields that lead to it from the
 * outermost value, and renames both where a type that reads itself has complained.
 */
import * as Syntax from "./Syntax.ts"

/** What Go says of a text. */
export interface Complaint {
  readonly error: string
  /** What the complaint is made of, so that whoever reads an inner value can name the outer one instead. */
  readonly misfit?: Misfit
}

/** A JSON value where its Go type has no room for it. */
interface Misfit {
  /** Such as `array` and `number 1.5`. */
  readonly found: string
  /** The Go type, as Go prints it. */
  readonly type: string
  /** The innermost struct around it. */
  readonly holder: string
  /** The fields from the outermost value down to it. */
  readonly path: ReadonlyArray<string>
}

/** What a value is, in the words of Go's complaints. */
export type Kind = "null" | "bool" | "number" | "string" | "array" | "object"

/** Walks a text that is known to be JSON, and keeps what there is to complain of. */
export class Reader {
  private readonly text: string
  private at: number
  private holder = ""
  private path: ReadonlyArray<string> = []
  private isOver = false
  /** The first complaint, or that which ended the reading. */
  complaint: Complaint | undefined

  constructor(text: string) {
    this.text = text
    this.at = Syntax.skipSpace(text, 0)
  }

  /** What the value that is next is. */
  kind(): Kind {
    return kinds[this.text[this.at]!] ?? "number"
  }

  /** The text of the value that is next. */
  take(): string {
    const from = this.at
    // The text was scanned before it is read, so that there is an end.
    this.at = Syntax.scan(this.text, from) as number
    return this.text.slice(from, this.at)
  }

  /** Goes on to the next element or member, into a list or an object first; out of it where all is read. */
  hasMore(): boolean {
    if (this.isOver) return false
    const at = Syntax.skipSpace(this.text, this.at)
    const next = Syntax.skipSpace(this.text, at + 1)
    const isFirst = this.text[at] === "[" || this.text[at] === "{"
    const last = isFirst ? next : at
    const isEnd = this.text[last] === "]" || this.text[last] === "}"
    this.at = isEnd ? last + 1 : next
    return !isEnd
  }

  /** The key of the member that is next, whose value is next then. */
  key(): string {
    const key = parsed(this.take()) as string
    this.at = Syntax.skipSpace(this.text, Syntax.skipSpace(this.text, this.at) + 1)
    return key
  }

  /** Reads a field of a struct. */
  within<A>(name: string, field: string, read: (reader: Reader) => A): A {
    const { holder, path } = this
    this.holder = name
    this.path = [...path, field]
    const value = read(this)
    this.holder = holder
    this.path = path
    return value
  }

  /** What was found has no room in a type. */
  misfit(found: string, type: string): void {
    this.complain(misfitOf({ found, type, holder: this.holder, path: this.path }))
  }

  /** Only the first complaint is kept. */
  complain(complaint: Complaint): void {
    this.complaint ??= complaint
  }

  /** Ends the reading, with a complaint that goes before all others. */
  end(complaint: Complaint): void {
    const { misfit } = complaint
    const isInner = misfit !== undefined && this.path.length > 0
    this.complaint = isInner
      ? misfitOf({ ...misfit, holder: this.holder, path: [...this.path, ...misfit.path] })
      : complaint
    this.isOver = true
  }
}

/** The value of a text that is JSON; Go makes U+FFFD of half a surrogate pair. */
export const parsed = (text: string): unknown =>
  JSON.parse(
    surrogate.test(text) ? text.replaceAll(escapes, (escape) => (loneSurrogate.test(escape) ? "\ufffd" : escape)) : text
  )

const misfitOf = (misfit: Misfit): Complaint => {
  const { found, holder, path, type } = misfit
  const place = path.length === 0 ? "value" : `struct field ${holder}.${path.join(".")}`
  return { error: `json: cannot unmarshal ${found} into Go ${place} of type ${type}`, misfit }
}

const kinds: Readonly<Record<string, Kind>> = {
  n: "null",
  t: "bool",
  f: "bool",
  '"': "string",
  "[": "array",
  "{": "object"
}

const surrogate = /\\u[dD]/
const escapes = /\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u....|.)/g
const loneSurrogate = /^\\u[dD][89a-fA-F]..$/
