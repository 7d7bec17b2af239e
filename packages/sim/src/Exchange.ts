/**
 * One HTTP request and the way to answer it: the port between what a server says and the socket that it says it on.
 *
 * A body is text that is written in packets: what is written in one go leaves in one, since clients are surprised by
 * where real servers split. The same surfaces answer a real socket and a test that has none.
 */

import type { Struck } from "./Fault.ts"

/** Names and values, as they are to be sent. */
export type Headers = ReadonlyArray<readonly [name: string, value: string]>

/** A request, with its body read to the end. */
export interface Asked {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: URLSearchParams
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
  /** The model that the body asks for, where that was looked at. */
  readonly model?: string
}

/** Who has asked, as far as whoever answers has to know. */
export interface Caller {
  /** The fault that struck this request and is to happen further in. */
  readonly fault?: Struck | undefined
  /** A runner begins his answer: a fault that only such an answer can show may strike him now, and is `fault` then. */
  begins?(): void
  /** A fault struck him that nobody knew of when he came: that of a load, or of a provider. */
  met?(fault: string): void
  /** He waits for a model that is not loaded, or does so no longer. */
  enters?(stretch: "load" | "firstToken"): void
  /** Once there is room again after he has asked to wait. */
  onRoom(listener: () => void): void
  /** Once, when he has left before the end. */
  onGone(listener: () => void): void
}

/** The way to answer, once. */
export interface Reply extends Caller {
  /** Whether anything was sent. */
  readonly begun: boolean
  /** Whether the caller has left: what is written to him is dropped. */
  readonly gone: boolean
  /** A whole answer, with its length. */
  whole(status: number, headers: Headers, body: string): void
  /** Begins an answer of unknown length, which leaves together with what is written next. */
  begin(status: number, headers: Headers): void
  /** A packet of the body. False asks the writer to wait for `onRoom`. */
  write(text: string): boolean
  /** The end of a body that is complete. */
  end(): void
  /** What is answered with a good status is not whole, though it ends as if it were: said before it ends. */
  spoilt?(): void
  /** Closes the connection where it stands: with a clean FIN, by a reset, or not at all, as a dead network does. */
  cut(how: "close" | "reset" | "silence"): void
}

/** Answers requests. */
export type Handler = (asked: Asked, reply: Reply) => void
