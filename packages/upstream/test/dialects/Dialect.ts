/**
 * What a test knows of the language of a wire without asking the wire: how its questions are read and its answers are
 * written.
 *
 * Each dialect is made from what its API publishes, with the rules that its server holds a body to, so that a wire
 * that has misunderstood its page cannot agree with itself.
 */
import type { Options, Part, Question, Summary, Upstream } from "@spillway/core"
import type { Effect, Redacted, Scope } from "effect"

/** What is asked, in the clear. */
export type Content = Redacted.Redacted.Value<Question.Question["content"]>

/** A conversation, in the clear. */
export type Chat = Extract<Content, { readonly kind: "chat" }>

/** A question as it can be read from a body: everything but what is only counted. */
export interface Asked {
  readonly model: string
  readonly content: Chat
  readonly settings: Question.Settings
}

/** One language, from the server's side. */
export interface Dialect {
  readonly name: string
  /** A wire that speaks it, to the server at an address. */
  readonly make: (url: string) => Effect.Effect<Upstream, Options.OptionsRefused, Scope.Scope>
  /** Where a conversation is sent, and what the head of every such request holds. */
  readonly path: string
  readonly head: ReadonlyArray<RegExp>
  /** The question in a body; throws where its server would not take it. */
  readonly read: (body: string) => Asked
  /** What a stream is labelled, and all of a streamed answer, which ends well. */
  readonly type: string
  readonly write: (parts: ReadonlyArray<Part.Part>, summary: Summary.Summary) => string
}

/** The fields of a JSON object. */
export type Fields = Readonly<Record<string, unknown>>

/** Holds a body to a rule of its server. */
export function demand(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new Error(`its server would not take this: ${rule}`)
}

/** An object that has these fields and no others. */
export const object = (value: unknown, where: string, names: ReadonlyArray<string>): Fields => {
  demand(typeof value === "object" && value !== null && !Array.isArray(value), `${where} is no object`)
  for (const name of Object.keys(value)) demand(names.includes(name), `${where} has no field "${name}"`)
  return value as Fields
}

/** A list of at least so many. */
export const list = (value: unknown, where: string, least = 0): ReadonlyArray<unknown> => {
  demand(Array.isArray(value), `${where} is no list`)
  demand(value.length >= least, `${where} has fewer than ${least}`)
  return value
}

/** A text. */
export const text = (value: unknown, where: string): string => {
  demand(typeof value === "string", `${where} is no text`)
  return value
}

/** A number within bounds; nothing where there is none. */
export const number = (value: unknown, where: string, least: number, most = Infinity): number | undefined => {
  if (value === undefined) return undefined
  demand(typeof value === "number" && value >= least && value <= most, `${where} is not from ${least} to ${most}`)
  return value
}

/** The name of a tool, as the hosted servers take it. */
export const toolName = (value: unknown, where: string): string => {
  const name = text(value, where)
  demand(/^[a-zA-Z0-9_-]{1,64}$/.test(name), `${where} is no name of a tool`)
  return name
}

/** Only what is there. */
export const given = <A extends Fields>(fields: A): { readonly [K in keyof A]?: Exclude<A[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never

/** The kind of picture that bytes are, by their first. */
export const mediaTypeOf = (base64: string): string | undefined => {
  const bytes = Buffer.from(base64, "base64").toString("latin1")
  if (bytes.startsWith("\x89PNG\r\n\x1a\n")) return "image/png"
  if (bytes.startsWith("\xff\xd8\xff")) return "image/jpeg"
  if (/^GIF8[79]a/.test(bytes)) return "image/gif"
  return bytes.startsWith("RIFF") && bytes.slice(8, 12) === "WEBP" ? "image/webp" : undefined
}

/** A picture in base64, which is of the kind that it is said to be. */
export const base64 = (value: unknown, where: string, mediaType?: unknown): string => {
  const data = text(value, where)
  demand(data !== "" && Buffer.from(data, "base64").toString("base64") === data, `${where} is no base64`)
  const found = mediaTypeOf(data)
  demand(mediaType === undefined || found === mediaType, `${where} is ${found}, and not ${String(mediaType)}`)
  return data
}

/** How likely a token was, as servers say it: always with its bytes. */
const likelihood = ({ bytes, logprob, token }: Part.Likelihood): Fields => ({
  token,
  logprob,
  bytes: bytes ?? [...Buffer.from(token)]
})

/** The same of one that was chosen, with the likeliest at its place. */
export const chosen = ({ top, ...own }: Part.Logprob): Fields => ({
  ...likelihood(own),
  top_logprobs: top.map(likelihood)
})
