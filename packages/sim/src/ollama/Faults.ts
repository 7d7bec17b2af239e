/**
 * The catalogue of what goes wrong with an Ollama, and with Ollama Cloud behind it: one table for the command line, the
 * control API and the tests.
 *
 * Where a fault happens decides what it can do: at the door it answers in the daemon's place or breaks what is sent,
 * further in it changes what a load or a runner does, and all that follows is the daemon's own doing.
 */
import type { Known, Models, Struck } from "../Fault.ts"
import type { Script } from "../Script.ts"
import type { Daemon } from "./Daemon.ts"
import type { Why } from "./Frame.ts"
import type { Model } from "./Model.ts"
import * as Name from "./Name.ts"
import type { LoadFault } from "./Scheduler.ts"

/** Where a fault happens. */
export type Where = "door" | "daemon" | "wire" | "load" | "runner"

/** One fault: where it happens, what a caller sees, and what that is to a program that sees no bytes. */
export interface Entry {
  readonly where: Where
  readonly reason?: Why
  readonly what: string
  /** What `at` counts, and what `span` is where nothing is said; absent where they are nothing to it. */
  readonly at?: "packets" | "tokens" | "status"
  readonly span?: string
}

/** Every fault by name. */
export const catalogue: Readonly<Record<string, Entry>> = {
  busy: { where: "daemon", what: "503: the queue is full" },
  overloaded: {
    where: "door",
    reason: "Overloaded",
    what: "503 in JSON, as the cloud says it, without a word on when to come back"
  },
  unavailable: { where: "door", reason: "Overloaded", what: "503 in plain text" },
  html: { where: "door", reason: "Overloaded", what: "503 as a page of HTML" },
  "no-concurrency": {
    where: "door",
    reason: "UpstreamRateLimited",
    what: "429: no slot among those of the plan came free"
  },
  "session-limit": {
    where: "door",
    reason: "QuotaSpent",
    what: "429: the quota of the session is used up, which takes hours"
  },
  "weekly-limit": { where: "door", reason: "QuotaSpent", what: "429: the quota of the week is used up" },
  quota: { where: "door", reason: "QuotaSpent", what: "429 that asks to come back in hours (span, 2h)", span: "2h" },
  unauthorized: { where: "door", reason: "UpstreamUnauthorized", what: "401 with a place to sign in" },
  subscription: { where: "door", reason: "UpstreamUnauthorized", what: "403: the model is for subscribers" },
  "cloud-disabled": { where: "door", reason: "UpstreamUnauthorized", what: "403: the cloud is switched off" },
  "bad-gateway": { where: "door", reason: "Unreachable", what: "502: the daemon cannot reach the cloud" },
  "cut-request": { where: "door", reason: "Unreachable", what: "400: the cloud has read only half of the request" },
  internal: { where: "door", reason: "Overloaded", what: "500 in plain text" },
  "foreign-host": { where: "door", reason: "UpstreamUnauthorized", what: "403 with an empty body" },
  hang: { where: "door", what: "no answer, ever" },
  reset: { where: "door", reason: "Unreachable", what: "the connection is reset before anything was said" },
  refuse: { where: "door", reason: "Unreachable", what: "the connection is closed before anything was said" },
  slow: { where: "door", what: "the answer begins later (span, 1s)", span: "1s" },
  cut: {
    where: "wire",
    what: "the connection closes in mid-answer (at packets, or after a span)",
    at: "packets",
    span: "by packets"
  },
  "cut-reset": { where: "wire", what: "the connection is reset in mid-answer", at: "packets", span: "by packets" },
  silence: {
    where: "wire",
    what: "nothing more comes in mid-answer, and the connection stays open",
    at: "packets",
    span: "by packets"
  },
  garble: { where: "wire", what: "a line that is no JSON in mid-answer", at: "packets", span: "by packets" },
  "idle-close": { where: "wire", what: "the connection closes after the answer, though it was to be kept" },
  "slow-load": { where: "load", what: "the model loads for so long (span, 30s)", span: "30s" },
  "load-exit": {
    where: "load",
    what: "500: the runner ends while it loads (at is its status)",
    at: "status",
    span: "at once"
  },
  "load-memory": { where: "load", what: "500: the model does not fit into memory", span: "at once" },
  "load-hang": { where: "load", what: "the load never ends, until its time is over" },
  die: { where: "runner", what: "the runner dies (at tokens; 0 is before the first)", at: "tokens" },
  end: { where: "runner", what: "the answer ends without saying so (at tokens)", at: "tokens" },
  empty: { where: "runner", what: "200, and not a single frame" },
  "done-missing": { where: "runner", what: "the last frame does not say that it is one" },
  unreadable: { where: "runner", what: "the runner says what its daemon cannot read (at tokens)", at: "tokens" },
  stall: { where: "runner", what: "the runner falls silent (at tokens)", at: "tokens" },
  repeat: { where: "runner", what: "one token over and over, which ends the stream without an end" },
  endless: { where: "runner", what: "an answer that does not end by itself" },
  "slow-tokens": { where: "runner", what: "every token takes so long (span, 1s)", span: "1s" },
  "lost-slot": {
    where: "runner",
    what: "whoever leaves in mid-answer takes his slot with him: it never comes free, nor does the model"
  },
  "runner-memory": { where: "runner", what: "500: out of memory; every model is unloaded" },
  "no-slots": { where: "runner", what: "500: no slots available after 10 retries" }
}

