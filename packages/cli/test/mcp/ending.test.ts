/** The process ends with its client, however that ends, with calls in flight; and says nothing but the protocol. */
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { listening, main, model, simulated, type Started, start, until } from "./doors.ts"

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "0.0.0" } }
}

const generate = {
  jsonrpc: "2.0",
  id: 2,
  method: "tools/call",
  params: { name: "generate", arguments: { prompt: "a secret of mine [[sim tokens=1000]]", model: "a" } }
}

const lines = (...messages: ReadonlyArray<unknown>): string =>
  messages.map((message) => `${JSON.stringify(message)}\n`).join("")

/** A process that answers somebody, and the server that it asks. */
const answering = async (environment?: Readonly<Record<string, string>>) => {
  const server = await simulated({ models: [model("a", { decode: 20 })] })
  const started = start(["--ollama", server.url], environment)
  started.child.stdin.write(lines(initialize, { jsonrpc: "2.0", method: "notifications/initialized" }, generate))
  const chats = () => server.traffic.passages.filter(({ path }) => path === "/api/chat")
  await until(() => chats().some(({ end, packets }) => end === "open" && packets > 0))
  return { ...started, chats }
}

const endings: ReadonlyArray<readonly [title: string, end: (started: Started) => unknown]> = [
  ["its input ends", ({ child }) => child.stdin.end()],
  ["it is told to end", ({ child }) => child.kill("SIGTERM")],
  ["somebody presses Ctrl-C", ({ child }) => child.kill("SIGINT")],
  ["its terminal is closed", ({ child }) => child.kill("SIGHUP")],
  [
    "nobody reads its output any more",
    ({ child }) => {
      child.stdout.destroy()
      child.stdin.write(lines({ jsonrpc: "2.0", id: 3, method: "ping" }))
    }
  ]
]

describe("with a call in flight, the process ends well and its call with it, when", { timeout: 60_000 }, () => {
  for (const [title, end] of endings) {
    it(title, async () => {
      const started = await answering()
      const begun = performance.now()
      end(started)
      expect(await started.code).toBe(0)
      expect(performance.now() - begun).toBeLessThan(3_000)
      expect(started.said.err).toBe("")
      await until(() => started.chats().every((each) => each.end === "left"))
    })
  }

  it.skipIf(process.platform === "win32")(
    "its parent is gone, though somebody else still holds its pipes",
    async () => {
      const server = await simulated({ models: [model("a", { decode: 20 })] })
      const said = JSON.stringify(lines(initialize, generate))
      const script = `
      const { spawn } = require("node:child_process")
      const child = spawn(process.execPath, ${JSON.stringify([main, "mcp", "--ollama", server.url])}, { stdio: [
        "pipe", "inherit", "inherit"
      ] })
      child.stdin.write(${said})
      // Its other end lives on in a process that does nothing.
      spawn("sleep", ["30"], { stdio: ["ignore", "ignore", "ignore", child.stdin._handle] }).unref()
      process.stdout.write("pid " + child.pid + "\\n")`
      const parent = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "ignore"] })
      let out = ""
      parent.stdout.setEncoding("utf8").on("data", (text: string) => (out += text))
      await until(() => /^pid \d+$/m.test(out) && server.traffic.passages.some(({ path }) => path === "/api/chat"))
      const pid = Number(/^pid (\d+)$/m.exec(out)![1])
      expect(isAlive(pid)).toBe(true)
      parent.kill("SIGKILL")
      await until(() => !isAlive(pid), 5_000)
    }
  )
})

