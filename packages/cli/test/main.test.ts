/**
 * The command as whoever types it meets it: its output, its exit codes, and a server that really answers.
 */
import { afterEach, describe, expect, it } from "vitest"
import { type ChildProcessByStdio, spawn } from "node:child_process"
import { createServer } from "node:net"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))

/** A command that was started, with what it has said so far. */
class Running {
  out = ""
  err = ""
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  readonly code: Promise<number | null>

  constructor(words: ReadonlyArray<string>) {
    const env = { ...process.env, NO_COLOR: "1" }
    this.child = spawn(process.execPath, [main, ...words], { env, stdio: ["ignore", "pipe", "pipe"] })
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => (this.out += text))
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => (this.err += text))
    this.code = new Promise((resolve) => this.child.once("close", resolve))
  }

  /** The first match in what it has said, as soon as there is one. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.out)
      if (found !== null) return found
      if (this.child.exitCode !== null) throw new Error(`It ended without ${pattern}: ${this.out}${this.err}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  async stopped(): Promise<number | null> {
    this.child.kill("SIGINT")
    return this.code
  }
}

const started: Array<Running> = []

const spillway = (...words: ReadonlyArray<string>): Running => {
  const running = new Running(words)
  started.push(running)
  return running
}

/** A simulated server on a free port. */
const simulated = async (...words: ReadonlyArray<string>) => {
  const running = spillway("sim", "--port", "0", ...words)
  const [url] = await running.said(/http:\/\/127\.0\.0\.1:\d+/)
  return { running, url }
}

const generate = (url: string) =>
  fetch(`${url}/api/generate`, {
    method: "POST",
    body: JSON.stringify({ model: "llama3.1:8b", prompt: "a secret of mine", options: { num_predict: 2 } })
  })

afterEach(() => {
  for (const { child } of started.splice(0)) child.kill("SIGKILL")
})

describe("spillway sim", () => {
  it("says where it is, tells each request in a line, and ends well on Ctrl-C though a model is loaded", async () => {
    const { running, url } = await simulated()
    const answer = await generate(url)
    const text = await answer.text()
    const [line] = await running.said(/.*\/api\/generate.*\n/)
    expect(line).toMatch(
      /^\d\d:\d\d:\d\d POST \/api\/generate llama3\.1:8b 200 complete first=\d+ms total=\d+ms bytes=\d+\n$/
    )
    expect(await running.stopped()).toBe(0)
    const [first] = running.out.split("\n")
    expect(first).toBe(`${url} is a simulated Ollama 0.34.0 with ${modelsOf(first)}`)
    expect(running.out.trimEnd().split("\n").at(-1)).toMatch(/^Stopped after .* 1 request: 1 answered\.$/)
    expect(running.err).toBe("")
    const { response } = JSON.parse(text.split("\n")[0]!) as { readonly response: string }
    expect(response.length).toBeGreaterThan(0)
    expect(running.out).not.toContain("secret")
    expect(running.out).not.toContain(response)
  })

  it("fails as it is told to", async () => {
    const { running, url } = await simulated("--fault", "overloaded x1 path=/api/chat", "--fault", "busy model=llama*")
    const chat = await fetch(`${url}/api/chat`, { method: "POST", body: '{"model":"llama3.1:8b"}' })
    expect(chat.status).toBe(503)
    expect((await generate(url)).status).toBe(503)
    await running.said(/ \/api\/chat .* 503 complete .* fault=overloaded\n/)
    await running.said(/ \/api\/generate .* 503 complete .* fault=busy\n/)
  })

  it("tells a broken answer from a whole one, though both have a good status", async () => {
    const told = async (...words: ReadonlyArray<string>) => {
      const { running, url } = await simulated("--fault", "end at=1 x1", ...words)
      for (let place = 0; place < 2; place++) await (await generate(url)).text()
      await running.said(/(.*\/api\/generate.*\n){2}/)
      await running.stopped()
      return running.out.trimEnd().split("\n").slice(1)
    }
    const [broken, whole, stopped] = await told()
    expect(broken).toMatch(/ 200 broken .* fault=end$/)
    expect(whole).toMatch(/ 200 complete /)
    expect(stopped).toMatch(/2 requests: 1 answered, 1 broken; a fault struck 1 of them\.$/)
    const objects = (await told("--json")).map((line) => JSON.parse(line) as unknown)
    expect(objects).toMatchObject([
      { status: 200, end: "broken", fault: "end" },
      { status: 200, end: "complete" },
      { event: "stopped", count: 2, answered: 1, broken: 1, refused: 0 }
    ])
  })

  it("keeps models for ever where it is told to", async () => {
    for (const keepAlive of ["forever", "-1"]) {
      const { url } = await simulated("--keep-alive", keepAlive)
      await (await generate(url)).text()
      const { models } = (await (await fetch(`${url}/api/ps`)).json()) as {
        readonly models: ReadonlyArray<{ readonly expires_at: string }>
      }
      expect(models.map(({ expires_at }) => Number(expires_at.slice(0, 4)) > 2_300)).toStrictEqual([true])
    }
  })

  it("takes the daemon's settings", async () => {
    const models = ["--models", "a:1b, b:2b"]
    const { running, url } = await simulated(...models, "--version", "0.30.1", "--parallel", "4", "--keep-alive", "10s")
    expect(await (await fetch(`${url}/api/version`)).json()).toStrictEqual({ version: "0.30.1" })
    expect(running.out).toContain("a simulated Ollama 0.30.1")
    const tags = (await (await fetch(`${url}/api/tags`)).json()) as { readonly models: ReadonlyArray<{ name: string }> }
    expect(tags.models.map(({ name }) => name).toSorted()).toStrictEqual(["a:1b", "b:2b"])
  })

  it("writes JSON, one object a line, where that is wanted", async () => {
    const { running, url } = await simulated("--json", "--fault", "unavailable x1 path=/api/tags")
    await (await fetch(`${url}/api/tags`)).text()
    await (await fetch(`${url}/api/version`)).text()
    await running.said(/"\/api\/version"/)
    expect(await running.stopped()).toBe(0)
    const lines = running.out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines.map(({ event }) => event)).toStrictEqual(["ready", "request", "request", "stopped"])
    expect(lines[0]).toMatchObject({ url, version: "0.34.0", faults: ["unavailable x1 path=/api/tags"] })
    expect(lines[1]).toMatchObject({
      method: "GET",
      path: "/api/tags",
      status: 503,
      end: "complete",
      fault: "unavailable"
    })
    expect(lines[2]).toMatchObject({ path: "/api/version", status: 200, fault: null })
    expect(lines[3]).toMatchObject({ count: 2, answered: 1, refused: 1, struck: 1 })
  })

  it("says what to do when the port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1")
    await new Promise((resolve) => other.once("listening", resolve))
    const { port } = other.address() as { readonly port: number }
    const running = spillway("sim", "--port", String(port))
    expect(await running.code).toBe(1)
    other.close()
    expect(running.err).toBe(
      `spillway: 127.0.0.1:${port} is taken, perhaps by an Ollama: ` +
        "stop that one, or take another port with --port (0 takes a free one).\n"
    )
    expect(running.out).toBe("")
  })

  it("ends in silence when nobody reads it any more, as head does", async () => {
    const { running, url } = await simulated()
    running.child.stdout.destroy()
    // Its answer may be lost: the process may be gone by then.
    await fetch(`${url}/api/version`).catch(() => {})
    expect(await running.code).toBe(0)
    expect(running.err).toBe("")
  })

  it("lists its faults as a table and as JSON", async () => {
    const [words, json] = [spillway("sim", "--list-faults"), spillway("sim", "--list-faults", "--json")]
    expect([await words.code, await json.code]).toStrictEqual([0, 0])
    const faults = JSON.parse(json.out) as ReadonlyArray<{ name: string; where?: string; what: string }>
    expect(faults).toContainEqual(expect.objectContaining({ name: "unavailable", what: "503 in plain text" }))
    const [heading, ...lines] = words.out.trimEnd().split("\n")
    expect(heading).toMatch(/^fault .*what a caller sees$/)
    expect(lines.map((line) => line.split(/ {2,}/))).toStrictEqual(
      faults.map(({ name, what, where }) => [name, ...(where === undefined ? [] : [where]), what])
    )
  })
})

