/**
 * What a wire is: how a question is put to one kind of server, and what its answers say.
 *
 * A wire knows bodies, lines and statuses; it knows no sockets. `Exchange` brings the two together, so that leaving,
 * back-pressure and broken connections are the same for all of them.
 */
import { type Part, Question, type Reason, refusal, SpillwayError, type Summary } from "@spillway/core"
import { Redacted } from "effect"
import type { IncomingHttpHeaders } from "undici/types/header.js"

/** How an answer ended. */
export type End = Summary.Summary | SpillwayError

/** Reads one answer. */
export interface Reading {
  /** Whether the body is one object, and not a line for each piece. */
  readonly isWhole: boolean
  /** A line that is not empty, or the whole body: hands out its parts, and says whether that was the end. */
  read(text: string, emit: (part: Part.Part) => void): End | undefined
  /** The body is over, and no line has been the end. */
  over(): End
}

/** How many vectors were asked for. */
export const inputsOf = ({ question }: Asked): number => {
  const content = Redacted.value(question.content)
  return content.kind === "embed" ? content.inputs.length : 0
}

/** An answer that is none: another status than a good one. */
export interface Refused {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** As much of the body as is worth reading. */
  readonly body: string
}

/** What is asked, and where. */
export interface Asked {
  readonly question: Question.Question
  /** `upstream/model`. */
  readonly target: string
  /** How many parts have been handed out. */
  readonly parts: () => number
  /** Wall clock, in milliseconds since 1970. */
  readonly nowMillis: () => number
}

/** Whoever asked, and what: a look at a server has no question. */
export type About = Omit<Asked, "question"> & { readonly question?: Asked["question"] }

/** One kind of server. */
export interface Wire {
  /** The path and the body of a question, or why it cannot be carried. */
  readonly put: (asked: Asked) => { readonly path: string; readonly body: string } | SpillwayError
  /** How an answer is read; its headers tell a stream from what came in one piece. */
  readonly reading: (asked: Asked, headers: IncomingHttpHeaders) => Reading
  readonly refused: (refused: Refused, about: About) => SpillwayError
}

/** An error without a stack, or with what the server said as its hidden cause: that may quote what was asked. */
export const failed = (reason: Reason, said?: string): SpillwayError =>
  said === undefined || said === ""
    ? refusal(reason)
    : new SpillwayError({ reason, cause: Redacted.make(said, { label: "what the server said" }) })

/** That a question holds what this kind of server has no place for. */
export const unsupported = (capability: string, { target }: Asked): SpillwayError =>
  refusal({ _tag: "Unsupported", capability, target })

/** That a question is wrong, whichever server is asked. */
export const mistaken = (field: string, read: string, expected: string): SpillwayError =>
  refusal({ _tag: "BadRequest", field, read, expected })

/** That a call of a tool was not written as one. */
export const notAnObject = mistaken("A tool call", "written with arguments that are no JSON object", "written with one")

/** That a turn of a tool answers nothing that was called. */
export const notCalled = mistaken("A turn of a tool", "an answer to no call", "the answer to an earlier call")

/** That a picture is of a kind that nobody takes. */
export const notAPicture = mistaken(
  "An image",
  "of an unknown kind",
  "a PNG, a JPEG, a GIF or a WebP, or an https: address"
)

/** Whether a tool has to be called, and there is none. */
export const isChoiceOfNothing = (content: Question.Content): boolean => {
  if (content.kind !== "chat" || (content.tools ?? []).length > 0) return false
  const { toolChoice = "auto" } = content
  return toolChoice === "required" || typeof toolChoice === "object"
}

/** That it is so. */
export const noTools = mistaken("toolChoice", "said of no tool", "said together with tools")

/** The turns of a question: a prompt alone is what a user says. */
export const turnsOf = (content: Question.Content): ReadonlyArray<Question.Message> => {
  if (content.kind === "chat") return content.messages
  if (content.kind === "embed") return []
  return [{ role: "user", text: content.prompt, ...(content.images && { images: content.images }) }]
}
