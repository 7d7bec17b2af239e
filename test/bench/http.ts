/**
 * The router behind a bare `node:http` handler, beside one of `node:http` and undici that guards nothing: how many
 * answers a second, what each takes of the processor, and when its first byte comes.
 * `node test/bench/http.ts [--seconds 4] [--rounds 3] [--warmup 8]`.
 *
 * It is no gateway: the handler speaks just enough to be asked. Each server is a process of its own, on one core where
 * the machine can say so, and both are asked in turns by the same client. It takes seconds until all of so much code
 * is compiled, on that same core. Where others work on the machine too, the processor's time says more than the rate.
 */
import { type ChildProcess, fork, spawnSync } from "node:child_process"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Answer, type Part, Policy, Question, Spillway } from "@spillway/core"
import { Ollama } from "@spillway/upstream"
import { Context, Effect, Layer, Scope } from "effect"
import { Pool } from "undici"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "4" },
    rounds: { type: "string", default: "3" },
    warmup: { type: "string", default: "8" }
  }
})

const crowd = 32
const tokens = 64
const kilobyte = "x".repeat(1_000)

const frame = (content: string, more = {}) =>
  `${JSON.stringify({ model: "m", message: { role: "assistant", content }, done: false, ...more })}\n`

/** The same frame, of which only the words are written anew: what it is measured by is not how it writes JSON. */
const [opening = "", ending = ""] = frame("words").split(JSON.stringify("words"))
const frameOf = (content: string) => opening + JSON.stringify(content) + ending

const last = frame("", { done: true, done_reason: "stop", prompt_eval_count: 10, eval_count: tokens })

