/**
 * The demonstration in the terminal: each guard at work for a few seconds, bare and guarded side by side.
 *
 * It asserts its own results: it ends with 0 only when all that its scenes claim came true. `--json` prints figures
 * alone, `--only` plays one scene, and where nobody watches each scene is drawn once, at its end,
 * and time is not waited for.
 */
import { parseArgs } from "node:util"
import { Clock, Effect, Exit, Fiber, Random } from "effect"
import { stopwatch } from "./measure.ts"
import { PacedClock } from "./pace.ts"
import { coloured, plain } from "./paint.ts"
import { columnsMin, ending, panel, summary } from "./panel.ts"
import { broken, type Played, type Scene } from "./scene.ts"
import { scenesOf } from "./scenes.ts"
import { live } from "./screen.ts"

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    only: { type: "string" },
    seed: { type: "string", default: "spillway" }
  }
})

const all = scenesOf(options.seed)
const scenes = options.only === undefined ? all : all.filter(({ name }) => name === options.only)
if (scenes.length === 0) {
  process.stderr.write(`There is no scene "${options.only}": ${all.map(({ name }) => name).join(", ")}.\n`)
  process.exit(2)
}

/** For a look at what was drawn, before the next scene. */
const readingMillis = 600

// Whoever reads us may have read enough, as head does.
process.stdout.on("error", () => process.exit())

const terminal = process.stdout
const isWatched = terminal.isTTY && !options.json
const isDumb = process.env["TERM"] === "dumb"
const colours = terminal.isTTY && !process.env["NO_COLOR"] && !isDumb
const look = () => ({
  columns: terminal.isTTY ? Math.max(terminal.columns, columnsMin) : 80,
  paint: colours ? coloured : plain
})
const print = (lines: ReadonlyArray<string>) => terminal.write(lines.map((line) => `${line}\n`).join(""))

/** Plays one scene and shows it, live where it fits. */
const show = (scene: Scene, place: string): Effect.Effect<Played> =>
  Effect.scoped(
    Effect.gen(function* () {
      const played = yield* scene.make
      const now = yield* stopwatch
      const lines = (elapsed: number) => panel(scene, played, { elapsed, place }, look())
      const fits = terminal.isTTY && terminal.columns >= columnsMin && terminal.rows > lines(0).length
      if (options.json) yield* played.play
      else if (fits && !isDumb) yield* live(played.play, terminal, () => lines(now()))
      else {
        yield* played.play
        print(lines(scene.millis))
      }
      if (!options.json) print(ending(scene, played, look()))
      return played
    })
  )

const program = Effect.gen(function* () {
  const seconds = scenes.reduce((sum, { millis }) => sum + millis + readingMillis, 0) / 1_000
  const many = scenes.length === 1 ? "One scene" : `${scenes.length} scenes`
  const lasting = isWatched ? `about ${Math.round(seconds)} seconds` : "played at once, since nobody watches"
  if (!options.json) {
    print(["", ` ${look().paint.bold("Spillway")}: the same calls, bare and guarded.`, ` ${many}, ${lasting}.`])
  }
  const shown: Array<{ readonly scene: Scene; readonly played: Played }> = []
  for (const scene of scenes) {
    if (isWatched && shown.length > 0) yield* Effect.sleep(readingMillis)
    shown.push({ scene, played: yield* show(scene, `${shown.length + 1} of ${scenes.length}`) })
  }
  const cameTrue = shown.every(({ played }) => broken(played).length === 0)
  if (options.json) {
    const figures = shown.map(({ played, scene }) => [
      scene.name,
      { millis: scene.millis, figures: played.figures(), claims: played.claims(), result: played.result() }
    ])
    const whole = { seed: options.seed, cameTrue, scenes: Object.fromEntries(figures) }
    terminal.write(`${JSON.stringify(whole, undefined, 2)}\n`)
  } else print([...(shown.length > 1 ? summary(shown, look()) : []), ""])
  return cameTrue
})

const clock = new PacedClock({ watched: isWatched })
const fiber = Effect.runFork(program.pipe(Random.withSeed(options.seed), Effect.provideService(Clock.Clock, clock)))
process.once("SIGINT", () => fiber.interruptUnsafe())
process.once("SIGTERM", () => fiber.interruptUnsafe())
const exit = await Effect.runPromise(Fiber.await(fiber))
if (Exit.isSuccess(exit)) process.exitCode = exit.value ? 0 : 1
else if (Exit.hasInterrupts(exit)) process.exitCode = 130
else throw exit.cause
