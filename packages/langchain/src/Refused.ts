/**
 * Says what is wrong with an option, as the core says it of its own.
 */
import { Options } from "@spillway/core"

/** One option that is refused: where it stands, what was read there, and what to write. */
export const refusedBy =
  (of: string) =>
  (path: string, expected: string, read = ""): Options.OptionsRefused =>
    new Options.OptionsRefused({ of, problems: [{ path, read, expected }] })
