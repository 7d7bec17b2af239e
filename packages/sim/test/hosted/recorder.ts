/**
 * A caller without a socket: keeps what he is told, and when.
 */
import { Effect, Schema } from "effect"
import type { Asked, Handler, Headers, Reply } from "../../src/Exchange.ts"
import * as Agenda from "../../src/Agenda.ts"
import type { Faults, Struck } from "../../src/Fault.ts"
import { Hosted, Options } from "../../src/hosted/Hosted.ts"

/** What a caller has got. */
export class Recorder implements Reply {
  status: number | undefined
  headers: Record<string, string> = {}
  /** The packets of the body, with the milliseconds that they took to come. */
  readonly packets: Array<readonly [at: number, text: string]> = []
  ended: "whole" | "end" | "close" | "reset" | "silence" | undefined
  gone = false
  /** How many more packets find room. */
  room = Infinity
  private readonly now: () => number
  private readonly onRooms: Array<() => void> = []
  private readonly onGones: Array<() => void> = []

  constructor(now: () => number) {
    this.now = now
  }

  get begun(): boolean {
    return this.status !== undefined
  }

  get body(): string {
    return this.packets.map(([, text]) => text).join("")
  }

  /** When each packet came. */
  get times(): ReadonlyArray<number> {
    return this.packets.map(([at]) => at)
  }

  get json(): any {
    return JSON.parse(this.body)
  }

  /** The data of the events of a stream, those that are JSON. */
  get events(): ReadonlyArray<any> {
    const lines = this.body.split("\n").filter((line) => line.startsWith("data: {"))
    return lines.map((line) => JSON.parse(line.slice("data: ".length)))
  }

  whole(status: number, headers: Headers, body: string): void {
    this.begin(status, headers)
    this.write(body)
    this.ended = "whole"
  }

  begin(status: number, headers: Headers): void {
    if (this.begun) throw new Error("begun twice")
    this.status = status
    this.headers = Object.fromEntries(headers)
  }

  write(text: string): boolean {
    if (!this.begun || this.ended !== undefined) throw new Error("written where nothing is open")
    this.packets.push([this.now(), text])
    this.room--
    return this.room > 0
  }

  end(): void {
    if (this.ended !== undefined) throw new Error("ended twice")
    this.ended = "end"
  }

  cut(how: "close" | "reset" | "silence"): void {
    this.ended = how
  }

  onRoom(listener: () => void): void {
    this.onRooms.push(listener)
  }

  onGone(listener: () => void): void {
    this.onGones.push(listener)
  }

  /** There is room for so many packets. */
  drain(room = Infinity): void {
    this.room = room
    for (const listener of this.onRooms) listener()
  }

  leave(): void {
    this.gone = true
    for (const listener of this.onGones) listener()
  }
}

/** A fault that is on, with what it needs to be told. */
export type On = Partial<Struck> & Pick<Struck, "name">

/** Faults of which each strikes whatever it can. */
export const faults = (...on: ReadonlyArray<On>): Faults => ({
  strike: (names) => {
    const struck = on.find(({ name }) => names.has(name))
    return struck && { at: undefined, span: undefined, draw: 3, ...struck }
  }
})

/** A provider on the test clock, and a way to ask it. */
export const provider = (
  face: (hosted: Hosted) => Handler,
  options: Partial<typeof Options.Encoded> = {},
  on: Faults = faults()
) =>
  Effect.map(Agenda.make, (agenda) => {
    const models = ["gpt-sim", "claude-sim"]
    const hosted = new Hosted(agenda, on, Schema.decodeUnknownSync(Options)({ models, ...options }))
    const handler = face(hosted)
    const ask = (path: string, body?: unknown, more: Partial<Asked> = {}) => {
      const askedAt = agenda.now
      const recorder = new Recorder(() => (agenda.now - askedAt) / Agenda.perMilli)
      handler(
        {
          method: body === undefined ? "GET" : "POST",
          path,
          query: new URLSearchParams(),
          headers: { authorization: "Bearer key", "anthropic-version": "2023-06-01" },
          body: typeof body === "string" ? body : JSON.stringify(body ?? null),
          ...more
        },
        recorder
      )
      return recorder
    }
    return { hosted, ask }
  })

/** Where a chat completion is asked for, and a streamed one that is asked for there. */
export const path = "/v1/chat/completions"

export const chat = (content: string, more: object = {}) => ({
  model: "gpt-sim",
  messages: [{ role: "user", content }],
  stream: true,
  ...more
})

/** The words of a streamed chat completion. */
export const text = (recorder: Recorder): string =>
  recorder.events.map((event) => event.choices?.[0]?.delta.content ?? "").join("")
