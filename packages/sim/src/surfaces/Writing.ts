/**
 * Writes an answer as Ollama's HTTP layer does, in the words of one surface: streamed, whole, refused or broken off.
 *
 * Which packet holds what, and whether a length is said, depends on who flushes and not on what is said, so it stands
 * here once: a stream that never began keeps the native content type, and what only the runner fails at comes in chunks
 * where a refusal before it has a length.
 */
import type { Headers, Reply } from "../Exchange.ts"
import type { Frame, Said, Writer } from "../ollama/Frame.ts"

/** What one surface says, for one request. */
export interface Wording {
  /** Whether a stream was asked for. */
  readonly stream: boolean
  /** Headers of every answer to a request for a stream, beside the content type. */
  readonly headers: Headers
  /** Whether each event of a stream is flushed by itself, also where the whole answer is known. */
  readonly flushes: boolean
  /** What a frame becomes in a stream: its packets. */
  frame(frame: Frame): ReadonlyArray<string>
  /** What a failure in mid-stream becomes. */
  broken(): ReadonlyArray<string>
  /** The answer as one object. */
  whole(frame: Frame): string
  /** The answer that there is none. */
  refusal(said: Said): string
}

/** An answer of no frame at all, which Ollama sends with the first moment of its calendar. */
export const nothing: Frame = { model: "", createdAt: -62_135_596_800_000_000_000n, content: "", done: false }

/** Whole seconds since 1970, as the other surfaces tell the time. */
export const secondsOf = ({ createdAt }: Pick<Frame, "createdAt">): number => Number(createdAt / 1_000_000_000n)

/** What the surfaces that flush each event say of a stream, also where it is refused. */
export const unbuffered: Headers = [
  ["Cache-Control", "no-cache"],
  ["Connection", "keep-alive"]
]

/** A writer that says it so, on a reply. */
export const make = (reply: Reply, wording: Wording): Writer => (wording.stream ? streamed : gathered)(reply, wording)

const json: readonly [string, string] = ["Content-Type", "application/json"]
const events: readonly [string, string] = ["Content-Type", "text/event-stream"]

const streamed = (reply: Reply, wording: Wording): Writer => {
  let isOpen = false
  const send = (packets: ReadonlyArray<string>): boolean => {
    if (!isOpen && packets.length > 0) {
      isOpen = true
      reply.begin(200, [...wording.headers, events])
    }
    return packets.map((packet) => reply.write(packet)).every((hasRoom) => hasRoom)
  }
  return {
    frame: (frame) => send(wording.frame(frame)),
    fail: (failure) => {
      if (isOpen) {
        send(wording.broken())
        return reply.end()
      }
      const body = `${wording.refusal(failure)}\n`
      if (failure.isRefusal === true) return reply.whole(failure.status, [...wording.headers, json], body)
      reply.begin(failure.status, [...wording.headers, json])
      reply.write(body)
      reply.end()
    },
    only: (frame) => {
      const packets = wording.frame(frame)
      if (!wording.flushes) return reply.whole(200, [...wording.headers, events], packets.join(""))
      send(packets)
      reply.end()
    },
    end: () => {
      if (!isOpen) reply.begin(200, [...wording.headers, ["Content-Type", "application/x-ndjson"]])
      reply.end()
    }
  }
}

const gathered = (reply: Reply, wording: Wording): Writer => {
  const frames: Array<Frame> = []
  const answer = (frame: Frame): void => reply.whole(200, [json], `${wording.whole(frame)}\n`)
  return {
    frame: (frame) => {
      frames.push(frame)
      return true
    },
    fail: (failure) => reply.whole(failure.status, [json], `${wording.refusal(failure)}\n`),
    only: answer,
    end: () => answer(gather(frames))
  }
}

/** All frames as one, of which the last says how it went. */
export const gather = (frames: ReadonlyArray<Frame>): Frame => {
  const last = frames.at(-1)
  return last === undefined
    ? nothing
    : {
        ...last,
        content: frames.map((frame) => frame.content).join(""),
        thinking: frames.map((frame) => frame.thinking ?? "").join(""),
        toolCalls: frames.flatMap((frame) => frame.toolCalls ?? []),
        logprobs: frames.flatMap((frame) => frame.logprobs ?? [])
      }
}
