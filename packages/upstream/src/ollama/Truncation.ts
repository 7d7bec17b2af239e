/**
 * Whether an Ollama has read only a part of a prompt, told from what it counted.
 *
 * Versions from 0.12.6 on are told not to cut, and refuse instead. Those before cut without a word, to exactly the
 * context that the model was loaded with, so a count of just that many is a cut prompt, unless the prompt was as long
 * by chance: the estimate has to allow for it as well.
 */
import type { Question } from "@spillway/core"
import { Redacted } from "effect"

/** Whether a version cuts although it was told not to. */
export const mayCut = (version: string): boolean => {
  const [, major, minor, patch] = /^v?(\d{1,3})\.(\d{1,3})\.(\d{1,3})/.exec(version) ?? []
  const number = Number(major) * 1_000_000 + Number(minor) * 1_000 + Number(patch)
  return number > 0 && number < 12_006
}

/**
 * Whether so many tokens are a cut prompt, in a context of so many. Of a conversation whole turns are left out until
 * the rest fits, so that the count is less; then the estimate has to be far above the context.
 */
export const isCut = (
  counted: number,
  context: number | undefined,
  { content, prompt }: Pick<Question.Question, "content" | "prompt">
): boolean => {
  if (context === undefined || counted > context) return false
  if (counted === context) return prompt.most >= context
  const asked = Redacted.value(content)
  return asked.kind === "chat" && asked.messages.length > 1 && prompt.likely > context * farAbove
}

/** No tokenizer makes so much less of a text than the estimate does: a ninth is the least that was measured. */
const farAbove = 9
