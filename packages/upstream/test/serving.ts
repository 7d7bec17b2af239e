/** Serves a simulated Ollama on a socket, and asks it through the wire. */
import { Answer, Call, type Options, type Part, Question, type SpillwayError, type Upstream } from "@spillway/core"
import { HostedServer, Server } from "@spillway/sim"
import { Effect, Exit, Option, type Scope } from "effect"
import { Anthropic, Ollama, OpenAi } from "@spillway/upstream"
import { type Says, serve, version } from "./bytes.ts"
import { quick } from "../../sim/test/server/running.ts"

/** A server with one model, and the wire to it. */
export const serving = (
  options: Server.Options = {},
  wire: Ollama.Options = {}
): Effect.Effect<
  { readonly server: Server.Running; readonly upstream: Upstream },
  Server.StartRefused | Options.OptionsRefused,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const server = yield* Server.start({ models: [quick("a")], ...options })
    return { server, upstream: yield* Ollama.make("gpu", { url: server.url, ...wire }) }
  })

/** The models of a hosted provider, and the wires to it. */
export const hosts = {
  openai: { model: "gpt-4o-mini", make: OpenAi.make },
  anthropic: { model: "claude-haiku-4-5", make: Anthropic.make }
} as const

/** A hosted provider that answers at once, and the wire to it. */
export const hosting = (face: keyof typeof hosts, options: Partial<HostedServer.Options> = {}) =>
  Effect.gen(function* () {
    const server = yield* HostedServer.start({ face, firstToken: "5ms", decode: 1e4, ...options })
    return { server, upstream: yield* hosts[face].make(face, { url: server.url, key: "sesame" }) }
  })

/** What became of a question. */
export interface Told {
  readonly text: string
  readonly parts: ReadonlyArray<Part.Part>
  /** The name of the reason, or `answered`. */
  readonly end: string
  readonly error: SpillwayError | undefined
  readonly summary: unknown
}

/** Asks, and waits for the end. */
export const ask = (
  { call }: Upstream,
  asked: string | Question.Question = "hello [[sim tokens=12]]",
  model = "a"
): Effect.Effect<Told> =>
  Effect.gen(function* () {
    const parts: Array<Part.Part> = []
    const question = typeof asked === "string" ? Question.chat(model, asked) : asked
    const sink = { emit: (part: Part.Part) => void parts.push(part) }
    const exit = yield* Effect.exit(Answer.toSink(Call.asEffect<SpillwayError, never>(call), question, sink))
    const error: SpillwayError | undefined = Exit.isFailure(exit)
      ? Option.getOrUndefined(Exit.findErrorOption(exit))
      : undefined
    return {
      parts,
      text: parts.map((part) => (part._tag === "Text" ? part.text : "")).join(""),
      end: Exit.isSuccess(exit) ? "answered" : (error?.reason._tag ?? "defect"),
      error,
      summary: Exit.isSuccess(exit) ? exit.value : undefined
    }
  })

/** A server that says just the bytes it is told to, and the wire to it; which version it is, it says by itself. */
export const to = (says: Says, options: Ollama.Options = {}) =>
  Effect.gen(function* () {
    const bytes = yield* serve((socket, asked, count) => {
      const said = version(asked)
      if (said === undefined) says(socket, asked, count)
      else socket.write(said)
    })
    return { bytes, upstream: yield* Ollama.make("gpu", { url: bytes.url, ...options }) }
  })

export { quick }
