/**
 * An agent at the door: it looks what is there, asks while others do, hears how far its call has come, is refused, and
 * comes back when it was told to.
 *
 * The server is a simulated Ollama with one slot, so that nothing else is needed: `node examples/mcp/main.ts`.
 */
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js"
import { createSpillway } from "@spillway/core"
import { Binding, Door, Http, Surface } from "@spillway/mcp"
import { Server } from "@spillway/sim"
import { Ollama } from "@spillway/upstream"
import { Effect } from "effect"

const print = (line: string): void => console.log(line)

/** The door, before a server on which answers take about a second. */
const door = Effect.gen(function* () {
  const { url } = yield* Server.start({ models: [{ name: "llama3.1:8b", load: "300ms", decode: 40 }] })
  const { service } = createSpillway({
    upstreams: { gpu: { upstream: Ollama.make("gpu", { url }), slots: 1 } },
    routes: { chat: { targets: ["gpu/llama3.1:8b"] } },
    callers: { scribe: { rate: "3/5s", burst: 3 } }
  })
  const surface = Surface.make(yield* Door.make({ service, routes: ["chat"] }))
  const serve = (caller: string) => Binding.bind(surface, { caller, version: "1.0.0" })
  return yield* Http.open(serve, { caller: "scribe" })
})

/** Asks, and tells what it hears meanwhile. */
const asks = async (agent: Client, prompt: string): Promise<CallToolResult> => {
  const onprogress = ({ message }: { readonly message?: string | undefined }): void => print(`  ... ${message}`)
  return (await agent.callTool({ name: "generate", arguments: { prompt } }, undefined, {
    onprogress
  })) as CallToolResult
}

/** What a refusal says to a program. */
const refusalOf = ({ _meta }: CallToolResult) =>
  _meta?.["dev.spillway/error"] as { readonly code: string; readonly retry_after_ms: number } | undefined

const told = ({ content }: CallToolResult): string => content.map((each) => ("text" in each ? each.text : "")).join(" ")

const main = async (url: string): Promise<void> => {
  const agent = new Client({ name: "agent", version: "1.0.0" })
  await agent.connect(new StreamableHTTPClientTransport(new URL(url)))
  const { tools } = await agent.listTools()
  print(`Tools: ${tools.map(({ name }) => name).join(", ")}`)
  print(`Models: ${told((await agent.callTool({ name: "list_models" })) as CallToolResult)}`)

  print("Two questions at once, for one slot:")
  const prompts = ["How high is the dam? [[sim tokens=30]]", "How old is it? [[sim tokens=20]]"]
  for (const answer of await Promise.all(prompts.map((prompt) => asks(agent, prompt)))) print(`  ${told(answer)}`)

  print("And on until it hears no:")
  let refused = refusalOf(await asks(agent, "Who built it? [[sim tokens=3]]"))
  while (refused === undefined) refused = refusalOf(await asks(agent, "And then? [[sim tokens=3]]"))
  print(`  ${refused.code}: come back in ${refused.retry_after_ms} ms`)
  await new Promise((resolve) => setTimeout(resolve, refused.retry_after_ms))
  const again = await asks(agent, "Who built it? [[sim tokens=3]]")
  print(`  ${again.isError === true ? "no" : "yes"}, it has an answer then`)
  await agent.close()
}

await Effect.runPromise(Effect.scoped(Effect.flatMap(door, ({ url }) => Effect.promise(() => main(url)))))
process.exit()
