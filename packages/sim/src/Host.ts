/**
 * The guard of a server on loopback: it answers only who has called it by a name of its own, or a page from elsewhere,
 * under a name that leads here, could use it.
 */
import { isIPv4 } from "node:net"

/** Whether a `Host` is one of this machine, or of a private network. */
export const isOwn = (header = ""): boolean => {
  const host = header
    .replace(/:\d+$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase()
  if (isIPv4(host)) return /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|0\.0\.0\.0$)/.test(host)
  return host === "" || host === "localhost" || host === "::1" || /\.(localhost|local|internal)$/.test(host)
}
