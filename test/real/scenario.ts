/**
 * What a scenario is, and the words that scenarios are written in.
 *
 * A scenario begins with no model loaded and leaves nothing under way. What it returns is plain data that must be the
 * same on every server: answers as they were written down, and claims about order and rough spans that hold or do not.
 */
import type { Environment } from "./environment.ts"
import { written } from "./mask.ts"
import type { ModelName } from "./models.ts"
import { type Asking, asking, type Conduct, type Heard, type Question } from "./wire.ts"

/** Where a scenario is played. */
export interface Target {
  readonly url: string
}

/** What came of it. */
export type Transcript = Readonly<Record<string, unknown>>

/** One scenario. */
export interface Scenario {
  /** A sentence of what it shows. */
  readonly title: string
  readonly environment: Environment
  readonly play: (target: Target) => Promise<Transcript>
}

/** A scenario for a server as it is without being told anything. */
export const scenario = (title: string, play: Scenario["play"], environment: Environment = {}): Scenario => ({
  title,
  environment,
  play
})

/** Asks, and hears the answer to its end. */
export const ask = (target: Target, question: Question, conduct?: Conduct): Promise<Heard> =>
  asking(target.url, question, conduct).ended

/** Asks, and goes on while it is answered. */
export const begin = (target: Target, question: Question, conduct?: Conduct): Asking =>
  asking(target.url, question, conduct)

/** Asks one after the other, and writes the answers down by their names. */
export const askEach = async (
  target: Target,
  questions: Readonly<Record<string, Question>>
): Promise<Record<string, ReadonlyArray<string>>> => {
  const answers: Record<string, ReadonlyArray<string>> = {}
  for (const [name, question] of Object.entries(questions)) answers[name] = written(await ask(target, question))
  return answers
}

/** Waits so many milliseconds. */
export const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** More of a request than what it is for. */
export type More = Readonly<Record<string, unknown>>

/** `POST /api/generate`. */
export const generate = (prompt: string, more: More = {}): Question => ({
  path: "/api/generate",
  body: { model: "mini-a", prompt, ...more }
})

/** `POST /api/chat` with one message. */
export const chat = (content: string, more: More = {}): Question => ({
  path: "/api/chat",
  body: { model: "mini-a", messages: [{ role: "user", content }], ...more }
})

/** Every surface that answers in words, each asked for the same. */
export const surfaces: Readonly<Record<string, (content: string, more?: More) => Question>> = {
  generate,
  chat,
  "v1 chat": (content, more) => ({ ...chat(content, more), path: "/v1/chat/completions" }),
  "v1 completions": (content, more) => ({ ...generate(content, more), path: "/v1/completions" }),
  messages: (content, more) => ({ ...chat(content, { max_tokens: 50, ...more }), path: "/v1/messages" }),
  responses: (content, more) => ({ path: "/v1/responses", body: { model: "mini-a", input: content, ...more } })
}

/** The same question on every surface, streamed and not, by name. */
export const everywhere = (content: string, more: More = {}): Readonly<Record<string, Question>> =>
  Object.fromEntries(
    Object.entries(surfaces).flatMap(([name, of]) => [
      [`${name}, streamed`, of(content, { ...more, stream: true })],
      [name, of(content, { ...more, stream: false })]
    ])
  )

/** Surfaces that make vectors. */
export const embedding: Readonly<Record<string, (more: More) => Question>> = {
  embed: (more) => ({ path: "/api/embed", body: { model: "mini-e", input: "a b c", ...more } }),
  embeddings: (more) => ({ path: "/api/embeddings", body: { model: "mini-e", prompt: "a b c", ...more } }),
  "v1 embeddings": (more) => ({ path: "/v1/embeddings", body: { model: "mini-e", input: "a b c", ...more } })
}

/** Has a model loaded, and says nothing else. */
export const load = (target: Target, model: ModelName = "mini-a", more: More = {}): Promise<Heard> =>
  ask(target, { path: "/api/generate", body: { model, ...more } })

/** The names of the models that are loaded, sorted. */
export const loaded = async (target: Target): Promise<ReadonlyArray<string>> => {
  const heard = await ask(target, { path: "/api/ps" })
  const { models } = JSON.parse(heard.chunks.join("")) as { readonly models: ReadonlyArray<{ readonly name: string }> }
  return models.map(({ name }) => name.replace(":latest", "")).toSorted((a, b) => (a < b ? -1 : 1))
}

/** Unloads whatever is loaded, so that the next scenario begins like the first. */
export const settle = async (target: Target): Promise<void> => {
  for (let tries = 500; tries > 0; tries--) {
    const names = await loaded(target)
    if (names.length === 0) return
    if (tries % 100 === 0) for (const model of names) await unload(target, model)
    await pause(10)
  }
  throw new Error("Models are still loaded.")
}

const unload = (target: Target, model: string): Promise<Heard> =>
  model === "mini-e"
    ? ask(target, { path: "/api/embed", body: { model, input: [], keep_alive: 0 } })
    : ask(target, { path: "/api/generate", body: { model, keep_alive: 0 } })

/** The status of an answer, without its words. */
export const statusOf = ({ status }: Heard): string => status.split(" ")[1] ?? "none"

/** How long something took, from when it was asked, in classes that are wider than a busy machine is slow. */
export const took = ({ askedAt, endedAt }: Heard): "at once" | "a while" | "long" => {
  const millis = endedAt - askedAt
  return millis < 150 ? "at once" : millis < 700 ? "a while" : "long"
}

/** Whether one answer began only when another was over, give or take what packets take. */
export const follows = (later: Heard, earlier: Heard): boolean => later.firstAt > earlier.endedAt - 15
