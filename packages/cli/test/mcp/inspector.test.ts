/** The Inspector, which holds schemas to what every client can read, at both doors of the real command. */
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it, onTestFinished } from "vitest"
import { listening, main, model, simulated } from "./doors.ts"

const manifest = fileURLToPath(import.meta.resolve("@modelcontextprotocol/inspector/package.json"))

const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { readonly bin: { readonly "mcp-inspector": string } }

/** Runs its command line, in a home of its own. */
const inspect = async (...words: ReadonlyArray<string>) => {
  const home = mkdtempSync(join(tmpdir(), "spillway-inspector-"))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const child = spawn(process.execPath, [join(dirname(manifest), bin["mcp-inspector"]), "--cli", ...words], {
    env: { ...process.env, HOME: home, USERPROFILE: home },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const said = { out: "", err: "" }
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.out += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.err += text))
  const code = await new Promise((resolve) => child.once("close", resolve))
  return { code, ...said }
}

const doors = {
  stdio: (url: string) =>
    Promise.resolve({ before: [], after: ["--", process.execPath, main, "mcp", "--ollama", url] }),
  HTTP: async (url: string) => {
    const { url: listens } = await listening(["--ollama", url])
    return { before: ["--server-url", listens, "--transport", "http"], after: [] }
  }
}

describe("the Inspector", { timeout: 120_000 }, () => {
  for (const [door, open] of Object.entries(doors)) {
    it(`finds every schema portable, an answer good and a refusal an error, over ${door}`, async () => {
      const { url } = await simulated({ models: [model("a")] })
      const { after, before } = await open(url)
      const listed = await inspect(...before, "--method", "tools/list", "--strict", ...after)
      expect(listed).toMatchObject({ code: 0 })
      expect((JSON.parse(listed.out) as { readonly tools: ReadonlyArray<unknown> }).tools).toHaveLength(5)
      const call = (argument: string) =>
        inspect(...before, "--method", "tools/call", "--tool-name", "generate", "--tool-arg", argument, ...after)
      const answered = await call("prompt=Why?")
      expect(answered).toMatchObject({ code: 0 })
      expect(JSON.parse(answered.out)).toMatchObject({ structuredContent: { target: "ollama/a:latest" } })
      const refused = await call("system=Be brief")
      expect(refused.code).not.toBe(0)
      expect(refused.out + refused.err).toContain("prompt was missing, and so was messages")
    })
  }
})
