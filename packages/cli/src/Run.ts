/**
 * Runs the command `spillway` of this process.
 *
 * It ends with 0 when all is well, with 1 when something failed, and with 2 when it was used wrongly.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Console, Effect, Exit, Layer } from "effect"
import { CliConfig, CliError, Command, GlobalFlag } from "effect/cli"
import { mcp } from "./mcp/Command.ts"
import * as Presenter from "./Presenter.ts"
import { Refused } from "./Refused.ts"
import { version } from "./Version.ts"

// A client waits for the door, which a simulator would only hold up.
const commands = process.argv[2] === "mcp" ? [mcp] : [(await import("./sim/Command.ts")).sim, mcp]

const spillway = Command.make("spillway").pipe(
  Command.withDescription("A guard for LLM inference"),
  Command.withSubcommands(commands)
)

/** What went wrong is said where nobody has said it yet; the result is the exit code. */
const codeOf = (cause: Cause.Cause<Refused | CliError.CliError>): Effect.Effect<number> => {
  const error = Cause.squash(cause)
  if (error instanceof Refused) return Effect.as(Console.error(`spillway: ${error.sentence}`), error.code)
  if (CliError.isCliError(error)) {
    return error._tag === "ShowHelp"
      ? Effect.succeed(error.errors.length === 0 ? 0 : 2)
      : Effect.as(Console.error(`spillway: ${error.message}`), 2)
  }
  return Effect.as(Console.error(`spillway: ${Cause.pretty(cause)}`), 1)
}

// Whoever reads us may have read enough, as head does.
process.stdout.on("error", () => process.exit())

const services = Layer.mergeAll(
  NodeServices.layer,
  Presenter.layer,
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] })
)

const program = Command.run(spillway, { version }).pipe(
  Effect.as(0),
  Effect.catchCause(codeOf),
  Effect.provide(services)
)

Effect.runFork(program).addObserver((exit) => {
  // What a command has started may still wait for something, as a simulated model for its end: nobody wants that now.
  process.stdout.write("", () => process.exit(Exit.isSuccess(exit) ? exit.value : 1))
})
