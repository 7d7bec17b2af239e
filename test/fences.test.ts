/**
 * Runs every code fence of every Markdown file and doc comment: an example that lies is worse than none.
 *
 * What authors need to know stands in CONTRIBUTING.md. The second half plants wrong fences, to show that they go red.
 */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Yaml } from "effect/encoding"
import { type Fence, fencesOf, reasonNotToRun } from "./fences/collect.ts"
import { moduleOf } from "./fences/module.ts"
import { type Modules, write } from "./fences/modules.ts"
import { bash, commandsOf, running, scripts } from "./fences/shell.ts"
import { files } from "./repository.ts"
import { allFences } from "./tidy/fences.ts"

const limit = 60_000

const fences = allFences(files())
const at = (fence: Fence): string => `${fence.path}:${fence.line}`
const isModule = ({ language }: Fence): boolean => language === "ts" || language === "js"

const planted = (text: string, language = "ts", line = 1): Fence => ({
  path: "PLANTED.md",
  line,
  language,
  info: "",
  text
})

describe("the fences of this repository", () => {
  const modules = write("repository", fences.filter(isModule))
  let refused: ReturnType<Modules["refused"]>
  beforeAll(() => {
    refused = modules.refused()
  }, limit)

  for (const fence of fences.filter(isModule)) {
    it(`${at(fence)} compiles and runs`, { timeout: limit }, async () => {
      assert.deepStrictEqual(refused(fence), [])
      await modules.run(fence)
    })
  }

  for (const fence of fences.filter(({ language }) => language === "sh")) {
    const reason = reasonNotToRun(fence)
    const { lookedUp, script } = commandsOf(fence, running)
    const only = lookedUp.map((name) => `, except that "${name}" is running us and only has to exist`)
    it.skipIf(reason !== undefined || process.platform === "win32")(
      reason === undefined ? `${at(fence)} runs in bash${only.join("")}` : `${at(fence)} is not run: ${reason}`,
      { timeout: 2 * limit },
      async () => {
        assert.containsAllKeys(scripts(), lookedUp)
        const { code, printed } = await bash(script, limit)
        assert.strictEqual(code, 0, printed)
      }
    )
  }

  for (const fence of fences.filter(({ language }) => language === "yaml")) {
    it(`${at(fence)} is YAML`, () => {
      assert.doesNotThrow(() => Yaml.parse(fence.text))
    })
  }
})

describe("a fence", () => {
  const effect = 'import { Effect } from "effect"\n'
  const right = planted(`${effect}const two = yield* Effect.succeed(2) // => 2\ntwo + 1 // => 3`, "ts", 1)
  const wrong = planted("1 + 1 // => 3", "ts", 11)
  const wrongYield = planted(`${effect}yield* Effect.succeed({ one: 1 }) // => { one: 2 }`, "ts", 21)
  const wrongType = planted('const one: number = "one"', "ts", 31)
  const floating = planted(`${effect}import { Clock } from "effect"\nEffect.log(Clock)`, "ts", 41)
  const wrongScript = planted("[1].length // => 2", "js", 51)
  const written = [right, wrong, wrongYield, wrongType, floating, wrongScript]
  const modules = write("planted", written)
  let refused: ReturnType<Modules["refused"]>
  beforeAll(() => {
    refused = modules.refused()
  }, limit)

  const rejects = (fence: Fence): Promise<string> =>
    modules.run(fence).then(
      () => "it ran",
      (error: Error) => error.name
    )

  it("that is right compiles and runs", async () => {
    assert.deepStrictEqual(refused(right), [])
    await modules.run(right)
  })

  it("with a wrong value goes red when it runs, in each language", async () => {
    for (const each of [wrong, wrongYield, wrongScript]) {
      assert.deepStrictEqual(refused(each), [])
      assert.strictEqual(await rejects(each), "AssertionError")
    }
  })

  it("with a type error is refused by the compiler, on its own line", () => {
    assert.lengthOf(refused(wrongType), 1)
    assert.match(refused(wrongType)[0]!, /^PLANTED\.md:32: TS2322/)
  })

  it("with an effect that nobody runs is refused by the compiler", () => {
    assert.match(refused(floating)[0]!, /^PLANTED\.md:44: .*floatingEffect/)
  })

  it("keeps its imports out of the generator that its yield* needs", () => {
    const text = moduleOf(planted('const a = yield* b\nimport {\n  b\n} from "./b.ts"'))
    assert.match(
      text,
      /^import [^\n]*; import \{ {3}b \} from "\.\/b\.ts"; [^\n]*function\* \(\) \{\nconst a = yield\* b\n/
    )
  })

  it("keeps a yield* within its own generator out of that rule", () => {
    const text = moduleOf(planted("Effect.gen(function* () {\n  yield* Effect.void\n})\n// yield* is only said here"))
    assert.notInclude(text, "$Effect")
  })

  it("is found in lists and in doc comments, with its line and without its indentation", () => {
    const list = fencesOf({ path: "a.md", text: "- item\n\n  ```sh no-run offline\n  ls\n    -l\n  ```\n" })
    assert.deepStrictEqual(list, [{ path: "a.md", line: 3, language: "sh", info: "no-run offline", text: "ls\n  -l" }])
    const comment = fencesOf({
      path: "a.ts",
      text: "/**\n * Adds.\n *\n * ```ts\n * 1 + 1 // => 2\n * ```\n */\nconst a = `\n```"
    })
    assert.deepStrictEqual(comment, [{ path: "a.ts", line: 4, language: "ts", info: "", text: "1 + 1 // => 2" }])
  })

  it("in a longer fence is text of that fence", () => {
    assert.lengthOf(fencesOf({ path: "a.md", text: "````text\n```ts\n1\n```\n````" }), 1)
  })

  it("of shell fails with its first failing command and is killed past its limit", async () => {
    const failed = await bash("false | true\necho reached", limit)
    assert.notStrictEqual(failed.code, 0)
    assert.notInclude(failed.printed, "reached")
    const late = await bash("sleep 30 & wait", 200)
    assert.notStrictEqual(late.code, 0)
    assert.include(late.printed, "killed after 200 ms")
  })

  it("of shell does not start again what is running it", () => {
    const commands = commandsOf(planted("npx -y pnpm@12 start\nnpx -y pnpm@12 test # all\npnpm types", "sh"), ["test"])
    assert.deepStrictEqual(commands, { script: "npx -y pnpm@12 start\npnpm types", lookedUp: ["test"] })
  })
})
