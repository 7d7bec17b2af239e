/**
 * Which Claude goes on with an answer that has begun: those before 4.6.
 */
import type { Question } from "@spillway/core"
import { Effect } from "effect"

/** How much of what was heard the model would read as the beginning of its own answer: all of it, or nothing. */
export const reads = ({ model }: Question.Question, heard: string): Effect.Effect<string | undefined> =>
  Effect.succeed(open.test(model) ? heard : undefined)

/** Claude 3, and 4 up to 4.5, as Anthropic writes them and as those do who offer them under its dialect. */
const open = new RegExp(
  /claude-(?:3(?:[-.][57])?-(?:opus|sonnet|haiku)|(?:opus|sonnet|haiku)-4(?:[-.][0-5])?)/.source +
    /(?:-\d{8}|-latest)?(?:-v\d|[@:]|$)/.source
)
