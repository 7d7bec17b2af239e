/**
 * What a guard costs a chat model of LangChain, beside LangChain's own: `pnpm bench:langchain [--rounds 15]`.
 *
 * A model that answers at once, with one chunk or with 200, shows what is added to a call and to a chunk; a ChatOllama
 * that reads 200 chunks from a socket shows how much that is of what a call takes anyway. All take turns in one
 * process, in an order that is shuffled by a seed, and what counts is the median of the rounds.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { FakeStreamingChatModel } from "@langchain/core/utils/testing"
import { AIMessageChunk } from "@langchain/core/messages"
import { ChatOllama } from "@langchain/ollama"
import { ChatSpillway } from "@spillway/langchain"
import { partsCount } from "./answers.ts"

/** What all of them are asked by. */
interface Asked {
  readonly stream: (input: string) => Promise<AsyncIterable<unknown>>
}

interface Case {
  readonly name: string
  readonly of: "one chunk" | "200 chunks" | "200 chunks from a socket"
  readonly model: Asked
}

const { values } = parseArgs({ options: { rounds: { type: "string", default: "15" } } })
const rounds = Number(values.rounds)
const sliceMillis = 100

const speaking = (count: number): FakeStreamingChatModel =>
  new FakeStreamingChatModel({
    chunks: Array.from({ length: count }, (_, at) => new AIMessageChunk({ content: ` word${at}` }))
  })

const server = fork(fileURLToPath(new URL("server.ts", import.meta.url)), ["Ollama"])
const [baseUrl] = (await once(server, "message")) as [string]
const ollama = () => new ChatOllama({ baseUrl, model: "llama3.1:8b" })

const kinds = {
  "one chunk": () => speaking(1),
  "200 chunks": () => speaking(partsCount),
  "200 chunks from a socket": ollama
} as const

const cases = Object.entries(kinds).flatMap(([of, make]): ReadonlyArray<Case> => {
  const kind = of as Case["of"]
  return [
    { name: "bare", of: kind, model: make() },
    { name: "withRetry and withFallbacks", of: kind, model: make().withRetry().withFallbacks([make().withRetry()]) },
    {
      name: "ChatSpillway",
      of: kind,
      model: new ChatSpillway({ targets: [{ model: make(), slots: 64 }], overflow: [{ model: make(), slots: 64 }] })
    }
  ]
})

const ask = async ({ model }: Case): Promise<void> => {
  for await (const _ of await model.stream("Why is the sky blue?"));
}

/** How long one call takes, in microseconds of the processor. */
const slice = async (each: Case): Promise<number> => {
  const before = process.cpuUsage()
  const until = performance.now() + sliceMillis
  let times = 0
  for (; performance.now() < until; times++) await ask(each)
  const { system, user } = process.cpuUsage(before)
  return (system + user) / times
}

let seed = 1
const drawn = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647

const took = new Map(cases.map((each) => [each, [] as Array<number>]))
for (const each of cases) for (let lap = 0; lap < 3; lap++) await slice(each)
for (let round = 0; round < rounds; round++) {
  const order = cases.map((each) => ({ each, at: drawn() })).toSorted((one, other) => one.at - other.at)
  for (const { each } of order) took.get(each)!.push(await slice(each))
}

const medianOf = (each: Case): number => took.get(each)!.toSorted((one, other) => one - other)[rounds >> 1]!

const find = (name: string, of: Case["of"]): number =>
  medianOf(cases.find((each) => each.name === name && each.of === of)!)

const write = (name: string, ...figures: ReadonlyArray<string>): void =>
  void process.stdout.write(`${name.padEnd(30)}${figures.map((figure) => figure.padStart(16)).join("")}\n`)

write("us of the processor", "one chunk", "200 chunks", "a chunk more", "from a socket", "x bare")
for (const name of ["bare", "withRetry and withFallbacks", "ChatSpillway"]) {
  const [one, many] = [find(name, "one chunk"), find(name, "200 chunks")]
  const socket = find(name, "200 chunks from a socket")
  const more = (many - one) / (partsCount - 1)
  const ratio = socket / find("bare", "200 chunks from a socket")
  write(name, one.toFixed(0), many.toFixed(0), more.toFixed(2), socket.toFixed(0), ratio.toFixed(2))
}
server.disconnect()
process.exit()
