/**
 * What a connection that broke means: the one place that knows the codes of sockets, names and certificates.
 *
 * Before a head came back the server was not reached, as far as anybody can tell; after it, the answer was cut.
 */
import type { SpillwayError } from "@spillway/core"
import { type Asked, failed } from "./Wire.ts"

/** What broke, to whoever asked. */
export const problemOf = (
  error: Error,
  hasBegun: boolean,
  { parts, target }: Pick<Asked, "parts" | "target">
): SpillwayError => {
  const { code = error.name } = error as NodeJS.ErrnoException
  // What cannot be parsed is no answer, whenever it comes.
  if (unreadable.test(code)) return failed({ _tag: "Malformed", target, parts: parts() }, error.message)
  if (hasBegun) return failed({ _tag: "Cut", target, parts: parts() })
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
