/**
 * The door for agents: calls a second over stdio and over HTTP with sixteen in flight, what one by itself takes, what
 * each takes of the processor, and how long the command takes to start.
 * `node test/bench/mcp.ts [--seconds 4] [--rounds 3] [--warmup 4]`.
 *
 * The guarded door asks a target that answers at once, with every guard on; the bare one is the same door with nothing
 * behind it, so that their difference is what the router costs. Client and door share the machine: where it has two
 * cores the client takes one of them.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { Agent, request } from "node:http"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { createSpillway } from "@spillway/core"
import { Binding, Door, Http, Stdio, Surface } from "@spillway/mcp"
import { Effect } from "effect"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "4" },
    rounds: { type: "string", default: "3" },
    warmup: { type: "string", default: "4" }
  }
})

/** Everything that can be on, with bounds that nobody reaches. */
const router = () =>
  createSpillway({
    upstreams: { mine: { upstream: async () => "Yes", slots: 64, price: { input: 1, output: 1 } } },
    routes: { chat: { targets: ["mine/m"], deadline: "30s" } },
    callers: { bench: { rate: "1000000/s", tokens: "1000000000 tok/s" } },
    budgets: { total: "$1000000/day", each: "$1000000/day" },
    record: () => {}
  })

const bareOf = (surface: Surface.Surface): Surface.Surface => {
  const data = { text: "Yes", truncated: false, finish_reason: "stop", model: "m", target: "mine/m" }
  const answered = Effect.succeed({ content: [{ type: "text" as const, text: "Yes" }], structuredContent: data })
  // Later, as whatever asks somebody answers: what is answered at once goes another way through the transport.
  return { ...surface, call: () => Effect.andThen(Effect.yieldNow, answered) }
}

const serve = (transport: string, kind: string) =>
  Effect.gen(function* () {
    const { service } = router()
    const whole = Surface.make(yield* Door.make({ service, routes: ["chat"] }))
    const surface = kind === "bare" ? bareOf(whole) : whole
    const bind = (caller: string) => Binding.bind(surface, { caller, version: "0.0.0" })
    if (transport === "stdio") return yield* Stdio.serve(bind("bench"))
    const { url } = yield* Http.open(bind, { caller: "bench" })
    process.stderr.write(`${url}\n`)
    return yield* Effect.never
  }).pipe(Effect.scoped)

const initialize = {
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "bench", version: "0.0.0" } }
}

const generate = { method: "tools/call", params: { name: "generate", arguments: { prompt: "Why?" } } }

/** A client that writes and reads as little as it can: asks, and answers when it is answered. */
interface Client {
  readonly ask: (message: object) => Promise<void>
  readonly child: ChildProcess
}

const start = (transport: string, kind: string): ChildProcess =>
  spawn(process.execPath, [fileURLToPath(import.meta.url), "door", transport, kind], {
    stdio: ["pipe", "pipe", "pipe"]
  })

const stdio = (kind: string): Client => {
  const child = start("stdio", kind)
  const waiting = new Map<number, () => void>()
  let rest = ""
  let id = 0
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n")
    rest = lines.pop()!
    for (const line of lines) {
      const told = JSON.parse(line) as { readonly id: number; readonly result?: { readonly isError?: boolean } }
      if (told.result === undefined || told.result.isError === true) throw new Error(line)
      waiting.get(told.id)!()
      waiting.delete(told.id)
    }
  })
  const ask = (message: object): Promise<void> =>
    new Promise((resolve) => {
      waiting.set(++id, resolve)
      child.stdin!.write(`${JSON.stringify({ jsonrpc: "2.0", id, ...message })}\n`)
    })
  return { ask, child }
}

const http = async (kind: string): Promise<Client> => {
  const child = start("http", kind)
  const url = await new Promise<string>((resolve) => child.stderr!.once("data", (text) => resolve(String(text).trim())))
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  let session: string | undefined
  let id = 0
  const ask = (message: object): Promise<void> =>
    new Promise((resolve, reject) => {
      const headers = {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...(session !== undefined && { "mcp-session-id": session })
      }
      const asked = request(url, { method: "POST", agent, headers }, (response) => {
        session ??= String(response.headers["mcp-session-id"])
        let body = ""
        response.setEncoding("utf8").on("data", (text: string) => (body += text))
        response.on("end", () =>
          body.includes('"result"') && !body.includes("isError") ? resolve() : reject(new Error(body))
        )
      })
      asked.on("error", reject)
      asked.end(JSON.stringify({ jsonrpc: "2.0", id: ++id, ...message }))
    })
  return { ask, child }
}

