/** The protocol's own conformance suite, against our transports, and against our server where it needs no fixtures. */
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { Http } from "@spillway/mcp"
import { describe, expect, it, onTestFinished } from "vitest"
import { held, scene } from "../fixtures/scene.ts"
import { everything } from "./everything.ts"

const manifest = fileURLToPath(import.meta.resolve("@modelcontextprotocol/conformance/package.json"))

const { bin } = JSON.parse(readFileSync(manifest, "utf8")) as { readonly bin: { readonly conformance: string } }

/** Runs it, and answers what it has printed, with how it ended. */
const run = async (url: string, ...words: ReadonlyArray<string>) => {
  const folder = mkdtempSync(join(tmpdir(), "spillway-conformance-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const program = join(dirname(manifest), bin.conformance)
  const child = spawn(process.execPath, [program, "server", "--url", url, "-o", folder, ...words])
  let printed = ""
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (printed += text))
  const code = await new Promise((resolve) => child.once("close", resolve))
  return { code, printed }
}

describe("the conformance suite", { timeout: 120_000 }, () => {
  it("passes in full through our transports", async () => {
    const { url } = await held(Http.open(everything))
    const { code, printed } = await run(url, "--suite", "active")
    expect({ code, printed }).toMatchObject({ code: 0 })
    expect(printed).toMatch(/Total: 40 passed, 0 failed/)
  })

  it("passes with our own server wherever it wants no fixtures", async () => {
    const { url } = await scene()
    for (const scenario of [
      "server-initialize",
      "ping",
      "tools-list",
      "resources-list",
      "server-sse-multiple-streams",
      "dns-rebinding-protection"
    ]) {
      const { code, printed } = await run(url, "--scenario", scenario)
      expect({ code, scenario, printed }).toMatchObject({ code: 0 })
    }
  })
})
