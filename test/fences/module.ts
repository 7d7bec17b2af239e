/**
 * Turns a fence into a module that can be checked by the compiler and run.
 *
 * The module is padded, so that line 12 of a README is line 12 of its module. CONTRIBUTING.md tells authors the three
 * rules.
 */
import type { Fence } from "./collect.ts"

/** The module's text: `expression // => value` becomes a check, a bare `yield*` puts the fence into a generator. */
export const moduleOf = (fence: Fence): string => {
  const padding = "\n".repeat(fence.line - 1)
  const body = fence.text.split("\n").map(checked).join("\n")
  if (!yieldsAtTop(fence.text)) return `${padding}${equals}\n${body}\n`
  const imports = [...body.matchAll(importStatement)].map(([statement]) => statement.replaceAll("\n", " "))
  const rest = body.replaceAll(importStatement, (statement) => statement.replaceAll(/[^\n]/g, ""))
  const runner = 'import { Effect as $Effect } from "effect"'
  const start = "await $Effect.runPromise($Effect.gen(function* () {"
  return `${padding}${[equals, runner, ...imports, start].join("; ")}\n${rest}\n}))\n`
}

/** The name of the module's file, which tells where the fence stands. */
export const nameOf = (fence: Fence): string => `${fence.path.replaceAll("/", "-")}-${fence.line}.${fence.language}`

const equals = 'import { equals as $equals } from "../../fences/equals.ts"'

const importStatement = /^import\b[^"']*?(?:from\s*)?["'][^"']+["'];?/gm

const checked = (line: string): string => {
  const [, indent = "", statement = "", value = ""] = /^(\s*)(\S.*?)\s*\/\/ => (.+)$/.exec(line) ?? []
  if (statement === "") return line
  const name = /^(?:const|let) (\w+)\b.* = /.exec(statement)?.[1]
  return name === undefined
    ? `${indent}$equals(${statement}, ${value})`
    : `${indent}${statement}; $equals(${name}, ${value})`
}

const yieldsAtTop = (text: string): boolean =>
  text.split("\n").some((line) => /^[^\s/*].*\byield\*|^yield\*/.test(line) && !/function ?\*/.test(line))