describe("a process", { timeout: 60_000 }, () => {
  it("whose parent is gone before it serves anybody ends at once", async () => {
    // As if another one were its parent as soon as it has read who that is. This stands in the stack as well, and must
    // not name that file.
    const orphaned = `
      const { ppid } = process
      const file = ["Parent", "ts"].join(".")
      Object.defineProperty(process, "ppid", { get: () => (new Error().stack.includes(file) ? ppid : 1) })`
    const environment = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(orphaned)}` }
    const { code } = start([], environment)
    expect(await code).toBe(0)
  })

  it("that is sent a line of more than 10 MB says so, and ends with 1", async () => {
    const { child, code, said } = start([])
    child.stdin.write("x".repeat(11_000_000))
    expect(await code).toBe(1)
    expect(said.err).toBe("spillway: A line of standard input was longer than 10 MB: send less at once.\n")
  })
})

describe("a client that does not read what it is answered", () => {
  const listing = (count: number): string =>
    lines(
      ...Array.from({ length: count }, (_, index) => ({
        jsonrpc: "2.0",
        id: index + 2,
        method: "tools/list",
        params: { _meta: { padding: "x".repeat(500) } }
      }))
    )

  it("is not read either, until it reads on; and then nothing is lost", { timeout: 60_000 }, async () => {
    const { url } = await simulated()
    const { child } = start(["--ollama", url])
    child.stdout.removeAllListeners("data")
    child.stdout.pause()
    child.stdin.write(lines(initialize))
    child.stdin.write(listing(6_000))
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    expect(child.stdin.writableLength).toBeGreaterThan(500_000)
    let answers = 0
    child.stdout.setEncoding("utf8").on("data", (text: string) => (answers += text.split("\n").length - 1))
    child.stdout.resume()
    await until(() => answers === 6_001, 30_000)
  })

  it("does not keep the process from ending", { timeout: 60_000 }, async () => {
    const { url } = await simulated()
    const { child } = start(["--ollama", url])
    child.stdout.removeAllListeners("data")
    child.stdout.pause()
    child.stdin.write(lines(initialize))
    child.stdin.write(listing(2_000))
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    const begun = performance.now()
    child.kill("SIGTERM")
    await new Promise((resolve) => child.once("exit", resolve))
    expect(performance.now() - begun).toBeLessThan(8_000)
  })
})

describe("over HTTP", { timeout: 60_000 }, () => {
  it.each(["SIGTERM", "SIGHUP"] as const)("the calls of all clients end with the process, on %s", async (signal) => {
    const server = await simulated({ models: [model("a", { decode: 20 })] })
    const { child, code, url } = await listening(["--ollama", server.url])
    const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" }
    const post = (message: unknown, session?: string) =>
      fetch(url, {
        method: "POST",
        headers: { ...headers, ...(session !== undefined && { "mcp-session-id": session }) },
        body: JSON.stringify(message)
      })
    const begun = await post(initialize)
    const asked = post(generate, begun.headers.get("mcp-session-id")!)
      .then((response) => response.text())
      .catch(() => "gone")
    const chats = () => server.traffic.passages.filter(({ path }) => path === "/api/chat")
    await until(() => chats().some(({ end, packets }) => end === "open" && packets > 0))
    child.kill(signal)
    expect(await code).toBe(0)
    await asked
    await until(() => chats().every(({ end }) => end === "left"))
  })
})

/** Whether there is such a process that still does something. */
const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    try {
      return process.platform !== "linux" && process.kill(pid, 0)
    } catch {
      return false
    }
  }
}

describe("a hundred clients that come and go", () => {
  it("leave no process behind, whether they close or kill", { timeout: 240_000 }, async () => {
    const { url } = await simulated()
    const pids: Array<number> = []
    const one = async (index: number): Promise<void> => {
      const { child, code, said } = start(["--ollama", url])
      pids.push(child.pid!)
      child.stdin.write(lines(initialize))
      // Every third one is in the midst of starting.
      if (index % 3 > 0) await until(() => said.out.includes('"id":1'), 30_000)
      if (index % 2 === 0) child.stdin.end()
      else child.kill(index % 4 === 1 ? "SIGTERM" : "SIGKILL")
      await code
    }
    const turns = Array.from({ length: 100 }, (_, index) => index)
    const worker = async (): Promise<void> => {
      for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) await one(turn)
    }
    await Promise.all(Array.from({ length: 4 }, worker))
    expect(pids).toHaveLength(100)
    expect(pids.filter(isAlive)).toStrictEqual([])
  })
})

describe("standard output", () => {
  it("holds nothing but the protocol, whatever a dependency prints", { timeout: 60_000 }, async () => {
    const noise =
      'setInterval(() => { console.log("noise"); console.debug("noise"); process.stdout.write("noise\\n") }, 5)'
    const { child, code, said } = await answering({ NODE_OPTIONS: `--import data:text/javascript,${encodeURI(noise)}` })
    child.stdin.write(lines({ jsonrpc: "2.0", id: 3, method: "tools/list" }, { ...generate, id: 4, method: "nothing" }))
    await until(() => said.out.includes('"id":4'))
    child.stdin.end()
    expect(await code).toBe(0)
    const told = said.out.trimEnd().split("\n")
    const during = told
      .filter((line) => line !== "noise")
      .map((line) => JSON.parse(line) as { readonly jsonrpc: string })
    expect(during.every(({ jsonrpc }) => jsonrpc === "2.0")).toBe(true)
    // Before the door is open the noise is that of somebody else, and so it is after.
    const first = told.findIndex((line) => line.startsWith("{"))
    const last = told.findLastIndex((line) => line.startsWith("{"))
    expect(told.slice(first, last + 1)).not.toContain("noise")
    expect(said.err).toContain("noise")
    expect(said.out + said.err).not.toContain("secret")
  })
})