const namesOf = (...places: ReadonlyArray<Where>): ReadonlySet<string> =>
  new Set(Object.entries(catalogue).flatMap(([name, { where }]) => (places.includes(where) ? [name] : [])))

const ofWords = namesOf("door", "daemon", "wire", "runner")
const ofVectors = namesOf("door", "daemon", "wire")
const ofAll = namesOf("door", "wire")
const none: ReadonlySet<string> = new Set()

/** The paths that answer with words, with vectors, and all others that are served. */
const words = ["/api/chat", "/api/generate", "/v1/chat/completions", "/v1/completions", "/v1/messages", "/v1/responses"]
const vectors = ["/api/embed", "/api/embeddings", "/v1/embeddings"]
const others = [
  "/",
  "/api/version",
  "/api/status",
  "/api/tags",
  "/api/ps",
  "/api/show",
  "/api/copy",
  "/api/delete",
  "/api/pull",
  "/api/push",
  "/api/create",
  "/v1/models",
  "/v1/models/*"
]

/** Those that strike a request: only what it can show, so that a fault which is to happen once is not used up. */
export const ofRequest = ({ method, path }: { readonly method: string; readonly path: string }): ReadonlySet<string> =>
  method === "OPTIONS" ? none : words.includes(path) ? ofWords : vectors.includes(path) ? ofVectors : ofAll

/** Where a fault can strike: a load belongs to no path. */
const paths: Readonly<Record<Where, ReadonlyArray<string>>> = {
  door: [...words, ...vectors, ...others],
  daemon: [...words, ...vectors],
  wire: [...words, ...vectors, ...others],
  load: [],
  runner: words
}

/** The catalogue as the switchboard reads it. */
export const known: ReadonlyMap<string, Known> = new Map(
  Object.entries(catalogue).map(([name, entry]) => [
    name,
    { ...entry, paths: paths[entry.where], isOfWords: entry.where === "runner" }
  ])
)

/** All the names that callers may give a model, the usual one first. */
export const namesFor = ({ fullName, name }: Pick<Model, "fullName" | "name">): ReadonlyArray<string> => [
  name,
  Name.short(fullName),
  fullName.replace(/^registry\.ollama\.ai\//, ""),
  fullName
]

/** The models that are there by now, as the switchboard asks for them. */
export const modelsOf = (ollama: () => Pick<Daemon, "find" | "models">): Models => ({
  all: () => ollama().models.map((model) => ({ names: namesFor(model), isVectors: model.kind === "embed" })),
  namesOf: (name) => {
    const found = ollama().find(name)
    if (found !== undefined) return namesFor(found)
    const fullName = Name.full(name)
    return fullName === undefined ? [name] : namesFor({ name, fullName })
  }
})

/** Those that strike a request when it comes: those of a runner wait until its answer begins. */
export const ofArrival = (asked: { readonly method: string; readonly path: string }): ReadonlySet<string> => {
  const all = ofRequest(asked)
  return all === ofWords ? ofVectors : all
}

/** Those that strike an answer of words when it begins. */
export const ofAnswers = namesOf("runner")

/** Those that strike a load. */
export const ofLoads = namesOf("load")

/** Where a fault happens. */
export const whereOf = ({ name }: Struck): Where => catalogue[name]!.where

/** The script of an answer that a fault has struck. */
export const scripted = (fault: Struck | undefined, script: Script): Script => {
  if (fault === undefined) return script
  // Somewhere in the midst of even a short answer.
  const at = fault.at ?? 1 + (fault.draw % 8)
  const isDrawn = fault.at === undefined
  switch (fault.name) {
    case "die":
      return { ...script, dieAfter: at, isDrawn }
    case "end":
      return { ...script, endAfter: at, isDrawn }
    case "empty":
      return { ...script, endAfter: 0 }
    case "unreadable":
      return { ...script, garbageAfter: at, isDrawn }
    case "stall":
      return { ...script, hangAfter: at, isDrawn }
    case "repeat":
      return { ...script, text: " the", repeat: true, tokens: Infinity }
    case "endless":
      return { ...script, tokens: Infinity }
    case "slow-tokens":
      return { ...script, tokenMillis: (fault.span ?? 1e9) / 1e6 }
    default:
      return script
  }
}

/** What a load that a fault has struck comes to. */
export const loadOf = (fault: Struck | undefined): LoadFault | undefined => {
  if (fault === undefined) return undefined
  const { name } = fault
  switch (name) {
    case "slow-load":
      return { name, span: fault.span ?? 30e9 }
    case "load-exit":
      return { name, span: fault.span ?? 0, message: exitOf(fault.at) }
    case "load-memory":
      return { name, span: fault.span ?? 0, message: `${terminated} ${noMemory}`, reason: "OutOfMemory" }
    default:
      return { name }
  }
}

const noMemory = "cudaMalloc failed: out of memory"

const exitOf = (status: number | undefined): string =>
  status === undefined
    ? `${terminated} error: something broke`
    : `llama-server process has terminated: exit status ${status}`

const terminated = "llama-server process has terminated: exit status 1:"
