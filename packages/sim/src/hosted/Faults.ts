/**
 * What hosted providers do wrong: the names of their faults, what each does, and which requests can show it.
 *
 * A fault strikes only a request that can show it, so that one which is to happen once is not used up by a listing of
 * models. The names are the same for all providers; how each says it is told where its bodies are made.
 */

/** How an answer is asked for: a list of models, an answer in one piece, or one in many. */
export type Shape = "list" | "whole" | "stream"

/** A fault that can be switched on. */
export interface Row {
  readonly name: string
  /** Before any answer, in answers of any kind, or in streamed ones alone. */
  readonly where: "door" | "answer" | "stream"
  readonly says: string
  /** What a fault's `at` and `span` are to it, where they are anything. */
  readonly at?: string
  readonly span?: string
}

const place = "after so many tokens, somewhere in the midst where nothing is said"

/** Every fault, in the order in which a reader meets them. */
export const table = [
  { name: "unauthorized", where: "door", says: "The key is refused: 401." },
  { name: "forbidden", where: "door", says: "The key may not use this model: 403." },
  { name: "unknown-model", where: "door", says: "The model is not there any more: 404." },
  {
    name: "rate-limited",
    where: "door",
    says: "Too many requests: 429, with the seconds after which to come back.",
    span: "how long to wait, 20s where nothing is said"
  },
  {
    name: "quota",
    where: "door",
    says: "What was paid for is used up: 429 `insufficient_quota`, or a 400 at Anthropic, which no short wait mends.",
    span: "how long to wait, 2h where nothing is said"
  },
  { name: "internal", where: "door", says: "The provider broke: 500." },
  { name: "overloaded", where: "door", says: "Everybody asks at once: 503, or 529 `overloaded_error` at Anthropic." },
  {
    name: "html",
    where: "door",
    says: "A proxy in front answers for a provider that is away: 502 with a page of HTML."
  },
  { name: "html-200", where: "door", says: "Something in between answers for the provider: 200 with a page of HTML." },
  { name: "hang", where: "door", says: "The request is taken and nothing comes back, not even a header." },
  { name: "error-in-200", where: "answer", says: "A 200 whose whole body, or whose first event, is an error." },
  { name: "empty-answer", where: "answer", says: "A 200 that ends well and says nothing." },
  {
    name: "slow",
    where: "answer",
    says: "Tokens come, but slowly.",
    span: "the time of a token, 1s where nothing is said"
  },
  {
    name: "truncated-json",
    where: "answer",
    says: "One line of the stream, or the body, ends in mid-JSON.",
    at: place
  },
  { name: "cut", where: "answer", says: "The connection is closed in the midst of the body.", at: place },
  { name: "reset", where: "answer", says: "The connection is reset in the midst of the body.", at: place },
  {
    name: "silence",
    where: "answer",
    says: "The bytes stop in the midst of the body, and nothing is closed.",
    at: place
  },
  {
    name: "idle-close",
    where: "answer",
    says: "The connection closes right after a whole answer, though it was to be kept."
  },
  {
    name: "no-marker",
    where: "stream",
    says: "The stream ends as if it were whole, without `[DONE]` or `message_stop`.",
    at: "after so many tokens, and then without a reason to stop either; after all of them where nothing is said"
  },
  { name: "error-mid-stream", where: "stream", says: "An error comes as an event, and it is the last.", at: place },
  {
    name: "comments-only",
    where: "stream",
    says: "The answer stalls for good, and only comments, or pings at Anthropic, keep the connection warm.",
    at: `${place}; after none, nothing but comments ever comes`,
    span: "how often one comes, every 10s where nothing is said"
  }
] as const satisfies ReadonlyArray<Row>

/** The name of a fault. */
export type Name = (typeof table)[number]["name"]

const namesOf = (...places: ReadonlyArray<Row["where"]>): ReadonlySet<Name> =>
  new Set(table.filter((row) => places.includes(row.where)).map((row) => row.name))

/** The faults that any request can show. */
export const ofDoor = namesOf("door")

/** The faults that an answer of each kind can show. */
export const ofAnswer: Readonly<Record<Exclude<Shape, "list">, ReadonlySet<Name>>> = {
  whole: namesOf("answer"),
  stream: namesOf("answer", "stream")
}
