/**
 * The layers: what each part of the repository may import, and where things lie.
 *
 * The tables are the law. To allow something new, change its row here and say why in ARCHITECTURE.md.
 */
import { posix } from "node:path"
import type { File } from "../repository.ts"
import { codeOf, isSource, type Rule } from "./rule.ts"

/** For each place in the core's src, the places it may import. */
const places: Record<string, ReadonlyArray<string>> = {
  domain: ["domain"],
  policies: ["domain", "Policy.ts"],
  plans: ["domain", "Policy.ts", "Plan.ts"],
  state: ["domain", "state"],
  router: ["domain", "policies", "plans", "state", "router", "Policy.ts", "Plan.ts", "Preset.ts"],
  telemetry: ["domain", "telemetry"],
  "Policy.ts": ["domain", "state"],
  "Plan.ts": ["domain", "Policy.ts"],
  "Preset.ts": ["domain", "policies", "plans", "Policy.ts", "Plan.ts"],
  "Spillway.ts": ["domain", "policies", "plans", "state", "router", "telemetry", "Policy.ts", "Plan.ts"],
  "index.ts": [
    "domain",
    "policies",
    "plans",
    "state",
    "router",
    "telemetry",
    "Policy.ts",
    "Plan.ts",
    "Preset.ts",
    "Spillway.ts"
  ]
}

/** For each package, the packages of ours that it may import. */
const packages: Record<string, ReadonlyArray<string>> = {
  core: [],
  upstream: ["core"],
  sim: ["core"],
  config: ["core", "upstream"],
  langchain: ["core"],
  mcp: ["core", "config", "upstream"],
  gateway: ["core", "config", "upstream"],
  cli: ["core", "upstream", "sim", "config", "langchain", "mcp", "gateway"]
}

/** What may lie at the top of the repository; names that begin with a dot belong to tools and may too. */
const topLevel = new Set(
  `packages examples test
  package.json pnpm-workspace.yaml pnpm-lock.yaml tsconfig.base.json tsconfig.json knip.json vitest.config.ts
  README.md ARCHITECTURE.md CONTRIBUTING.md SECURITY.md CHANGELOG.md LICENSE`.split(/\s+/)
)

/** Folders whose modules each have a test at the same path under the package's test folder. */
const mirrored = /^packages\/[^/]+\/src\/(domain|policies|plans|state)\//

const imported = (text: string): ReadonlyArray<{ readonly name: string; readonly line: number }> => {
  const code = codeOf(text)
  const pattern =
    /^(?:import|export)\b[^"'`]*?\bfrom\s*["']([^"']+)["']|^import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm
  return [...code.matchAll(pattern)].map((match) => ({
    name: match[1] ?? match[2] ?? match[3] ?? "",
    line: code.slice(0, match.index + match[0].length).split("\n").length
  }))
}

const eachImport =
  (verdict: (from: string, name: string) => string | undefined) =>
  (files: ReadonlyArray<File>): ReadonlyArray<string> =>
    files
      .filter((file) => isSource(file.path))
      .flatMap((file) =>
        imported(file.text).flatMap(({ line, name }) => {
          const advice = verdict(file.path, name)
          return advice === undefined ? [] : [`${file.path}:${line}: ${advice}`]
        })
      )

const corePlace = (path: string): string | undefined => /^packages\/core\/src\/([^/]+)/.exec(path)?.[1]

const withinCore = eachImport((path, name) => {
  const from = corePlace(path)
  if (from === undefined) return undefined
  const allowed = places[from]
  if (allowed === undefined) return `give "${from}" a row in the table of test/tidy/layers.ts`
  if (!name.startsWith(".")) {
    return /^effect(\/|$)/.test(name) ? undefined : `the core imports effect and nothing else, so not "${name}"`
  }
  const to = corePlace(posix.join(posix.dirname(path), name))
  return to !== undefined && allowed.includes(to)
    ? undefined
    : `${from} may import ${allowed.join(", ")}, so not "${name}": move what is needed down, or the caller up`
})

const betweenPackages = eachImport((path, name) => {
  const [, from = ""] = path.split("/")
  const allowed = packages[from]
  if (allowed === undefined) return `give the package "${from}" a row in the table of test/tidy/layers.ts`
  if (name.startsWith(".")) {
    const inside = posix.join(posix.dirname(path), name).startsWith(`packages/${from}/src/`)
    return inside ? undefined : `"${name}" leaves the package: import the other one by its name`
  }
  const to = /^@spillway\/([^/]+)/.exec(name)?.[1]
  return to === undefined || allowed.includes(to)
    ? undefined
    : `${from} may import of ours ${allowed.join(", ") || "nothing"}, so not "${name}"`
})

