/**
 * Prints what the tokenizers make of the fixtures beside the estimate: what anybody needs to fit its figures again.
 *
 * Run it with `node packages/core/test/fit-tokens.ts`. All but the errors is in tokens per character. Prose tells what
 * `likely` of a script has to be; random letters, which no tokenizer knows words of, tell `most`: a `!` marks where the
 * worst tokenizer exceeds it.
 */
import { Tokens } from "@spillway/core"
import { mixture, prose, scripts, sources } from "./domain/tokens-fixtures/texts.ts"
import { measure } from "./domain/tokens-fixtures/tokenizers.ts"

const print = (...cells: ReadonlyArray<string>): void => {
  process.stdout.write(`${cells.map((cell, at) => (at === 0 ? cell.padEnd(44) : cell.padStart(8))).join("")}\n`)
}

const table = (title: string, texts: Readonly<Record<string, string>>): void => {
  print(title, "mean", "likely", "error", "worst", "most", "most/mean")
  const errors = Object.entries(texts).map(([name, text]) => {
    const { mean, worst } = measure(text)
    const { likely, most } = Tokens.ofText(text)
    const perCharacter = [mean, likely, worst, most].map((tokens) => (tokens / text.length).toFixed(2))
    const [meanEach = "", likelyEach = "", worstEach = "", mostEach = ""] = perCharacter
    const error = Math.round((likely / mean - 1) * 100)
    print(
      name,
      meanEach,
      likelyEach,
      `${error}%`,
      worstEach,
      `${mostEach}${most < worst ? "!" : ""}`,
      (most / mean).toFixed(2)
    )
    return Math.abs(error)
  })
  print(`mean error ${(errors.reduce((sum, error) => sum + error, 0) / errors.length).toFixed(1)}%`)
}

table("prose, tokens per character", prose)
table("source code and data", sources)
table("random letters", Object.fromEntries(Object.keys(scripts).map((script) => [script, mixture(script, 0, 1)])))
