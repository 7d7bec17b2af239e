/**
 * What a file says of a server to reach it: its address, a key, and what bounds the way there and back.
 */
import { Units } from "@spillway/core"
import { Effect, Schema } from "effect"

const parsed = (text: string): URL | undefined => {
  try {
    const url = new URL(text)
    // A name and a password have to be readable as well.
    decodeURIComponent(url.username + url.password)
    return url
  } catch {
    return undefined
  }
}

const isAddress = (text: string): boolean => {
  const url = parsed(text)
  return url !== undefined && /^https?:$/.test(url.protocol) && url.search === "" && url.hash === ""
}

/** An address of a server, with a path before its own where something stands before it. */
const urlSchema = Schema.String.check(
  Schema.makeFilter(isAddress, { expected: "an address without a query, as http://127.0.0.1:11434" })
)

/** A key as it can stand in a header: one that was read from a file may end with a line. */
const keySchema = Schema.String.check(
  Schema.makeFilter((text) => /^[\x21-\x7e]+$/.test(text.trim()), { expected: "a key of plain letters and digits" })
)

/** The options that every wire has; each has an address of its own where none is said. */
export const reach = (url: string) => ({
  url: urlSchema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(url))),
  /** A key that is sent along. */
  key: Schema.optionalKey(keySchema),
  /** How many connections at most: a question that finds all of them in use waits for one. */
  connections: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(256))),
  /** The longest line of a stream in characters, and the longest body of what is none in bytes. */
  lineMax: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(16_000_000))),
  bodyMax: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(256_000_000)))
})

/**
 * What is connected to, what stands before every path, and who it is, where the address says so. Whoever has written
 * the beginning of a path that is the wire's own has not meant it twice.
 */
export const addressOf = (
  text: string,
  own: RegExp
): { readonly origin: string; readonly prefix: string; readonly headers: Readonly<Record<string, string>> } => {
  const { origin, password, pathname, username } = new URL(text)
  const said = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")
  return {
    origin,
    prefix: pathname.replace(/\/+$/, "").replace(own, ""),
    // What is packed would have to be unpacked, and be as large as it likes.
    headers: { "accept-encoding": "identity", ...(username + password !== "" && { authorization: `Basic ${said}` }) }
  }
}
