/**
 * Writes an answer as Ollama's HTTP layer does, in the words of one surface: streamed, whole, refused or broken off.
 *
 * Which packet holds what, and whether a length is said, depends on who flushes and not on what is said, so it stands
 * here once: a stream that never began keeps the native content type, and what only the runner fails at comes in chunks
 * where a refusal before it has a length.
 */
import type { Headers, Reply } from "../Exchange.ts"
import type { Frame, Said, Writer } from "../ollama/Frame.ts"

/** How a surface labels its bodies, and how they leave. */
export interface Manner {
  /** Headers of every answer to a request for a stream, beside the content type. */
  readonly headers: Headers
  /** The content types of a stream and of an object. */
  readonly stream: string
  readonly object: string
  /** What stands behind an object. */
  readonly tail: string
  /** Where a stream was asked for, an answer of one frame is an object, or a stream with or without a length. */
  readonly only: "object" | "stream" | "stream with a length"
}

/** What one surface says, for one request. */
export interface Wording {
  readonly manner: Manner
  /** Whether a stream was asked for. */
  readonly stream: boolean
  /** What a frame becomes in a stream: its packets. */
  frame(frame: Frame): ReadonlyArray<string>
  /** What a failure in mid-stream becomes. */
  broken(failure: Said): ReadonlyArray<string>
  /** The answer as one object. */
  whole(frame: Frame): string
  /** The answer that there is none. */
  refusal(said: Said): string
}

/** What Ollama speaks itself. */
export const native: Manner = {
  headers: [],
  stream: "application/x-ndjson",
  object: "application/json; charset=utf-8",
  tail: "",
  only: "object"
}

/** What is made anew of that. */
export const translated: Manner = {
  headers: [],
  stream: "text/event-stream",
  object: "application/json",
  tail: "\n",
  only: "stream with a length"
}

/** What is made anew of that and flushes each event by itself, and says so also of a stream that is refused. */
export const flushed: Manner = {
  ...translated,
  headers: [
    ["Cache-Control", "no-cache"],
    ["Connection", "keep-alive"]
  ],
  only: "stream"
}

/** An answer of no frame at all, which Ollama sends with the first moment of its calendar. */
export const nothing: Frame = { model: "", createdAt: -62_135_596_800_000_000_000n, content: "", done: false }

/** Whole seconds since 1970, as the other surfaces tell the time. */
export const secondsOf = ({ createdAt }: Pick<Frame, "createdAt">): number => Number(createdAt / 1_000_000_000n)

/** A writer that says it so, on a reply. */
export const make = (reply: Reply, wording: Wording): Writer => (wording.stream ? streamed : gathered)(reply, wording)

const streamed = (reply: Reply, wording: Wording): Writer => {
  const { manner } = wording
  const headers = (type: string): Headers => [...manner.headers, ["Content-Type", type]]
  let isOpen = false
  let isDone = false
  const send = (packets: ReadonlyArray<string>): boolean => {
    if (!isOpen && packets.length > 0) {
      isOpen = true
      reply.begin(200, headers(manner.stream))
    }
    return packets.map((packet) => reply.write(packet)).every((hasRoom) => hasRoom)
  }
  const end = (): void => {
    if (!isOpen) reply.begin(200, headers("application/x-ndjson"))
    reply.end()
  }
  return {
    frame: (frame) => {
      isDone ||= frame.done
      return send(wording.frame(frame))
    },
    fail: (failure) => {
      if (isOpen || failure.isLate === true) {
        reply.spoilt?.()
        send(wording.broken(failure))
        return end()
      }
      const body = wording.refusal(failure) + manner.tail
      if (failure.isRefusal === true) return reply.whole(failure.status, headers(manner.object), body)
      reply.begin(failure.status, headers("application/json"))
      reply.write(body)
      reply.end()
    },
    only: (frame) => {
      if (manner.only === "object") {
        return reply.whole(200, headers(manner.object), wording.whole(frame) + manner.tail)
      }
      const packets = wording.frame(frame)
      if (manner.only === "stream with a length") {
        return reply.whole(200, headers(manner.stream), packets.join(""))
      }
      send(packets)
      reply.end()
    },
    end: () => {
      if (!isDone) reply.spoilt?.()
      end()
    }
  }
}

const gathered = (reply: Reply, wording: Wording): Writer => {
  const { object, tail } = wording.manner
  const frames: Array<Frame> = []
  const answer = (status: number, body: string): void => reply.whole(status, [["Content-Type", object]], body + tail)
  return {
    frame: (frame) => {
      frames.push(frame)
      // An answer without an end would take all memory there is: whoever waits for it waits for ever in any case.
      return frames.length < gatheredMax
    },
    fail: (failure) => answer(failure.status, wording.refusal(failure)),
    only: (frame) => answer(200, wording.whole(frame)),
    end: () => {
      const frame = gather(frames)
      if (!frame.done) reply.spoilt?.()
      answer(200, wording.whole(frame))
    }
  }
}

/** How many frames of an answer are gathered. */
const gatheredMax = 1_000_000

/** All frames as one, of which the last says how it went. */
const gather = (frames: ReadonlyArray<Frame>): Frame => {
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
