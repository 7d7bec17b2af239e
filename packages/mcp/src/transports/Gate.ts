/**
 * Who may speak to the server at all, by the head of a request: nothing of a body is read before that.
 *
 * A page in a browser can make it send requests to any address of this machine, and lets a name of its own point there.
 * Both are told by the Host and the Origin that the browser names. A key is known by its digest, so that how long a
 * comparison takes says nothing of it.
 */
import { createHash } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http"

/** What is asked of a request. */
export interface Options {
  /** The address that is listened on, and what else it is called. */
  readonly host: string
  readonly hosts?: ReadonlyArray<string> | undefined
  /** Callers by their names, and their keys; without any everybody is the same caller. */
  readonly keys?: Readonly<Record<string, string>> | undefined
  /** Who everybody is without keys. */
  readonly caller?: string | undefined
}

/** Why a request is turned away. */
export interface Turned {
  readonly status: 401 | 403
  readonly sentence: string
}

/** Who asks, or why he may not. */
export type Gate = (headers: IncomingHttpHeaders) => { readonly caller: string } | Turned

/** Whether an address is only reached from this machine. */
export const isLoopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|\[?::1\]?)$/.test(host)

/** Makes it. */
export const make = ({ caller = "default", host, hosts = [], keys = {} }: Options): Gate => {
  const names = new Set(
    ["localhost", "127.0.0.1", "[::1]", bracketed(host), ...hosts].map((name) => name.toLowerCase())
  )
  const callers = new Map(Object.entries(keys).map(([name, key]) => [digest(key), name]))
  return (headers) => {
    const [, name = ""] = /^([\w.-]+|\[[\da-f:.]+\])(?::\d+)?$/i.exec(headers.host ?? "") ?? []
    if (!names.has(name.toLowerCase())) {
      return { status: 403, sentence: "Host names another server: use the address that this one listens on." }
    }
    const { origin } = headers
    if (origin !== undefined && !names.has(URL.canParse(origin) ? new URL(origin).hostname : "")) {
      return { status: 403, sentence: "Origin is another site: only pages of this machine may ask here." }
    }
    if (callers.size === 0) return { caller }
    const [, key = ""] = /^bearer +(\S+)$/i.exec(headers.authorization ?? "") ?? []
    const known = callers.get(digest(key))
    return known === undefined
      ? { status: 401, sentence: "No caller is known by this key: send one as Authorization: Bearer KEY." }
      : { caller: known }
  }
}

const digest = (key: string): string => createHash("sha256").update(key).digest("hex")

const bracketed = (host: string): string => (host.includes(":") && !host.startsWith("[") ? `[${host}]` : host)
