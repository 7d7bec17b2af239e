/**
 * How a Claude is asked to think: the models before 4.6 take a budget in tokens, those after it only how hard to try.
 */
import type { Question, SpillwayError } from "@spillway/core"
import { mistaken } from "../Wire.ts"

/** How thinking is asked for. */
export type Style = "auto" | "adaptive" | "budget"

type Think = Question.Settings["think"]

/** The fields that ask for it, or why an answer so short has no room for it. */
export const thinkingOf = (
  style: Style,
  model: string,
  think: Think,
  maxTokens: number
): SpillwayError | { readonly fields: object; readonly effort: string | undefined } => {
  if (think === undefined) return { fields: {}, effort: undefined }
  if (style === "adaptive" || (style === "auto" && !budgeted.test(model))) {
    const effort = typeof think === "string" ? think : undefined
    return { fields: { thinking: { type: think === false ? "disabled" : "adaptive" } }, effort }
  }
  // Nothing is thought unless it is asked for.
  if (think === false) return { fields: {}, effort: undefined }
  if (maxTokens <= least) return mistaken("maxTokens", String(maxTokens), `more than ${least}, which thinking takes`)
  const budget = Math.max(least, Math.min(budgets[think === true ? "medium" : think], Math.floor(maxTokens / 2)))
  return { fields: { thinking: { type: "enabled", budget_tokens: budget } }, effort: undefined }
}

/** Claude 3.7, and 4 up to 4.5, as Anthropic writes them and as those do who offer them under its dialect. */
const budgeted = /claude-(?:3[-.]7|(?:opus|sonnet|haiku)-4(?:[-.][0-5])?(?:-\d{8}|-latest)?(?:-v\d|[@:]|$))/

const least = 1_024

const budgets = { low: 2_048, medium: 8_192, high: 16_384 }
