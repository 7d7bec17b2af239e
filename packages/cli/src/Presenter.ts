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
export const told = (errors: ReadonlyArray<CliError.NonShowHelpErrors>, path: ReadonlyArray<string>): string => {
  const sentences = errors.map((error) => `spillway: ${sentenceOf(error, path)}`)
  return [...sentences, `Run "${path.join(" ")} --help" for what there is.`].join("\n")
}

const sentenceOf = (error: CliError.NonShowHelpErrors, path: ReadonlyArray<string>): string => {
  switch (error._tag) {
    case "UnrecognizedOption":
      return `${path.join(" ")} has no ${error.option}${meant(error.suggestions)}`
    case "UnknownSubcommand":
      return `there is no command ${JSON.stringify(error.subcommand)}${meant(error.suggestions)}`
    case "InvalidValue": {
      const expected = error.expected.replace(/^Expected (a string representing )?/, "write ")
      if (error.value === "") return `--${error.option} wants a value: ${expected}`
      return `--${error.option} cannot be ${JSON.stringify(error.value)}: ${expected}`
    }
    case "DuplicateOption":
    case "MissingArgument":
    case "MissingOption":
    case "UnexpectedArgument":
    case "UserError":
    case "ValidationError":
      return error.message
  }
}

const meant = (suggestions: ReadonlyArray<string>): string =>
  suggestions.length === 0 ? "." : `: did you mean ${suggestions.join(" or ")}?`