const listen = async (handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> => {
  const server = createServer(handler)
  server.keepAliveTimeout = 60_000
  await once(server.listen(0, "127.0.0.1"), "listening")
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let body = ""
  request.setEncoding("utf8")
  for await (const chunk of request) body += chunk as string
  return body
}

/** An Ollama that answers at once: one frame of a kilobyte, or many of a token, a packet each. */
const backend = () =>
  listen((request, response) => {
    if (request.method === "GET") return void response.end('{"version":"0.34.0","models":[]}')
    return void bodyOf(request).then(async (body) => {
      response.setHeader("content-type", "application/x-ndjson")
      if (!body.includes("stream me")) return response.end(frame(kilobyte) + last)
      for (let token = 0; token < tokens; token++) {
        response.write(frame(" word"))
        if (token % 8 === 0) await new Promise((resolve) => void setImmediate(resolve))
      }
      return response.end(last)
    })
  })

/** What a proxy costs that does nothing. */
const bare = (url: string) => {
  const pool = new Pool(url, { connections: 256, pipelining: 1 })
  return listen((request, response) => {
    void bodyOf(request).then((body) =>
      pool.dispatch(
        { method: "POST", path: "/api/chat", headers: { "content-type": "application/json" }, body },
        {
          onRequestStart: () => {},
          onResponseStart: (_, status) => void response.writeHead(status, { "content-type": "application/x-ndjson" }),
          onResponseData: (_, chunk) => void response.write(chunk),
          onResponseEnd: () => void response.end(),
          onResponseError: () => void response.destroy()
        }
      )
    )
  })
}

/** The router with everything on. */
const guarded = async (url: string) => {
  const scope = Effect.runSync(Scope.make())
  const layer = Spillway.layer({
    upstreams: { gpu: { upstream: Ollama.make("gpu", { url }), slots: 256, price: { input: 1, output: 1 } } },
    routes: { m: { targets: ["gpu/m"] } },
    callers: { ann: { rate: "1000000/s" } },
    budgets: { total: "$1000000/day" },
    record: () => undefined
  })
  const spillway = Context.get(await Effect.runPromise(Scope.provide(Layer.build(layer), scope)), Spillway)
  const services = Effect.runForkWith(Context.empty())
  const asAnn = Policy.about({ caller: "ann" })
  return listen((request, response) => {
    void bodyOf(request).then((body) => {
      const { messages, stream } = JSON.parse(body) as { messages: Array<{ content: string }>; stream: boolean }
      const question = Question.chat("m", messages[0]!.content, { maxTokens: 2_000 })
      response.setHeader("content-type", "application/x-ndjson")
      let text = ""
      let isWriting = false
      // What comes in one packet leaves in one, as it does where nobody looks into it.
      const write = () => {
        isWriting = false
        if (text !== "") response.write(text)
        text = ""
      }
      const sink = {
        emit: (part: Part.Part) => {
          if (part._tag !== "Text") return
          text += stream ? frameOf(part.text) : part.text
          if (stream && !isWriting) {
            isWriting = true
            queueMicrotask(write)
          }
        }
      }
      return services(asAnn(Answer.toSink(spillway.call, question, sink))).addObserver((exit) => {
        if (exit._tag === "Failure") response.destroy()
        else response.end(stream ? text + last : frameOf(text) + last)
      })
    })
  })
}

const kinds = { JSON: "answer me", streams: "stream me" } as const

/** Asks as fast as it can over so many connections: how many answers, and the median of the first byte's time. */
const load = async (url: string, said: string, seconds: number, connections = crowd) => {
  const pool = new Pool(url, { connections, pipelining: 1 })
  const until = performance.now() + seconds * 1_000
  const firsts: Array<number> = []
  let answers = 0
  const body = JSON.stringify({
    model: "m",
    stream: said === kinds.streams,
    messages: [{ role: "user", content: said }]
  })
  const one = async () => {
    while (performance.now() < until) {
      const began = performance.now()
      const { body: answered } = await pool.request({ method: "POST", path: "/api/chat", body })
      let isFirst = true
      for await (const _ of answered) {
        if (isFirst) firsts.push(performance.now() - began)
        isFirst = false
      }
      answers++
    }
  }
  await Promise.all(Array.from({ length: connections }, one))
  await pool.close()
  const sorted = firsts.toSorted((left, right) => left - right)
  return { answers, first: sorted[Math.floor(sorted.length / 2)]! }
}

const file = fileURLToPath(import.meta.url)

const start = async (role: string, ...more: ReadonlyArray<string>): Promise<readonly [ChildProcess, string]> => {
  const child = fork(file, [role, ...more])
  // One core for whoever is measured, the other for those who ask and answer.
  spawnSync("taskset", ["-cp", role === "backend" ? "1" : "0", `${child.pid}`])
  const [url] = (await once(child, "message")) as [string]
  return [child, url]
}

type Started = Awaited<ReturnType<typeof start>>

/** What a process has taken of the processor so far, in microseconds. */
const cpuOf = async (child: ChildProcess): Promise<number> => {
  child.send("cpu")
  const [micros] = (await once(child, "message")) as [number]
  return micros
}

/** Loads it, and tells what an answer takes of its processor besides, and when it begins where nobody else asks. */
const loaded = async ([child, at]: Started, said: string) => {
  const before = await cpuOf(child)
  const { answers } = await load(at, said, Number(values.seconds))
  const cpu = ((await cpuOf(child)) - before) / answers
  // Under as much as it can carry, when the first byte comes says again how much that is.
  const { first } = await load(at, said, 1, 1)
  return { first, rate: answers / Number(values.seconds), cpu }
}

const median = (all: ReadonlyArray<number>) => all.toSorted((one, other) => one - other)[Math.floor(all.length / 2)]!

const measure = async () => {
  spawnSync("taskset", ["-cp", "1", `${process.pid}`])
  const [behind, url] = await start("backend")
  const proxies = { bare: await start("bare", url), guarded: await start("guarded", url) }
  for (const [kind, said] of Object.entries(kinds)) {
    for (const [, at] of Object.values(proxies)) await load(at, said, Number(values.warmup))
    const rates: Array<number> = []
    const cpus: Array<number> = []
    const firsts: Array<number> = []
    for (let round = 0; round < Number(values.rounds); round++) {
      const one = await loaded(proxies.bare, said)
      const other = await loaded(proxies.guarded, said)
      rates.push(other.rate / one.rate)
      cpus.push(other.cpu / one.cpu)
      firsts.push(other.first - one.first)
      process.stdout.write(
        `${kind}: ${one.rate.toFixed(0)} a second bare, ${other.rate.toFixed(0)} guarded; ` +
          `CPU ${one.cpu.toFixed(0)} us and ${other.cpu.toFixed(0)} us; ` +
          `first byte ${one.first.toFixed(2)} ms and ${other.first.toFixed(2)} ms\n`
      )
    }
    process.stdout.write(
      `${kind}: ${median(rates).toFixed(2)} of the rate, ${median(cpus).toFixed(2)} of the CPU, ` +
        `first byte ${median(firsts).toFixed(2)} ms later\n`
    )
  }
  for (const child of [behind, proxies.bare[0], proxies.guarded[0]]) child.kill()
}

const [role, url = ""] = positionals
const roles: Readonly<Record<string, () => Promise<string>>> = {
  backend,
  bare: () => bare(url),
  guarded: () => guarded(url)
}
if (role === undefined) await measure()
else {
  process.on("message", () => {
    const { system, user } = process.cpuUsage()
    process.send!(system + user)
  })
  process.send!(await roles[role]!())
  process.on("disconnect", () => process.exit())
}
