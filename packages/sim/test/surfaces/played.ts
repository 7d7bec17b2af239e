/**
 * Plays a request to a surface: a recorder takes the place of the socket, and a few frames that of the daemon.
 *
 * Both are far ends of ports, so a surface between them is whole.
 */
import type { Handler, Reply } from "../../src/Exchange.ts"
import type { Daemon, Embedded } from "../../src/ollama/Daemon.ts"
import type { Failure, Frame, Metrics, Writer } from "../../src/ollama/Frame.ts"
import type { Chat, Embed, Generate } from "../../src/ollama/Request.ts"

/** What left for the caller. */
export interface Sent {
  status: number
  headers: ReadonlyArray<string>
  /** Of a body of unknown length; one where the length is known. */
  packets: Array<string>
  /** Whether the length is known. */
  isWhole: boolean
  isEnded: boolean
}

/** What the daemon was asked, and what left. */
export interface Played {
  readonly sent: Sent
  readonly asked: Array<Chat | Generate | Embed>
  /** Whether it was said before the end that what is answered is not whole. */
  readonly isSpoilt: boolean
}

/** What the daemon does with a question. */
export interface Far {
  readonly answer?: (writer: Writer) => void
  readonly embedded?: Embedded | Failure
  readonly daemon?: Partial<Daemon>
  /** Whether the reply has room for more. */
  readonly hasRoom?: boolean
}

/** Plays a body, or the JSON of one, to a handler. */
export const played = (
  handler: (daemon: Daemon, draw: () => number) => Handler,
  body: unknown,
  { answer = (writer) => writer.end(), daemon = {}, embedded, hasRoom = true }: Far = {},
  path = "/"
): Played => {
  const asked: Array<Chat | Generate | Embed> = []
  const sent: Sent = { status: 0, headers: [], packets: [], isWhole: false, isEnded: false }
  const end: Daemon = {
    version: "0.34.0",
    models: [],
    loaded: [],
    madeAt: 1_795_214_945_500_000_000n,
    find: () => undefined,
    chat: (chat, writer) => {
      asked.push(chat)
      answer(writer)
    },
    generate: (generate, writer) => {
      asked.push(generate)
      answer(writer)
    },
    embed: (embed, _, done) => {
      asked.push(embed)
      if (embedded !== undefined) done(embedded)
    },
    copy: () => false,
    remove: () => false,
    ...daemon
  }
  const text = typeof body === "string" ? body : JSON.stringify(body)
  const draws = [271, 0x1f, 0xabcdef01, 7, 8, 9, 10, 11, 12]
  const question = { method: "POST", path, query: new URLSearchParams(), headers: {}, body: text }
  let isSpoilt = false
  const spoilt = (): void => {
    if (sent.isEnded) throw new Error("It is too late to say so")
    isSpoilt = true
  }
  handler(end, () => draws.shift()!)(question, recorder(sent, hasRoom, spoilt))
  return { sent, asked, isSpoilt }
}

const recorder = (sent: Sent, hasRoom: boolean, spoilt: () => void): Reply => {
  const begin = (status: number, headers: ReadonlyArray<readonly [string, string]>): void => {
    if (sent.status !== 0) throw new Error("It was answered twice")
    sent.status = status
    sent.headers = headers.map(([name, value]) => `${name}: ${value}`)
  }
  const end = (): void => {
    if (sent.isEnded || sent.status === 0) throw new Error("There is nothing to end")
    sent.isEnded = true
  }
  return {
    get begun() {
      return sent.status !== 0
    },
    gone: false,
    whole: (status, headers, body) => {
      begin(status, headers)
      sent.packets.push(body)
      sent.isWhole = true
      end()
    },
    begin,
    write: (packet) => {
      if (sent.isEnded || sent.status === 0) throw new Error("Nothing is open to be written to")
      sent.packets.push(packet)
      return hasRoom
    },
    end,
    spoilt,
    cut: end,
    onRoom: () => undefined,
    onGone: () => undefined
  }
}

/** A piece of an answer, at a moment of the year 2026. */
export const said = (content: string, more: Partial<Frame> = {}): Frame => ({
  model: "tiny-a",
  createdAt: 1_795_214_974_123_456_789n,
  content,
  done: false,
  ...more
})

/** What the last frame counts: 13 tokens, 12 of them from the cache, and 5 of the answer. */
export const metrics: Metrics = {
  totalDuration: 9,
  loadDuration: 1,
  promptEvalCount: 13,
  promptEvalCachedCount: 12,
  promptEvalDuration: 3,
  evalCount: 5,
  evalDuration: 4
}

/** The last frame. */
export const last = (more: Partial<Frame> = {}): Frame =>
  said("", { done: true, doneReason: "length", metrics, ...more })

/** Says all frames, and that there are no more. */
export const frames =
  (...all: ReadonlyArray<Frame>) =>
  (writer: Writer): void => {
    for (const frame of all) writer.frame(frame)
    writer.end()
  }

/** A call of a tool. */
export const call = { id: "call_g3inu6ja", function: { index: 0, name: "f", arguments: { a: "x" } } }

/** What the daemon fails with when its queue is full. */
export const busy: Failure = {
  reason: "Overloaded",
  status: 503,
  message: "server busy, please try again.  maximum pending requests exceeded",
  isRefusal: true
}

/** What the runner fails with when it dies. */
export const died: Failure = {
  reason: "Unreachable",
  status: 500,
  message: "an error was encountered while running the model: unexpected EOF"
}