const untested = (files: ReadonlyArray<File>): ReadonlyArray<string> => {
  const there = new Set(files.map((file) => file.path))
  return files
    .filter((file) => mirrored.test(file.path) && /^export (abstract )?(const|function|class)\b/m.test(file.text))
    .map((file) => ({ path: file.path, test: file.path.replace("/src/", "/test/").replace(/\.ts$/, ".test.ts") }))
    .filter(({ test }) => !there.has(test))
    .map(({ path, test }) => `${path}:1: write ${test}`)
}

const source = (path: string, text: string): File => ({ path: `packages/${path}`, text })

/** The rules about imports and places. */
export const layers: ReadonlyArray<Rule> = [
  {
    title: "the core's layers import only what lies below them",
    findings: withinCore,
    refuses: [
      source("core/src/domain/Call.ts", 'import { make } from "../policies/Retry.ts"'),
      source("core/src/policies/Retry.ts", 'import type { Slots } from "./Slots.ts"'),
      source("core/src/state/MemoryStore.ts", 'import {\n  a,\n  b\n} from "../router/Router.ts"'),
      source("core/src/telemetry/Journal.ts", 'export * from "../Policy.ts"'),
      source("core/src/domain/Call.ts", 'import { readFile } from "node:fs"'),
      source("core/src/domain/Call.ts", 'const lodash = import("lodash")'),
      source("core/src/router/Router.ts", 'import { it } from "../../test/laws/testPolicy.ts"'),
      source("core/src/caches/Cache.ts", 'import { Effect } from "effect"')
    ],
    accepts: [
      source("core/src/policies/Retry.ts", '// import x from "./Slots.ts"\nimport * as Policy from "../Policy.ts"'),
      source("core/src/domain/Call.ts", 'import { Stream } from "effect/Stream"\nimport { Part } from "./Part.ts"'),
      source("core/src/index.ts", 'export * as Retry from "./policies/Retry.ts"')
    ]
  },
  {
    title: "packages import only the packages below them, by name",
    findings: betweenPackages,
    refuses: [
      source("langchain/src/index.ts", 'import { Gateway } from "@spillway/gateway"'),
      source("core/src/index.ts", 'export * from "@spillway/config/Yaml"'),
      source("gateway/src/Server.ts", 'import { Call } from "../../core/src/domain/Call.ts"'),
      source("queue/src/index.ts", 'import { Effect } from "effect"')
    ],
    accepts: [
      source(
        "gateway/src/Server.ts",
        'import { Call } from "@spillway/core"\nimport { route } from "./routes/Route.ts"'
      ),
      source("cli/src/main.ts", 'import { run } from "@spillway/sim"\nimport { z } from "zod"')
    ]
  },
  {
    title: "every module of domain, policies, plans and state has a test at the same path",
    findings: untested,
    refuses: [
      source("core/src/policies/Retry.ts", "export const make = 1"),
      source("sim/src/state/Box.ts", "export class Box {}")
    ],
    accepts: [
      source("core/src/policies/Retry.ts", "export const make = 1"),
      source("core/test/policies/Retry.test.ts", ""),
      source("core/src/domain/Part.ts", "export interface Part {}"),
      source("core/src/index.ts", "export const version = 1")
    ]
  },
  {
    title: "no folder is named for having no name",
    findings: (files) =>
      files
        .filter((file) => /(^|\/)(utils?|common|helpers?|shared|misc|lib)\//i.test(file.path))
        .map((file) => `${file.path}:1: name the folder for what its files are about`),
    refuses: [
      source("core/src/utils/Time.ts", ""),
      source("core/test/helpers/clock.ts", ""),
      source("common/src/a.ts", "")
    ],
    accepts: [source("core/src/domain/Units.ts", "")]
  },
  {
    title: "the top of the repository holds what ARCHITECTURE.md says and nothing else",
    findings: (files) =>
      [...new Set(files.map((file) => file.path.split("/", 1)[0]!))]
        .filter((name) => !name.startsWith(".") && !topLevel.has(name))
        .map(
          (name) => `${name}:1: move it below packages, examples or test, or add it to the list in test/tidy/layers.ts`
        ),
    refuses: [
      { path: "notes.md", text: "" },
      { path: "scripts/release.ts", text: "" }
    ],
    accepts: [
      { path: "README.md", text: "" },
      { path: ".ci/run", text: "" },
      { path: "examples/chat/main.ts", text: "" }
    ]
  }
]
