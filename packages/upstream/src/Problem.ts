/**
 * What a connection that broke means: the one place that knows the codes of sockets, names and certificates.
 *
 * What never went out was not reached, and cost nobody anything. What went out may be at work over there, so that what
 * breaks after it has cut an answer, whether one had begun or not.
 */
import type { SpillwayError } from "@spillway/core"
import { type Broken, waitingMax } from "./Connection.ts"
import { cut, malformed } from "./Meaning.ts"
import { type About, failed } from "./Wire.ts"

/** What broke, to whoever asked. */
export const problemOf = (error: Error, { hasBegun, wasSent }: Broken, about: About): SpillwayError => {
  const { parts, target } = about
  const { code = error.name } = error as NodeJS.ErrnoException
  if (code === "ETOOMANYWAIT") return failed({ _tag: "QueueFull", queued: waitingMax, queuedMax: waitingMax })
  // Whoever made the connections has closed them: that says nothing of the server.
  if (/^UND_ERR_(?:DESTROYED|CLOSED)$/.test(code)) return failed({ _tag: "Unavailable", target })
  // What cannot be parsed is no answer, whenever it comes.
  if (unreadable.test(code)) return failed(malformed(about), error.message)
  if (hasBegun || wasSent) return failed(cut(about))
  return failed({ _tag: "Unreachable", target, problem: problems[code] ?? code, parts: parts() })
}

const unreadable = /^(HPE_|HTTPParserError$|UND_ERR_HEADERS_OVERFLOW$)/

/** In words, where a code says too little. */
const problems: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ENOTFOUND: "there is no such name",
  EAI_AGAIN: "the name cannot be looked up now",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed",
  EHOSTUNREACH: "there is no way there",
  ENETUNREACH: "there is no way there",
  ETIMEDOUT: "nobody answered",
  UND_ERR_CONNECT_TIMEOUT: "nobody answered",
  UND_ERR_SOCKET: "the connection was closed",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is its own",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is its own",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "nobody we know vouches for its certificate",
  CERT_HAS_EXPIRED: "its certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS there",
  EPROTO: "it does not speak TLS there"
}
