/**
 * Who may speak to the server at all, by the head of a request: nothing of a body is read before that.
 *
 * A page in a browser can make it send requests to any address of this machine, and lets a name of its own point there.
 * Both are told by the Host and the Origin that the browser names. A key is known by its digest, so that how long a
 * comparison takes says nothing of it.
 */
import { Result } from "effect"
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

/** Makes it, or says what is wrong with the keys and names. */
export const make = (options: Options): Result.Result<Gate, string> => {
  const { caller = "default", host, hosts = [], keys } = options
  const fault = (keys && faultOf(keys)) ?? hosts.map(faultOfHost).find((found) => found !== undefined)
  if (fault !== undefined) return Result.fail(fault)
  const names = new Set(
    ["localhost", "127.0.0.1", "[::1]", bracketed(host), ...hosts].map((name) => hostIn(name) ?? name)
  )
  const callers = keys && new Map(Object.entries(keys).map(([name, key]) => [digest(key), name]))
  return Result.succeed((headers) => {
    const asked = hostIn(headers.host)
    if (asked === undefined || !names.has(asked)) {
      const sentence = `Host names another server: use the address that this one listens on, or ${allowing}.`
      return { status: 403, sentence }
    }
    const { origin } = headers
    const site = origin === undefined ? asked : URL.canParse(origin) ? new URL(origin).hostname : ""
    if (site === "" || !names.has(site)) {
      return { status: 403, sentence: `Origin is another site: ask from a page of this machine, or ${allowing}.` }
    }
    if (callers === undefined) return { caller }
    const [, key] = /^bearer +(\S+)$/i.exec(headers.authorization ?? "") ?? []
    const known = key === undefined ? undefined : callers.get(digest(key))
    return known === undefined
      ? { status: 401, sentence: "No caller is known by this key: send one as Authorization: Bearer KEY." }
      : { caller: known }
  })
}

/** What is wrong with keys, if anything: it quotes none. Who names none at all would let everybody in. */
export const faultOf = (keys: Readonly<Record<string, string>>): string | undefined => {
  const given = Object.entries(keys)
  if (given.length === 0) return "keys names nobody: name a caller and his key, or leave keys out."
  const callers = new Map<string, string>()
  for (const [caller, key] of given) {
    if (!callerName.test(caller) || caller === "__proto__") {
      return "keys names a caller that is no name: take 1 to 64 letters, digits, dots, dashes and underscores."
    }
    if (typeof key !== "string" || !sendable.test(key))
      return `The key of ${caller} cannot be sent: take letters, digits and signs, no spaces.`
    const other = callers.get(key)
    if (other !== undefined) return `${other} and ${caller} have the same key: give each one of his own.`
    callers.set(key, caller)
  }
  return undefined
}

const callerName = /^[\w.-]{1,64}$/

/** What a header carries as it is. */
const sendable = /^[!-~]+$/

const faultOfHost = (name: string): string | undefined =>
  hostIn(name) === undefined
    ? `${JSON.stringify(name.slice(0, 64))} is no name of a server: write it as models.example, without a scheme.`
    : undefined

/** The name in what may have a port after it. */
const hostIn = (said = ""): string | undefined => /^([\w.-]+|\[[\da-f:.]+\])(?::\d+)?$/i.exec(said)?.[1]?.toLowerCase()

const allowing = "allow that name where this server is started (--allow-host, hosts)"

const digest = (key: string): string => createHash("sha256").update(key).digest("hex")

const bracketed = (host: string): string => (host.includes(":") && !host.startsWith("[") ? `[${host}]` : host)
