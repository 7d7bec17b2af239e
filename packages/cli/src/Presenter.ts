/**
 * Says what is wrong with a command line in a sentence, and where its help is.
 *
 * The whole help behind every slip, which is what the command line's library would print, hides the sentence that
 * matters.
 */
import { Console, type Layer } from "effect"
import { type CliError, CliOutput } from "effect/cli"

/** Tells wrong invocations in a sentence each, and all else as usual. */
export const layer: Layer.Layer<never> = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(told(event.errors, event.commandPath))
      : CliOutput.defaultPresenter.present(event)
})

/** What is wrong, and where to read more. */
const told = (errors: ReadonlyArray<CliError.NonShowHelpErrors>, path: ReadonlyArray<string>): string => {
  const sentences = errors.map((error) => `spillway: ${sentenceOf(error, path)}`)
  return [...sentences, `Run "${path.join(" ")} --help" for what there is.`].join("\n")
}

const sentenceOf = (error: CliError.NonShowHelpErrors, path: ReadonlyArray<string>): string => {
  if (error._tag === "UnrecognizedOption") {
    return `${path.join(" ")} has no ${error.option}${meant(error.suggestions)}`
  }
  if (error._tag === "UnknownSubcommand") {
    return `there is no command ${JSON.stringify(error.subcommand)}${meant(error.suggestions)}`
  }
  if (error._tag !== "InvalidValue") return error.message
  const expected = error.expected.replace(/^Expected (a string representing )?/, "write ")
  const value = error.value === "" ? "wants a value" : `cannot be ${JSON.stringify(error.value)}`
  return `--${error.option} ${value}: ${expected}`
}

const meant = (suggestions: ReadonlyArray<string>): string =>
  suggestions.length === 0 ? "." : `: did you mean ${suggestions.join(" or ")}?`
