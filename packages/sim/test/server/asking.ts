/**
 * What the tests of client libraries share: what is asked, and the servers that answer it.
 */
import { afterAll, beforeAll } from "@effect/vitest"
import { Effect } from "effect"
import { quick, serve, type Serving, until, user } from "./running.ts"
import { tokensOf } from "./said.ts"

/** The model that is asked, and the one that embeds. */
export const model = "mini"
export const embedder = "nomic-embed-text"
/** What is asked, and what is answered to it. */
export const content = "hi [[sim tokens=6]]"
export const answer = tokensOf(content, 6).join("")
export const messages = [user(content)]

/** A tool, and what makes the model call it. */
export const weather = {
  type: "function" as const,
  function: {
    name: "weather",
    description: "The weather of a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
  }
}
export const calling = [user('hi [[sim tool=weather arguments={"city":"Oslo"}]]')]
/** What an answer is to be like. */
export const schema = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" } },
  required: ["name", "age"],
  additionalProperties: false
}

/** What is said where the queue is full, and where the runner died. */
export const busy = "server busy, please try again.  maximum pending requests exceeded"
export const died = "an error was encountered while running the model: unexpected EOF"

/** Both servers, for as long as the tests of a file run. */
export const bothServed = (): { readonly answering: Serving; readonly full: Serving } => {
  const served = {} as { answering: Serving; full: Serving }
  beforeAll(async () => {
    ;[served.answering, served.full] = await Promise.all([answering(), filled()])
  })
  afterAll(async () => {
    await Promise.all([served.full.stop(), served.answering.stop()])
  })
  return served
}

/** One that answers. */
const answering = (): Promise<Serving> =>
  serve({
    models: [quick(model), quick("thinker", { can: ["thinking"] }), quick(embedder, { kind: "embed" })],
    parallel: 4
  })

/** One of which the queue is full: its first model loads for an hour, and the next in line is the last. */
const filled = async (): Promise<Serving> => {
  const serving = await serve({ models: [quick("endless", { load: "1h" }), quick(model)], queueMax: 1 })
  for (const [place, name] of ["endless", model].entries()) {
    const body = JSON.stringify({ model: name, messages })
    void fetch(`${serving.url}/api/chat`, { method: "POST", body }).catch(() => undefined)
    await until(() => serving.ollama.scheduler.waiting.length > place)
  }
  return serving
}

/** Asks while a fault is on, and only then. */
export const during = async <A>(serving: Serving, fault: string, ask: () => Promise<A>): Promise<A> => {
  await Effect.runPromise(serving.faults.add(fault))
  try {
    return await ask()
  } finally {
    serving.faults.remove()
  }
}

/** All that comes, one after the other. */
export const gathered = async <A>(stream: AsyncIterable<A> | PromiseLike<AsyncIterable<A>>): Promise<Array<A>> => {
  const all: Array<A> = []
  for await (const each of await stream) all.push(each)
  return all
}
