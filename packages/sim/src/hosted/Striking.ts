/**
 * What a fault that struck does to a request: at the door, or to its answer.
 *
 * A script in the prompt breaks an answer in the same ways, so that a test can say where it asks what it wants; where a
 * fault struck as well, the fault is what happens.
 */
import { perSecond } from "../Agenda.ts"
import type { Headers } from "../Exchange.ts"
import type { Struck } from "../Fault.ts"
import type { Script } from "../Script.ts"
import type { Break } from "./Delivery.ts"
import type * as Faults from "./Faults.ts"
import type { Refusal, Sent } from "./Refusal.ts"

/** What happens before there is an answer. */
export type AtDoor = Refusal | Sent | "silence"

/** What a fault does at the door; nothing where it breaks the answer. */
export const atDoor = (struck: Struck, model: string): AtDoor | undefined =>
  doors[struck.name as Faults.Name]?.(struck, model)

/** How an answer of so many pieces breaks, if it does. */
export const breakOf = (script: Script, struck: Struck | undefined, pieces: number): Break | undefined => {
  const bounded = (at: number) => Math.min(Math.max(at, 0), pieces)
  const byFault = struck && breaks[struck.name as Faults.Name]
  if (struck !== undefined && byFault !== undefined) {
    if (byFault === "idle-close") return { by: byFault, at: pieces }
    if (byFault === "no-marker" && struck.at === undefined) return { by: byFault, at: pieces, isClosed: true }
    const at = bounded(struck.at ?? 1 + (struck.draw % Math.max(pieces - 1, 1)))
    return { by: byFault, at, ...(struck.span !== undefined && { every: struck.span }) }
  }
  const { dieAfter, endAfter, garbageAfter, hangAfter } = script
  if (dieAfter !== undefined) return { by: "error-mid-stream", at: bounded(dieAfter) }
  if (hangAfter !== undefined) return { by: "silence", at: bounded(hangAfter) }
  if (endAfter !== undefined) return { by: "no-marker", at: bounded(endAfter) }
  return garbageAfter === undefined ? undefined : { by: "truncated-json", at: bounded(garbageAfter) }
}

const refusedFor = 20 * perSecond
const quotaFor = 7_200 * perSecond

const html: Headers = [["content-type", "text/html; charset=UTF-8"]]

const page = (title: string, foot: string): string =>
  `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n` +
  `<hr><center>${foot}</center>\r\n</body>\r\n</html>\r\n`

const plainly =
  (reason: Refusal["reason"]) =>
  (_: Struck, model: string): Refusal => ({ reason, model })

const doors: Readonly<Partial<Record<Faults.Name, (struck: Struck, model: string) => AtDoor>>> = {
  unauthorized: plainly("unauthorized"),
  forbidden: plainly("forbidden"),
  "unknown-model": plainly("unknown-model"),
  "rate-limited": ({ span = refusedFor }, model) => ({ reason: "rate-limited", model, retryAfter: span }),
  quota: ({ span = quotaFor }, model) => ({ reason: "quota", model, retryAfter: span }),
  internal: plainly("internal"),
  overloaded: plainly("overloaded"),
  html: () => ({ status: 502, headers: html, body: page("502 Bad Gateway", "cloudflare") }),
  "html-200": () => ({ status: 200, headers: html, body: page("Sign in to continue", "gateway") }),
  hang: () => "silence"
}

const breaks: Readonly<Partial<Record<Faults.Name, Break["by"]>>> = {
  "error-in-200": "error-in-200",
  "truncated-json": "truncated-json",
  cut: "cut",
  reset: "reset",
  silence: "silence",
  "idle-close": "idle-close",
  "no-marker": "no-marker",
  "error-mid-stream": "error-mid-stream",
  "comments-only": "comments-only"
}
