/**
 * An agent of LangChain that asks other models through the door for agents: it takes the tools as the adapters of
 * LangChain load them from the command, and has an answer, or a refusal that it can read. Played on a simulated server,
 * and on a real one where there is any.
 */
import { fileURLToPath } from "node:url"
import { fakeModel } from "@langchain/core/testing"
import { AIMessage, ToolMessage } from "@langchain/core/messages"
import { MultiServerMCPClient } from "@langchain/mcp-adapters"
import { createAgent } from "langchain"
import { describe, expect, it } from "vitest"
import type { Environment, Started } from "./environment.ts"
import { program, start } from "./ollama.ts"
import { startSimulated } from "./simulated.ts"

const main = fileURLToPath(new URL("../../packages/cli/src/main.ts", import.meta.url))

const found = process.env.SPILLWAY_REAL === undefined ? { why: "`pnpm real` builds one and asks it" } : await program()

/** What an agent hears of its tools that asks one model that is there, and one that is not. */
const play = async (starting: (environment: Environment) => Promise<Started>) => {
  const server = await starting({ parallel: 1 })
  const client = new MultiServerMCPClient({
    mcpServers: {
      spillway: {
        transport: "stdio",
        command: process.execPath,
        args: [main, "mcp", "--ollama", server.url, "--caller", "agent"]
      }
    }
  })
  try {
    const tools = await client.getTools()
    const asks = (id: string, model: string) => ({
      id,
      name: "generate",
      args: { model, prompt: "How high is the dam? [[sim tokens=3]]" }
    })
    const thinks = fakeModel()
      .respondWithTools([asks("one", "mini-a")])
      .respondWithTools([asks("two", "mini-zz")])
      .respond(new AIMessage("I have asked."))
    const { messages } = await createAgent({ model: thinks, tools }).invoke({
      messages: [{ role: "user", content: "Ask two others." }]
    })
    const heard = messages.filter((message) => ToolMessage.isInstance(message)).map(({ text }) => text)
    return { names: tools.map(({ name }) => name), heard, said: messages.at(-1)!.text }
  } finally {
    await client.close()
    await server.stop()
  }
}

describe.each([
  ["simulated", startSimulated, false],
  ["real", start, "why" in found]
] as const)("an agent with the tools of the door: %s", (_, starting, isMissing) => {
  it.skipIf(isMissing)(
    "has an answer of another model, and reads why there is none of one that nobody has",
    async () => {
      const { heard, names, said } = await play(starting)
      expect(names).toEqual(["generate", "embed", "list_models", "health", "budget"])
      expect(heard).toHaveLength(2)
      expect(heard[0]!.trim().split(/\s+/).length).toBeGreaterThanOrEqual(3)
      expect(heard[1]).toMatch(/There is no model "mini-zz".*model_not_found/s)
      expect(said).toBe("I have asked.")
    },
    90_000
  )
})