/** What the process has taken of the processor so far, in milliseconds, where the system tells. */
const cpuOf = ({ pid }: ChildProcess): number => {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")
    return 10 * (Number(fields[11]) + Number(fields[12]))
  } catch {
    return Number.NaN
  }
}

/** So many ask again as soon as they are answered, for so long. */
const crowd = async ({ ask, child }: Client, count: number, seconds: number) => {
  const took: Array<number> = []
  const [cpu, begun] = [cpuOf(child), performance.now()]
  const until = begun + seconds * 1_000
  const one = async (): Promise<void> => {
    while (performance.now() < until) {
      const at = performance.now()
      await ask(generate)
      took.push(performance.now() - at)
    }
  }
  await Promise.all(Array.from({ length: count }, one))
  took.sort((first, second) => first - second)
  const at = (share: number) => took[Math.min(Math.floor(took.length * share), took.length - 1)]!
  return {
    rate: took.length / ((performance.now() - begun) / 1_000),
    p50: at(0.5),
    p99: at(0.99),
    cpu: ((cpuOf(child) - cpu) * 1_000) / took.length
  }
}

const median = (figures: ReadonlyArray<number>): number =>
  figures.toSorted((one, other) => one - other)[Math.floor(figures.length / 2)]!

const print = (line: string): void => void process.stdout.write(`${line}\n`)

const measure = async (): Promise<void> => {
  const [seconds, rounds, warmup] = [values.seconds, values.rounds, values.warmup].map(Number) as [
    number,
    number,
    number
  ]
  for (const [transport, open] of Object.entries({ stdio, http })) {
    const clients = { bare: await open("bare"), guarded: await open("guarded") }
    for (const client of Object.values(clients)) {
      await client.ask(initialize)
      await crowd(client, 16, warmup)
    }
    for (const count of [1, 16]) {
      const all = { bare: [], guarded: [] } as Record<keyof typeof clients, Array<Awaited<ReturnType<typeof crowd>>>>
      // In turns, so that what else the machine does meets both.
      for (let round = 0; round < rounds; round++) {
        for (const kind of ["bare", "guarded"] as const) all[kind].push(await crowd(clients[kind], count, seconds))
      }
      for (const kind of ["bare", "guarded"] as const) {
        const of = (figure: "rate" | "p50" | "p99" | "cpu") => median(all[kind].map((each) => each[figure]))
        print(
          `${transport} ${kind}, ${count} in flight: ${of("rate").toFixed(0)} calls/s, ` +
            `p50 ${of("p50").toFixed(2)} ms, p99 ${of("p99").toFixed(2)} ms, ${of("cpu").toFixed(0)} us of CPU each`
        )
      }
    }
    for (const { child } of Object.values(clients)) child.kill()
  }
  coldStart(Math.max(rounds, 5))
}

/** From nothing to the first answer, and the end after it: as it is published, and from source. */
const coldStart = (rounds: number): void => {
  const cli = new URL("../../packages/cli/", import.meta.url)
  spawnSync(process.execPath, [fileURLToPath(new URL("bundle.ts", cli))], { stdio: "inherit" })
  const mains = { "as published": "bundle/main.js", "from source": "src/main.ts" }
  const input = `${JSON.stringify({ jsonrpc: "2.0", id: 1, ...initialize })}\n`
  for (const [kind, main] of Object.entries(mains)) {
    const took = Array.from({ length: rounds + 1 }, () => {
      const begun = performance.now()
      const { status, stdout } = spawnSync(process.execPath, [fileURLToPath(new URL(main, cli)), "mcp"], {
        input,
        encoding: "utf8"
      })
      if (status !== 0 || !stdout.includes('"result"')) throw new Error("It did not answer.")
      return performance.now() - begun
    })
    // The first one compiles what the others find.
    const [first = 0, ...others] = took
    print(`spillway mcp, cold start to end, ${kind}: ${median(others).toFixed(0)} ms (first ${first.toFixed(0)})`)
  }
}

const [role, transport = "", kind = ""] = positionals
if (role === "door") await Effect.runPromise(serve(transport, kind)).then(() => process.exit())
else await measure()
