/**
 * What a part costs on its way from a socket, on each wire and without one.
 *
 * Beside each wire stand two who read the same stream from undici by themselves: one that counts its bytes, than which
 * no wire on it can be cheaper, and the least that a program without us would write, lines and the JSON of each.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { StringDecoder } from "node:string_decoder"
import { fileURLToPath } from "node:url"
import { Answer, Call, type Options, type Part, Question, type Upstream } from "@spillway/core"
import { Anthropic, Ollama, OpenAi } from "@spillway/upstream"
import { Effect, Scope } from "effect"
import { Pool } from "undici"
import { type Dialect, partsCount } from "./answers.ts"
import type { Subject } from "./measure.ts"
import { ofEffect } from "./subjects.ts"

type Make = (name: string, options: { url: string }) => Effect.Effect<Upstream, Options.OptionsRefused, Scope.Scope>

const makes: Readonly<Record<Dialect, Make>> = {
  Ollama: Ollama.make,
  OpenAi: OpenAi.make,
  Anthropic: Anthropic.make
}

/** A server of its own, which ends with this process. */
const serverOf = (dialect: Dialect): Effect.Effect<string> =>
  Effect.promise(async () => {
    const server = fork(fileURLToPath(new URL("server.ts", import.meta.url)), [dialect])
    const [url] = (await once(server, "message")) as [string]
    return url
  })

const asked = "Why is the sky blue?"

let read = 0

const take = (part: Part.Part): void => {
  if (part._tag === "Text") read += part.text.length
}

const sink = { emit: take }

const question = Question.chat("model", asked)

const wireTo = (dialect: Dialect) =>
  Effect.orDie(Effect.flatMap(serverOf(dialect), (url) => makes[dialect]("server", { url })))

/** Connections as the wires have them. */
const poolTo = (dialect: Dialect): Effect.Effect<Pool> =>
  Effect.map(
    serverOf(dialect),
    (url) => new Pool(url, { connections: 256, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
  )

const request = {
  method: "POST",
  path: "/v1/chat",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ model: "model", stream: true, messages: [{ role: "user", content: asked }] })
} as const

/** Reads an answer without us. */
const readFrom = (pool: Pool, data: (chunk: Buffer) => void): Effect.Effect<void, Error> =>
  Effect.callback((resume) => {
    pool.dispatch(request, {
      onRequestStart: () => {},
      onResponseStart: () => {},
      onResponseData: (_, chunk) => data(chunk),
      onResponseEnd: () => resume(Effect.void),
      onResponseError: (_, error) => resume(Effect.fail(error))
    })
  })

const counted = (chunk: Buffer): void => {
  read += chunk.length
}

/** Cuts one answer into lines and parses all that hold an object. */
const parsed = (): ((chunk: Buffer) => void) => {
  const decoder = new StringDecoder("utf8")
  let rest = ""
  return (chunk) => {
    const lines = (rest + decoder.write(chunk)).split("\n")
    rest = lines.pop()!
    for (const line of lines) {
      const json = line.startsWith("data: ") ? line.slice(6) : line
      if (json.startsWith("{") && JSON.parse(json) !== null) read++
    }
  }
}

const more = { units: partsCount, roundsMax: 5 }

/** Every case with a socket. Servers are started by whoever is measured, and not before. */
export const wires: Effect.Effect<ReadonlyArray<Subject>> = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const subjects: Array<Subject> = []
  for (const dialect of Object.keys(makes) as ReadonlyArray<Dialect>) {
    const pool = yield* Effect.cached(poolTo(dialect))
    const wire = yield* Effect.cached(Scope.provide(wireTo(dialect), scope))
    const alone = Effect.flatMap(pool, (each) => readFrom(each, counted))
    const through = Effect.flatMap(wire, ({ call }) => Answer.toSink(Call.asEffect(call), question, sink))
    const withLines = Effect.flatMap(pool, (each) => readFrom(each, parsed()))
    subjects.push(
      ofEffect("wires", `${dialect} wire, undici alone`, alone, more),
      ofEffect("wires", `${dialect} wire, undici and JSON.parse`, withLines, more),
      ofEffect("wires", `${dialect} wire, Spillway`, through, more)
    )
  }
  return subjects
})
