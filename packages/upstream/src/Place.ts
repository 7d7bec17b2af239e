/**
 * An address as it is written in a file: what it may be, and what of it is which part of a request.
 */
import { Schema } from "effect"

const parsed = (text: string): URL | undefined => {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

const isAddress = (text: string): boolean => {
  const url = parsed(text)
  return url !== undefined && /^https?:$/.test(url.protocol) && url.search === "" && url.hash === ""
}

/** An address of a server, with a path before its own where something stands before it. */
export const urlSchema = Schema.String.check(
  Schema.makeFilter(isAddress, { expected: "an address, as http://127.0.0.1:11434" })
)

/** What is connected to, what stands before every path, and who it is, where the address says so. */
export const placeOf = (
  text: string
): { readonly origin: string; readonly prefix: string; readonly headers: Readonly<Record<string, string>> } => {
  const { origin, password, pathname, username } = new URL(text)
  const said = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")
  return {
    origin,
    prefix: pathname.replace(/\/+$/, ""),
    headers: username === "" && password === "" ? {} : { authorization: `Basic ${said}` }
  }
}
