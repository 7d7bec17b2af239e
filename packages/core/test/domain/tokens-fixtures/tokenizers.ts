/**
 * The tokenizers that the estimate of tokens is measured against.
 *
 * Two of OpenAI's, and two of Llama's, of which the first falls back to bytes for most scripts: between them they span
 * what is served today.
 */
import * as cl100k from "gpt-tokenizer/encoding/cl100k_base"
import * as o200k from "gpt-tokenizer/encoding/o200k_base"
import llama1 from "llama-tokenizer-js"
import llama3 from "llama3-tokenizer-js"

// Text that looks like a special token is text.
const plain = { disallowedSpecial: new Set<string>() }

const tokenizers: ReadonlyArray<(text: string) => number> = [
  (text) => cl100k.encode(text, plain).length,
  (text) => o200k.encode(text, plain).length,
  (text) => llama3.encode(text, { bos: false, eos: false }).length,
  (text) => llama1.encode(text, false, true).length
]

/** What the tokenizers make of a text: the mean, and the worst of them. */
export const measure = (text: string): { readonly mean: number; readonly worst: number } => {
  const counts = tokenizers.map((count) => count(text))
  return { mean: counts.reduce((sum, count) => sum + count, 0) / counts.length, worst: Math.max(...counts) }
}
