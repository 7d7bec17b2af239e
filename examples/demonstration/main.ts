/**
 * The demonstration in the terminal: a flaky, slow, rate-limited function, bare and guarded, side by side for eight
 * seconds.
 *
 * It asserts its own result: it ends with 0 only when the guarded person was served better. `--json` prints figures
 * alone, and where nobody watches it draws once, at the end.
 */
import { parseArgs } from "node:util"
import { Clock, Effect, Exit, Fiber } from "effect"
import { coloured, plain } from "./paint.ts"
import { isBetter, resultOf } from "./result.ts"
import * as Scenario from "./scenario.ts"
import { live } from "./screen.ts"
import { columnsMin, conclusion, view } from "./view.ts"

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    seed: { type: "string", default: "spillway" }
  }
})

const settings: Scenario.Settings = { millis: 8_000, seed: options.seed }

// Whoever reads us may have read enough, as head does.
process.stdout.on("error", () => process.exit())

const terminal = process.stdout
const colours = terminal.isTTY && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb"
const look = () => ({
  columns: terminal.isTTY ? Math.max(terminal.columns, columnsMin) : 80,
  paint: colours ? coloured : plain
})

const program = Effect.gen(function* () {
  const scenario = yield* Scenario.make(settings)
  const playing = Scenario.play(scenario)
  const lines = Effect.map(Clock.currentTimeMillis, (now) => view(scenario, now, look()))
  const fits = terminal.isTTY && terminal.columns >= columnsMin && terminal.rows > (yield* lines).length
  if (options.json || !fits || process.env["TERM"] === "dumb") yield* playing
  else yield* live(playing, terminal, lines)
  const better = isBetter(scenario)
  if (options.json) {
    const figures = { settings, better, bare: resultOf(scenario.bare), guarded: resultOf(scenario.guarded) }
    terminal.write(`${JSON.stringify(figures, undefined, 2)}\n`)
  } else {
    if (!fits) terminal.write(`${(yield* lines).join("\n")}\n`)
    terminal.write(`\n${conclusion(scenario, look())}\n\n`)
  }
  return better
})

const fiber = Effect.runFork(program)
process.once("SIGINT", () => fiber.interruptUnsafe())
process.once("SIGTERM", () => fiber.interruptUnsafe())
const exit = await Effect.runPromise(Fiber.await(fiber))
if (Exit.isSuccess(exit)) process.exitCode = exit.value ? 0 : 1
else if (Exit.hasInterrupts(exit)) process.exitCode = 130
else throw exit.cause