describe("a command that is used wrongly", () => {
  const wrong: ReadonlyArray<readonly [words: ReadonlyArray<string>, told: RegExp]> = [
    [["sim", "--prot", "1"], /spillway sim has no --prot: did you mean --port\?/],
    [["smi"], /there is no command "smi": did you mean sim\?/],
    [["sim", "--port", "70000"], /--port cannot be "70000": write a port from 0 to 65535/],
    [["sim", "--port", "0", "--fault", "overlaoded"], /--fault: "overlaoded" is no fault: did you mean overloaded\?/],
    [["sim", "--port", "0", "--keep-alive", "5q"], /--keep-alive: read "5q", write it as/],
    [
      ["sim", "--port", "0", "--face", "openai", "--parallel", "1"],
      /^spillway: --parallel is for an Ollama: leave it out, or leave out --face openai\.\n$/
    ],
    [
      ["sim", "--face", "anthropic", "--list-faults"].concat(
        ...["max-queue 1", "max-loaded 1", "keep-alive 5m", "context 9", "version 0.30.1"].map((each) =>
          `--${each}`.split(" ")
        )
      ),
      /^spillway: --max-queue, --max-loaded, --keep-alive, --context, --version are for an Ollama: leave them out, /
    ],
    [["sim", "--port", "0", "--version", "0.11"], /--version cannot be "0\.11": write three numbers, as 0\.34\.0\n/],
    [["sim", "--port", "0", "--version", "banana"], /--version cannot be "banana": write three numbers, as 0\.34\.0\n/],
    [["sim", "--port", "0", "--host", ""], /--host wants a value: write an address, as 127\.0\.0\.1\n/],
    [["sim", "--port", "0", "--max-queue", "0"], /--max-queue: read 0, write a whole number from 1/]
  ]
  for (const [words, told] of wrong) {
    it(`ends with 2 and says what would be right: ${words.join(" ")}`, async () => {
      const running = spillway(...words)
      expect(await running.code).toBe(2)
      expect(running.err).toMatch(told)
      expect(running.out).toBe("")
    })
  }

  it("has help and completions", async () => {
    const [help, completions] = [spillway("sim", "--help"), spillway("--completions", "bash")]
    expect([await help.code, await completions.code]).toStrictEqual([0, 0])
    expect(help.out).toContain("--list-faults")
    for (const [flag, otherwise] of [
      ["port", "11434"],
      ["parallel", "1"],
      ["max-queue", "512"],
      ["max-loaded", "3"],
      ["keep-alive", "5m"],
      ["context", "4096"],
      ["version", "0.34.0"]
    ]) {
      expect(help.out).toMatch(new RegExp(`--${flag} .*\\(${otherwise}\\)`))
    }
    expect(completions.out).toContain("list-faults")
  })
})

/** The models, as they stand at the end of the ready line. */
const modelsOf = (line = ""): string => {
  const [, models = ""] = line.split(" with ")
  expect(models.split(", ").toSorted()).toStrictEqual(["llama3.1:8b", "nomic-embed-text"])
  return models
}
