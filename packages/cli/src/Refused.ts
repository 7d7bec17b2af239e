/**
 * What a command ends with when it could not do what it was asked: one sentence for a person, and the exit code.
 */
import { Data } from "effect"

/** The sentence says what to do; the code is 1 for what failed and 2 for what was used wrongly. */
export class Refused extends Data.TaggedError("Refused")<{ readonly sentence: string; readonly code: 1 | 2 }> {
  override get message(): string {
    return this.sentence
  }
}
