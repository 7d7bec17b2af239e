/** What clients read once and models read each time: a change of a schema is seen, and its price in tokens bounded. */
import { readFileSync } from "node:fs"
import { createSpillway } from "@spillway/core"
import { Door, Surface } from "@spillway/mcp"
import { encode } from "gpt-tokenizer"
import { describe, expect, it } from "vitest"
import { held } from "./fixtures/scene.ts"

const surface = async (options?: Surface.Options) => {
  const { service } = createSpillway({ upstreams: { mine: async () => "Yes" } })
  return Surface.make(await held(Door.make({ service })), options)
}

describe("the list of tools", () => {
  it("is what it was, tool by tool", async () => {
    const { tools } = await surface({ admin: true })
    expect(tools.map(({ name }) => name)).toStrictEqual(
      ["generate", "embed", "list_models", "health", "budget"].concat("set_upstream", "reset_breaker")
    )
    for (const tool of tools) {
      await expect(`${JSON.stringify(tool, undefined, 2)}\n`).toMatchFileSnapshot(`golden/${tool.name}.txt`)
    }
  })

  it("costs a model at most 2,000 tokens, and what the README says", async () => {
    const { instructions, tools } = await surface()
    const costs = Object.fromEntries(tools.map((tool) => [tool.name, encode(JSON.stringify(tool)).length]))
    const whole = encode(JSON.stringify({ tools })).length + encode(instructions).length
    const { tools: all } = await surface({ admin: true })
    expect(all.length).toBeGreaterThan(tools.length)
    expect(encode(JSON.stringify({ tools: all })).length + encode(instructions).length).toBeLessThanOrEqual(2_000)
    const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
    for (const [name, cost] of Object.entries({ ...costs, "all of it": whole })) {
      expect(readme).toMatch(new RegExp(`^\\| \`?${name}\`? .*\\| +${cost} \\|$`, "m"))
    }
  })
})
