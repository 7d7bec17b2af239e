/** `spillway mcp` that is used wrongly: what it says, and that it shows no key. */
import { createServer } from "node:net"
import { describe, expect, it } from "vitest"
import { hostOf } from "../../src/mcp/Upstreams.ts"
import { start } from "./doors.ts"

const secret = "sk-open-sesame"

const keys = { ANN_KEY: secret, BOB_KEY: `${secret}-too`, EMPTY_KEY: " ", SPACED_KEY: `${secret} too` }

describe("spillway mcp ends with 2 and says what would be right", { timeout: 60_000 }, () => {
  const wrong: ReadonlyArray<readonly [words: ReadonlyArray<string>, told: RegExp]> = [
    [["--prot", "1"], /spillway mcp has no --prot: did you mean --port\?/],
    [["--http", "--port", "70000"], /--port cannot be "70000": write a port from 0 to 65535/],
    [
      ["--port", "1", "--key", "ann=KEY"],
      /^spillway: --port, --key are for a server: say --http, or leave them out\.\n$/
    ],
    [["--http", "--key", secret], /^spillway: --key is no CALLER=VARIABLE: write it as ann=ANN_KEY\.\n$/],
    [["--http", "--key", `ann=${secret}`], /^spillway: --key of ann names no environment variable that is set: /],
    [["--http", "--key", "ann=ANN_KEY", "--key", "ann=BOB_KEY"], /^spillway: --key names ann twice: give him one key/],
    [["--http", "--key", "ann=ANN_KEY", "--key", "bob=ANN_KEY"], /^spillway: ann and bob have the same key: /],
    [["--http", "--key", "__proto__=ANN_KEY"], /^spillway: keys names a caller that is no name: /],
    [["--http", "--key", "ann=EMPTY_KEY"], /^spillway: --key of ann names no environment variable that is set: /],
    [["--http", "--key", "ann=SPACED_KEY"], /^spillway: The key of ann cannot be sent: /],
    [["--caller", " "], /^spillway: --caller is no name: write one, or leave it out\.\n$/],
    [["--model", ""], /^spillway: --model "" is no name of a model: write it as llama3\.1:8b/],
    [["--model", " "], /^spillway: --model " " is no name of a model: /],
    [["--model", "ollama/"], /^spillway: --model "ollama\/" is no name of a model: /],
    [
      ["--http", "--caller", "ann", "--key", "ann=ANN_KEY"],
      /^spillway: --caller names everybody, and --key each one: leave one of them out\.\n$/
    ],
    [["--patience", "long"], /^spillway: --patience is no span of time: read "long", write it as 50s or 2m\.\n$/],
    [["--http", "--allow-host", ""], /^spillway: "" is no name of a server: write it as models\.example/],
    [
      ["--openai", "http://127.0.0.1:1", "--openai-key", secret],
      /^spillway: --openai-key names no environment variable/
    ],
    [["--openai-key", "HOME"], /^spillway: --openai-key is for a server: name it with --openai, /],
    [["--ollama", "ftp://example.com"], /^spillway: .*url: read "ftp:\/\/example\.com", write an address/s],
    [["--http", "--host", "0.0.0.0"], /^spillway: 0\.0\.0\.0 can be reached from other machines: name a key /]
  ]
  for (const [words, told] of wrong) {
    it(words.join(" ").replace(secret, "..."), async () => {
      const { code, said } = start([...words], keys)
      expect(await code).toBe(words.includes("0.0.0.0") || words.includes("--allow-host") ? 1 : 2)
      expect(said.err).toMatch(told)
      expect(said.out).toBe("")
      expect(said.err).not.toContain(secret)
    })
  }

  it("but with 1 where its Node is too old", async () => {
    const older = 'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "22.18.0" } })'
    const { code, said } = start([], { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(older)}` })
    expect(await code).toBe(1)
    expect(said).toStrictEqual({
      out: "",
      err: "spillway: Node 22.18.0 is too old: start it with Node 22.19 or later.\n"
    })
  })

  it("but with 1 where the port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1")
    await new Promise((resolve) => other.once("listening", resolve))
    const { port } = other.address() as { readonly port: number }
    const { code, said } = start(["--http", "--port", String(port)])
    expect(await code).toBe(1)
    other.close()
    expect(said.err).toContain(`127.0.0.1:${port} is taken`)
  })
})

describe("the address of an Ollama", () => {
  it("is read as Ollama reads its own variable", () => {
    for (const [said, address] of [
      ["", "http://127.0.0.1:11434"],
      ["0.0.0.0", "http://127.0.0.1:11434"],
      ["0.0.0.0:8080", "http://127.0.0.1:8080"],
      ["gpu1", "http://gpu1:11434"],
      ["gpu1:80", "http://gpu1:80"],
      [":8080", "http://127.0.0.1:8080"],
      ["localhost:21434", "http://localhost:21434"],
      ["http://ann:secret@gpu1:8080", "http://ann:secret@gpu1:8080"],
      ["ftp://gpu1", "ftp://gpu1"],
      ["http://gpu1", "http://gpu1:80"],
      ["https://ollama.example/base", "https://ollama.example:443/base"],
      ["[::1]:8080", "http://[::1]:8080"]
    ]) {
      expect([said, hostOf(said!)]).toStrictEqual([said, address])
    }
  })
})
