/**
 * The words: how a module opens, what names may look like, and what must not be left behind.
 *
 * The planted files at the end of each rule hold what the rule forbids, so this folder is exempt from the rules on
 * leftovers.
 */
import type { File } from "../repository.ts"
import { eachLine, isModule, isSource, linesOf, type Rule } from "./rule.ts"

const thisFolder = (path: string): boolean => path.startsWith("test/tidy/")
const isTest = (path: string): boolean => path.endsWith(".test.ts")
const isText = (path: string): boolean => path !== "pnpm-lock.yaml" && !thisFolder(path)

const opening = (text: string): string | undefined =>
  /^(?:#!.*\n)?\/\*\*?\s([\s\S]*?)\*\//
    .exec(text)?.[1]
    ?.replaceAll(/^\s*\* ?/gm, "")
    .trim()

const isSentence = (text: string): boolean => /^[^a-z\s@][^]*?\w[.?!](\s|$)/.test(text) && text.split(/\s+/).length >= 3

const undocumented = ({ path, text }: File): ReadonlyArray<string> => {
  const lines = text.split("\n")
  const seen = new Set<string>()
  return lines.flatMap((line, index) => {
    const name = /^export (?:declare |abstract )*(?:const|let|function\*?|class|interface|type) (\w+)/.exec(line)?.[1]
    if (name === undefined || seen.has(name)) return []
    seen.add(name)
    return lines[index - 1]?.trimEnd().endsWith("*/") === true
      ? []
      : [`${path}:${index + 1}: say in one sentence, in a doc comment above it, what ${name} is`]
  })
}

const codeInComment = [
  /^(import|export) .* from ["']/,
  /^(const|let|var) [\w{[].*=/,
  /^(if|for|while|switch) \(.*\)( \{)?$/,
  /^(return|throw|await|yield\*?) .*[({;)\]}]$/,
  /^[\w.]+\([^ ]*\)[;,]?$/,
  /^(async )?function\b.*[({]$/,
  /^[)\]}]+[;,)]*( else \{)?$/
]

const file = (path: string, ...lines: ReadonlyArray<string>): File => ({ path, text: lines.join("\n") })

const core = "packages/core/src/domain/Call.ts"
const coreTest = "packages/core/test/domain/Call.test.ts"

/** The rules about openings, comments and names. */
export const wording: ReadonlyArray<Rule> = [
  {
    title: "every module opens with a comment whose first sentence says what it does",
    findings: (files) =>
      files
        .filter((each) => isModule(each.path) && !each.path.startsWith("test/types/"))
        .filter((each) => !isSentence(opening(each.text) ?? ""))
        .map((each) => `${each.path}:1: open with a block comment: one sentence what it does, then why it does it so`),
    refuses: [
      file(core, 'import { Effect } from "effect"'),
      file(core, "/** */", "export const one = 1"),
      file(core, "/**", " * @module Call", " */"),
      file("examples/chat/main.ts", "// A line comment is not a block comment.")
    ],
    accepts: [
      file(core, "/**", " * Turns `spillway.yaml` into a router. Because:", " */"),
      file("test/a.mjs", "#!/usr/bin/env node", "/** Says which Node this is. */")
    ]
  },
  {
    title: "every exported name has its sentence",
    findings: (files) => files.filter((each) => isSource(each.path)).flatMap(undocumented),
    refuses: [file(core, "export const one = 1"), file(core, "// Not a doc comment.", "export class Two {}")],
    accepts: [
      file(core, "/** The first. */", "export interface One {}", "export const One = 1", "export * from './a.ts'")
    ]
  },
  {
    title: "names are whole words",
    findings: eachLine(isSource, ({ kind, text }) => {
      const name = /\b(msg|cfg|ctx|[A-Z]\w*(?:Manager|Helper|Impl))\b/.exec(text)?.[1]
      return kind === "code" && name !== undefined ? `rename ${name} to the thing it is` : undefined
    }),
    refuses: [file(core, "const msg = 1"), file(core, "class SlotManager {}")],
    accepts: [file(core, "// Ollama calls this ctx.", "const message = question.num_ctx", "ManagedRuntime.make(layer)")]
  },
  {
    title: "tests are sentences about behaviour",
    findings: eachLine(isTest, ({ text }) =>
      /\b(it|test)(\.\w+)*\(\s*["'`]should\b/i.test(text) ? "say what it does, not what it should do" : undefined
    ),
    refuses: [file(coreTest, 'it.effect("should free the slot", () => 1)')],
    accepts: [file(coreTest, 'it("frees the slot", () => 1)')]
  }
]

/** The rules about what is left behind. */
export const leftovers: ReadonlyArray<Rule> = [
  {
    title: "nothing is left to do in a comment",
    findings: eachLine(isText, ({ text }) =>
      /\b(TODO|FIXME|XXX|HACK)\b/.test(text) ? "do it, or write it where work is planned" : undefined
    ),
    refuses: [file(core, "// TODO: later"), file("README.md", "FIXME"), file(".ci/run", "# XXX")],
    accepts: [file(core, "// What is to do is done.")]
  },
  {
    title: "packages do not print with console.log",
    findings: eachLine(isSource, ({ kind, text }) =>
      kind === "code" && /\bconsole\.log\(/.test(text) ? "log through Effect, or print through its Console" : undefined
    ),
    refuses: [file("packages/gateway/src/Server.ts", "  console.log(1)")],
    accepts: [file("examples/chat/main.ts", "console.log(1)"), file(core, "/** console.log(1) */", "Console.log(1)")]
  },
  {
    title: "tests run all of themselves and nothing instead of our code",
    findings: eachLine(isTest, ({ text }) => {
      if (/\b(it|test|describe)(\.\w+)*\.only\(/.test(text)) return "take .only away, the other tests matter too"
      return /\bvi\.(mock|doMock)\(/.test(text) ? "use the real module, or a layer made for tests" : undefined
    }),
    refuses: [file(coreTest, 'it.effect.only("frees", () => 1)'), file(coreTest, 'vi.mock("./Call.ts")')],
    accepts: [file(coreTest, 'it.effect("frees the only slot", () => 1)')]
  },
  {
    title: "no code sleeps in a comment",
    findings: eachLine(
      (path) => isModule(path) && !thisFolder(path),
      ({ text }) => {
        const comment = /^\s*\/\/+\s?(.*)$/.exec(text)?.[1]?.trim() ?? ""
        return codeInComment.some((pattern) => pattern.test(comment)) ? "delete it, history keeps it" : undefined
      }
    ),
    refuses: [
      file(core, "// const old = make(options)"),
      file(core, '  // import { a } from "./b.ts"'),
      file(core, "// if (taken) {"),
      file(core, "// return yield* give()"),
      file(core, "// release(permit)"),
      file(core, "// }")
    ],
    accepts: [
      file(core, "// If the permit (there is one) is taken, return it.", "// for the last one", "const a = 1 // => 1"),
      file(core, "// return the permit, since whoever waits is served first", "// See release(permit) for why.")
    ]
  }
]

const machinePath = /(?<![\w.~}-])\/(home|root|work|Users)\/\w|\b[A-Z]:\\+Users/
const privateHost =
  /https?:\/\/[^\s"'`/)]*(\.(corp|intranet|lan)\b|(?<!docker)\.internal\b|registry(?!\.npmjs\.org)|artifactory|nexus)/i

/** Put together here, because the compiler would take it for one of its own wherever it stands. */
const directive = ["@effect", "diagnostics globalTimers:off"].join("-")

/** The rules about machines, clocks and sizes. */
export const limits: ReadonlyArray<Rule> = [
  {
    title: "no file knows the machine it was written on",
    findings: eachLine(isText, ({ text }) =>
      machinePath.test(text) || privateHost.test(text) ? "take the path or the host of a machine away" : undefined
    ),
    refuses: [
      file("README.md", "cd /home/ada/spillway"),
      file(core, 'const path = "/work/main"'),
      file(".ci/run", "C:\\Users\\ada"),
      file(".npmrc", "registry=https://registry.example.corp/npm")
    ],
    accepts: [
      file("README.md", "https://example.com/home/ada and ./work/main and http://host.docker.internal:11434"),
      file(".npmrc", "registry=https://registry.npmjs.org/")
    ]
  },
  {
    title: "the lockfile names no registry",
    findings: eachLine(
      (path) => path === "pnpm-lock.yaml",
      ({ text }) => (/\btarball:|https?:\/\//.test(text) ? "install again from the public registry" : undefined)
    ),
    refuses: [file("pnpm-lock.yaml", "    resolution: {integrity: sha512-a, tarball: https://example.com/a.tgz}")],
    accepts: [file("pnpm-lock.yaml", "    resolution: {integrity: sha512-a}")]
  },
  {
    title: "only Alarm.ts touches timers",
    findings: eachLine(
      (path) => path.startsWith("packages/core/src/") && path !== "packages/core/src/domain/Alarm.ts",
      ({ kind, text }) =>
        /@effect-diagnostics\S*.*\bglobalTimers/.test(text) ||
        (kind === "code" && /\b(set|clear)(Timeout|Interval|Immediate)\b/.test(text))
          ? "arm an Alarm instead, so that the test clock rules"
          : undefined
    ),
    refuses: [
      file(core, `/** ${directive.replace(" ", "-next-line ")} */`),
      file(core, `// ${directive}`),
      file(core, "globalThis.setTimeout(run, 1)")
    ],
    accepts: [file("packages/core/src/domain/Alarm.ts", `// ${directive}`, "setTimeout(run, 1)")]
  },
  {
    title: "the core asks no clock, no dice and no network that the compiler overlooks",
    findings: eachLine(
      (path) => path.startsWith("packages/core/src/"),
      ({ kind, text }) =>
        kind === "code" && /\bperformance\.|\bgetRandomValues\b|\bnew (WebSocket|EventSource)\b/.test(text)
          ? "ask an Effect service instead: Clock, Random, or a port"
          : undefined
    ),
    refuses: [
      file(core, "const now = performance.now()"),
      file(core, 'const socket = new WebSocket("ws://localhost")')
    ],
    accepts: [file(core, "// Cheaper than performance.now().", "const performance = 1")]
  },
  {
    title: "lines end by column 120",
    findings: eachLine(
      (path) => isModule(path) || path.endsWith(".md") || path === "pnpm-workspace.yaml" || path === ".ci/run",
      ({ text }, { path }) =>
        text.length > 120 && !(path.endsWith(".md") && /^\s*\||https?:\/\//.test(text))
          ? `break the line, it has ${text.length} columns`
          : undefined
    ),
    refuses: [file(core, "a".repeat(121)), file("README.md", "a ".repeat(61))],
    accepts: [file(core, "ü".repeat(120)), file("README.md", `| ${"a ".repeat(61)} |`)]
  },
  {
    title: "a file has at most 300 lines of code",
    findings: (files) =>
      files
        .filter((each) => isModule(each.path))
        .map((each) => ({ path: each.path, lines: linesOf(each.text).filter(({ kind }) => kind === "code").length }))
        .filter(({ lines }) => lines > 300)
        .map(({ lines, path }) => `${path}:1: it has ${lines}, so look for the missing noun and give it a file`),
    refuses: [file(core, ...Array.from({ length: 301 }, () => "run()"))],
    accepts: [file(core, ...Array.from({ length: 300 }, () => "run()\n\n// Why."))]
  }
]
