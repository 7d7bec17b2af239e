/**
 * Serves what the models of LangChain ask: a simulated Ollama, a simulated provider, or a socket that says what a test
 * wants, and ends all of it with the test file.
 */
import { afterAll } from "@effect/vitest"
import { ChatOllama, type ChatOllamaInput } from "@langchain/ollama"
import { tool } from "@langchain/core/tools"
import { ChatOpenAI } from "@langchain/openai"
import { HostedServer, Server } from "@spillway/sim"
import { ChatSpillway, type Options, type OverModels } from "@spillway/langchain"
import { Effect, Exit, Scope } from "effect"
import { createAgent } from "langchain"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { z } from "zod"
import { quick } from "../../sim/test/server/running.ts"

const scope = Effect.runSync(Scope.make())
const models: Array<ChatSpillway> = []

afterAll(async () => {
  await Promise.all(models.map((model) => model.close()))
  await Effect.runPromise(Scope.close(scope, Exit.void))
})

/** The name of the one model that is served everywhere. */
export const name = "a"

/** A simulated Ollama with one model that can call tools and answers at once. */
export const ollama = (options: Server.Options = {}, model: Readonly<Record<string, unknown>> = {}) =>
  Effect.runPromise(
    Scope.provide(
      Server.start({
        models: [quick(name, { answer: 6, can: ["tools"], ...model })],
        parallel: 4,
        ...options
      }),
      scope
    )
  )

/** A simulated provider. */
export const hosted = (options: Partial<HostedServer.Options> = {}) =>
  Effect.runPromise(
    Scope.provide(HostedServer.start({ face: "openai", firstToken: "5ms", decode: 1e4, ...options }), scope)
  )

/** A model of LangChain that asks a simulated Ollama. */
export const chatOllama = (url: string, more: Partial<ChatOllamaInput> = {}): ChatOllama =>
  new ChatOllama({ baseUrl: url, model: name, ...more })

/** A model of LangChain that asks a simulated provider. */
export const chatOpenAi = (url: string, more: Readonly<Record<string, unknown>> = {}): ChatOpenAI =>
  new ChatOpenAI({ model: "gpt-4o-mini", apiKey: "sesame", configuration: { baseURL: `${url}/v1` }, ...more })

/** A guarded model that is closed with the test file. */
export const guarded = (options: OverModels & Options): ChatSpillway => {
  const model = new ChatSpillway(options)
  models.push(model)
  return model
}

/** A server that says what a test wants: how many have asked it, and who has left before it had ended. */
export interface Saying {
  readonly url: string
  readonly asked: () => number
  readonly left: () => number
}

/** Answers each request as it is told; who closes his connection early has left. */
export const saying = (
  says: (response: ServerResponse, asked: number, request: IncomingMessage, body: string) => void | Promise<void>
): Promise<Saying> => {
  let [asked, left] = [0, 0]
  const server = createServer((request, response) => {
    let body = ""
    request.setEncoding("utf8")
    request.on("data", (piece: string) => (body += piece))
    request.on("end", () => void says(response, ++asked, request, body))
    response.on("close", () => {
      if (!response.writableFinished) left++
    })
  })
  return Effect.runPromise(
    Scope.provide(
      Effect.acquireRelease(
        Effect.callback<Saying>((resume) => {
          server.listen(0, "127.0.0.1", () => {
            const { port } = server.address() as AddressInfo
            resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, asked: () => asked, left: () => left }))
          })
        }),
        () =>
          Effect.callback<void>((resume) => {
            server.close(() => resume(Effect.void))
            server.closeAllConnections()
          })
      ),
      scope
    )
  )
}

/** A line of an Ollama's answer. */
export const line = (content: string, more: Readonly<Record<string, unknown>> = {}): string => {
  const begun = {
    model: name,
    created_at: "2026-01-01T00:00:00Z",
    message: { role: "assistant", content },
    done: false
  }
  return `${JSON.stringify({ ...begun, ...more })}\n`
}

/** Its last line. */
export const done = (input = 3, output = 2): string =>
  line("", { done: true, done_reason: "stop", prompt_eval_count: input, eval_count: output })

/** An agent with the middleware of LangChain, whose types want looser options than ours. */
export const withMiddleware = (options: object) => createAgent(options as Parameters<typeof createAgent>[0])

/** What a message says was used: under our strict options its own type says that there is nothing. */
export const usageOf = (message: object): Readonly<Record<string, unknown>> | undefined =>
  (message as { readonly usage_metadata?: Readonly<Record<string, unknown>> }).usage_metadata

/** The words of messages, one after the other. */
export const wordsOf = (messages: ReadonlyArray<{ readonly text: string }>): string =>
  messages.map(({ text }) => text).join("")

/** All that a stream hands out. */
export const gathered = async <A>(stream: AsyncIterable<A> | Promise<AsyncIterable<A>>): Promise<Array<A>> => {
  const all: Array<A> = []
  for await (const each of await stream) all.push(each)
  return all
}

/** What something fails with; fails itself where it does not fail. */
export const failureOf = async (asked: Promise<unknown>): Promise<Error & Record<string, unknown>> => {
  const came = await asked.then(
    () => undefined,
    (error: unknown) => error
  )
  if (came === undefined) throw new Error("It did not fail")
  return came as Error & Record<string, unknown>
}

/** Lets a while pass, of real time: what happens on a socket has no other clock. */
export const pass = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** Waits until something holds, and says how many milliseconds that took. */
export const until = async (holds: () => boolean | Promise<boolean>, millisMax = 5_000): Promise<number> => {
  const from = performance.now()
  while (!(await holds())) {
    if (performance.now() - from > millisMax) throw new Error(`It did not come to hold within ${millisMax} ms`)
    await pass(2)
  }
  return performance.now() - from
}

/** A tool that tells the weather. */
export const weather = tool(() => "rain", {
  name: "weather",
  description: "The weather of a city",
  schema: z.object({ city: z.string() })
})

/** A server that says no, always. */
export const refusing = (status: number, headers: Record<string, string> = {}) =>
  saying((response) => void response.writeHead(status, headers).end(JSON.stringify({ error: "no" })))

/** A server that says yes. */
export const answering = () => saying((response) => void response.writeHead(200).end(line("yes") + done()))
