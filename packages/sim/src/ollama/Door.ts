/**
 * Faults at the door: what answers in the daemon's place, and what breaks the daemon's answer on its way out.
 */
import { type Agenda, type Bell, perMilli, perSecond } from "../Agenda.ts"
import type { Handler, Headers, Reply } from "../Exchange.ts"
import type { Struck } from "../Fault.ts"
import * as Json from "../go/Json.ts"
import { whereOf } from "./Faults.ts"

const json: Headers = [["Content-Type", "application/json; charset=utf-8"]]
const text: Headers = [["Content-Type", "text/plain; charset=utf-8"]]
const page: Headers = [["Content-Type", "text/html"]]

/** The same handler, for a request that a fault has struck. */
export const struck =
  (agenda: Agenda, handler: Handler): Handler =>
  (asked, reply) => {
    const { fault } = reply
    if (fault === undefined) return handler(asked, reply)
    const where = whereOf(fault)
    if (where === "wire") return handler(asked, new Broken(agenda, reply, fault))
    if (where !== "door") return handler(asked, reply)
    if (fault.name === "slow") {
      const late = agenda.after(fault.span ?? perSecond, () => handler(asked, reply))
      return reply.onGone(() => late.cancel())
    }
    instead(reply, fault)
  }

/** What the cloud, or whatever stands before it, says in place of an answer. */
const instead = (reply: Reply, fault: Struck): void => {
  const error = (status: number, message: string, more?: Record<string, string>, headers: Headers = json): void =>
    reply.whole(status, headers, Json.encode({ error: message, ...more }))
  const reference = `(ref: ${uuidOf(fault.draw)})`
  switch (fault.name) {
    case "overloaded":
      return error(503, `Server overloaded, please retry shortly ${reference}`)
    case "unavailable":
      return reply.whole(503, text, "Service Temporarily Unavailable")
    case "html":
      return reply.whole(503, page, html)
    case "no-concurrency":
      return error(429, "timed out waiting for a concurrent request slot")
    case "session-limit":
      return error(429, `you (user) have reached your session usage limit, ${upgrade}`)
    case "weekly-limit":
      return error(429, "you've reached your weekly usage limit, please wait or upgrade to continue")
    case "quota": {
      const seconds = Math.ceil((fault.span ?? 7_200 * perSecond) / perSecond)
      const headers: Headers = [...json, ["Retry-After", String(seconds)]]
      return error(429, `you (user) have reached your session usage limit, ${upgrade}`, undefined, headers)
    }
    case "unauthorized":
      return error(401, "unauthorized", { signin_url: "https://ollama.com/connect?name=sim&key=c2lt" })
    case "subscription":
      return error(403, `this model requires a subscription, upgrade for access: ${plans} ${reference}`)
    case "cloud-disabled":
      return error(403, "ollama cloud is disabled: remote model is unavailable")
    case "bad-gateway":
      return error(502, 'Post "https://ollama.com:443/api/chat": unexpected EOF')
    case "cut-request":
      return error(400, "unexpected EOF")
    case "internal":
      return reply.whole(500, text, "Internal Server Error")
    case "foreign-host":
      return reply.whole(403, [], "")
    case "reset":
      return reply.cut("reset")
    case "refuse":
      return reply.cut("close")
    default:
      return reply.cut("silence")
  }
}

const plans = "https://ollama.com/upgrade"
const upgrade = `upgrade for higher limits: ${plans}`

const html = `<html>
<head><title>503 Service Temporarily Unavailable</title></head>
<body>
<center><h1>503 Service Temporarily Unavailable</h1></center>
</body>
</html>
`

const uuidOf = (draw: number): string => {
  const digits = draw.toString(16).padStart(8, "0").repeat(4)
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
}

/** A reply that breaks after some packets, or after some time. */
class Broken implements Reply {
  readonly fault: Struck
  private readonly inner: Reply
  /** After how many packets it breaks; by its timer alone where a time is said. */
  private readonly at: number | undefined
  private packets = 0
  private isBroken = false
  private isEvents = false
  /** Whether its time has come before there was anything to break. */
  private isDue = false
  private due: Bell | undefined

  constructor(agenda: Agenda, inner: Reply, fault: Struck) {
    this.inner = inner
    this.fault = fault
    this.at = fault.span === undefined ? (fault.at ?? 1 + (fault.draw % 8)) : undefined
    if (fault.span === undefined || fault.name === "idle-close") return
    this.due = agenda.after(Math.max(fault.span, perMilli), () => this.breakOff())
    inner.onGone(() => this.due?.cancel())
  }

  get begun(): boolean {
    return this.inner.begun
  }

  get gone(): boolean {
    return this.inner.gone || this.isBroken
  }

  whole(status: number, headers: Headers, body: string): void {
    if (this.isBroken) return
    if (this.fault.name === "idle-close") {
      this.inner.whole(status, headers, body)
      return this.inner.cut("close")
    }
    // What is over before its time comes passes as it is.
    if (this.at === undefined && !this.isDue) {
      this.due?.cancel()
      return this.inner.whole(status, headers, body)
    }
    const half = body.slice(0, Math.ceil(body.length / 2))
    if (this.fault.name === "garble") {
      this.inner.spoilt?.()
      return this.inner.whole(status, headers, half)
    }
    // Half of a body whose end never comes.
    this.inner.begin(status, headers)
    this.inner.write(half)
    this.breakOff()
  }

  begin(status: number, headers: Headers): void {
    this.isEvents = headers.some(([, value]) => value === "text/event-stream")
    if (this.isBroken) return
    this.inner.begin(status, headers)
    if (this.isDue) this.breakOff()
  }

  write(packet: string): boolean {
    if (this.isBroken) return true
    if (this.fault.name !== "idle-close" && this.packets++ === this.at) {
      this.breakOff()
      if (this.isBroken) return true
    }
    return this.inner.write(packet)
  }

  end(): void {
    if (this.isBroken) return
    if (this.fault.name === "idle-close") {
      this.inner.end()
      return this.inner.cut("close")
    }
    // An answer too short to be broken in its midst is broken at its end.
    if (this.at !== undefined && this.packets <= this.at) this.breakOff()
    if (this.isBroken) return
    this.due?.cancel()
    this.inner.end()
  }

  spoilt(): void {
    this.inner.spoilt?.()
  }

  cut(how: "close" | "reset" | "silence"): void {
    this.due?.cancel()
    this.inner.cut(how)
  }

  met(fault: string): void {
    this.inner.met?.(fault)
  }

  onRoom(listener: () => void): void {
    this.inner.onRoom(listener)
  }

  onGone(listener: () => void): void {
    this.inner.onGone(listener)
  }

  private breakOff(): void {
    if (this.isBroken || this.inner.gone) return
    if (this.fault.name === "garble" && !this.inner.begun) {
      this.isDue = true
      return
    }
    if (this.fault.name === "garble") {
      this.inner.spoilt?.()
      this.inner.write(this.isEvents ? 'data: {"id":"\n\n' : '{"model":"\n')
      return
    }
    this.isBroken = true
    this.inner.cut(this.fault.name === "cut-reset" ? "reset" : this.fault.name === "silence" ? "silence" : "close")
  }
}
