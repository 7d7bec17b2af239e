/**
 * Twenty agents with a tool over three servers of which two fail now and then: who answered, and what that has taken.
 *
 * `node examples/langchain/main.ts` asks simulated servers, so that it needs no model; with `OLLAMA_HOST` it asks that
 * one instead, as the model that `MODEL` names.
 */
import { tool } from "@langchain/core/tools"
import { ChatOllama } from "@langchain/ollama"
import { ChatSpillway, type Target } from "@spillway/langchain"
import { Server } from "@spillway/sim"
import { Effect } from "effect"
import { createAgent } from "langchain"
import { z } from "zod"

const agentsCount = 20
const host = process.env["OLLAMA_HOST"]
const name = process.env["MODEL"] ?? "qwen3:8b"

const height = tool(({ of }) => `The ${of} is 243 metres high.`, {
  name: "height",
  description: "How high something is.",
  schema: z.object({ of: z.string() }),
  returnDirect: true
})

const served = (faults: ReadonlyArray<string>) =>
  Server.start({
    models: [{ name, load: "10ms", decode: 400, can: ["tools"] }],
    parallel: 4,
    faults
  })

const targets = Effect.gen(function* () {
  if (host !== undefined) return [{ name: "ollama", model: new ChatOllama({ baseUrl: host, model: name }) }]
  const servers = [yield* served(["unavailable 30%"]), yield* served(["cut 20% at=1"]), yield* served([])]
  return servers.map(({ url }, at): Target => ({
    name: `gpu${at + 1}`,
    model: new ChatOllama({ baseUrl: url, model: name }),
    slots: 4
  }))
})

const program = Effect.gen(function* () {
  const model = new ChatSpillway({ targets: yield* targets, retry: { attempts: 5, base: "20ms", max: "200ms" } })
  const agent = createAgent({ model, tools: [height] })
  const content = `How high is the dam?${host === undefined ? ' [[sim tool=height arguments={"of":"dam"}]]' : ""}`
  const ask = async () => {
    const { messages } = await agent.invoke({ messages: [{ role: "user", content }] })
    const [answered] = messages.filter((message) => message.getType() === "ai")
    return { said: messages.at(-1)!.text, ...(answered!.response_metadata["spillway"] as Taken) }
  }
  const runs = yield* Effect.promise(() => Promise.all(Array.from({ length: agentsCount }, ask)))
  yield* Effect.promise(() => model.close())
  return runs
})

interface Taken {
  readonly target: string
  readonly attempts: number
  readonly queueMs: number
}

const runs = await Effect.runPromise(Effect.scoped(program))
for (const target of new Set(runs.map((run) => run.target))) {
  const own = runs.filter((run) => run.target === target)
  const attempts = own.reduce((sum, run) => sum + run.attempts, 0)
  const longest = Math.max(...own.map(({ queueMs }) => queueMs))
  const words = [`${own.length} answered`, `${attempts} attempts`, `${longest.toFixed(0)} ms in line at most`]
  process.stdout.write(`${target.padEnd(20)}${words.join(", ")}\n`)
}
process.stdout.write(
  `All ${runs.filter(({ said }) => said !== "").length} agents have their answer: ${runs[0]!.said}\n`
)
