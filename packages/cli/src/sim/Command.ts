/**
 * `spillway sim`: a simulated Ollama on a real port, shown live on a terminal and as lines anywhere else.
 */
import { Simulation } from "@spillway/sim"
import { Clock, Effect, Option, Record, Schema, Stdio, Terminal } from "effect"
import { Command, Flag, TerminalCapabilities } from "effect/cli"
import { Refused } from "../Refused.ts"
import { live } from "../terminal/Live.ts"
import { coloured, plain } from "../terminal/Paint.ts"
import { stopAsked } from "../terminal/Stop.ts"
import * as Catalogue from "./Catalogue.ts"
import { Ended } from "./Ended.ts"
import { flagOf, refusalOf } from "./Refusals.ts"
import * as Report from "./Report.ts"
import { screen } from "./Screen.ts"
import * as Served from "./Served.ts"
import * as Snapshot from "./Snapshot.ts"

/** What it does where nothing is said: as an Ollama, on an Ollama's port. */
const defaults = { ...Schema.decodeSync(Simulation.Options)({}), host: "127.0.0.1", port: 11_434 }

const number = (name: string, what: string, otherwise: number) =>
  Flag.Int(name).pipe(Flag.withDescription(`${what} (${otherwise})`), Flag.withDefault(otherwise))

const text = (name: string, what: string, otherwise: string) =>
  Flag.String(name).pipe(Flag.withDescription(`${what} (${otherwise})`), Flag.withDefault(otherwise))

/** What has no meaning but for an Ollama, so that it is told apart whether it was given. */
const ollamas = <A extends number | string>(flag: Flag.Flag<A>, what: string, otherwise: A) =>
  flag.pipe(Flag.withDescription(`${what} (${otherwise})`), Flag.optional)

const toggle = (name: string, what: string) =>
  Flag.Boolean(name).pipe(Flag.withoutNegation, Flag.withDescription(what), Flag.withDefault(false))

const flags = {
  face: Flag.Literals("face", Served.faces).pipe(
    Flag.withDescription("Whose face it has: an Ollama's, or that of a hosted provider (ollama)"),
    Flag.withDefault("ollama" as const)
  ),
  port: number("port", "Where it listens; 0 takes a free port", defaults.port).pipe(
    Flag.filter(
      (port) => port >= 0 && port <= 65_535,
      () => "write a port from 0 to 65535"
    )
  ),
  host: text("host", "The address it listens on", defaults.host).pipe(
    Flag.filter(
      (host) => host.trim() !== "",
      () => `write an address, as ${defaults.host}`
    )
  ),
  models: Flag.String("models").pipe(
    Flag.withMetavar("a,b"),
    Flag.withDescription("The models it has (llama3.1:8b,nomic-embed-text; a provider's own with --face)"),
    Flag.optional
  ),
  fault: Flag.String("fault").pipe(
    Flag.withMetavar('"NAME 20% x3 model=M after=10s for=60s"'),
    Flag.withDescription("A fault that is on: its name, then what it is bound by; may be given several times"),
    Flag.atLeast(0)
  ),
  seed: number("seed", "From which all chance is drawn", defaults.seed),
  ollama: {
    parallel: ollamas(Flag.Int("parallel"), "How many answers of one model are made at once", defaults.parallel),
    queueMax: ollamas(Flag.Int("max-queue"), "How many may wait for a load", defaults.queueMax),
    modelsMax: ollamas(Flag.Int("max-loaded"), "How many models may be loaded at once", defaults.modelsMax),
    keepAlive: ollamas(
      Flag.String("keep-alive").pipe(Flag.withMetavar("duration")),
      "How long an idle model stays loaded, or forever",
      "5m"
    ),
    context: ollamas(Flag.Int("context"), "The context of a request that names none, in tokens", defaults.context),
    version: ollamas(
      Flag.String("version").pipe(
        Flag.filter(
          (version) => /^\d+\.\d+\.\d+(-[\w.-]+)?$/.test(version),
          () => `write three numbers, as ${defaults.version}`
        )
      ),
      "The version it says it has",
      defaults.version
    )
  },
  listFaults: toggle("list-faults", "Say which faults there are, and start nothing"),
  json: toggle("json", "One JSON object a line instead of words or a screen")
}

type Given = Command.Command.Config.Infer<typeof flags>

/** The command with its flags. */
export const sim = Command.make("sim", flags, (given) =>
  Effect.andThen(fitting(given), given.listFaults ? list(given) : serve(given))
).pipe(
  Command.withDescription("A simulated Ollama on a real port, which fails on demand"),
  Command.withExamples([
    { command: "spillway sim", description: "On an Ollama's own port, without a fault" },
    { command: 'spillway sim --port 0 --fault "overloaded 20%" --fault "slow-load span=20s x1"' },
    { command: "spillway sim --list-faults", description: "What can go wrong" }
  ])
)

/** Whether anybody reads it is not for here: when nobody does any more, the process ends. */
const print = (lines: ReadonlyArray<string>) =>
  Effect.flatMap(Terminal.Terminal, ({ display }) => Effect.ignore(display(lines.map((line) => `${line}\n`).join(""))))

/** Where it is shown: how wide, in which colours, and whether it can be redrawn. */
const look = Effect.gen(function* () {
  const { canAnimate, canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const isTerminal = yield* (yield* Stdio.Stdio).stdoutIsTerminal
  const columns = isTerminal ? yield* (yield* Terminal.Terminal).columns : 0
  return { canAnimate, columns: columns || Infinity, paint: canColor ? coloured : plain }
})

/** What was given for an Ollama, and nothing of what was not. */
const givenOf = ({ ollama }: Pick<Given, "ollama">): Pick<Simulation.Options, keyof Given["ollama"]> =>
  Record.getSomes<string, string | number>(ollama)

/** Refuses what was given for an Ollama where there is to be none. */
const fitting = ({ face, ollama }: Given): Effect.Effect<void, Refused> => {
  const given = Object.keys(givenOf({ ollama })).map(flagOf)
  if (face === "ollama" || given.length === 0) return Effect.void
  const [are, them] = given.length === 1 ? ["is", "it"] : ["are", "them"]
  const sentence = `${given.join(", ")} ${are} for an Ollama: leave ${them} out, or leave out --face ${face}.`
  return Effect.fail(new Refused({ sentence, code: 2 }))
}

const list = ({ face, json }: Given) =>
  Effect.gen(function* () {
    const catalogue = Catalogue.of(face)
    if (!json) return yield* print(Catalogue.table(catalogue, yield* look))
    return yield* print([JSON.stringify(catalogue, undefined, 2)])
  })

const serve = ({ face, fault, host, json, models, ollama, port, seed }: Given) =>
  Effect.gen(function* () {
    const version = Option.getOrElse(ollama.version, () => defaults.version)
    const running = yield* Effect.mapError(
      Served.start(face, {
        ...givenOf({ ollama }),
        host,
        port,
        seed,
        faults: fault,
        ...(Option.isSome(models) ? { models: names(models.value) } : {})
      }),
      refusalOf
    )
    const { canAnimate, paint } = yield* look
    const since = yield* Clock.currentTimeMillis
    const isLive = canAnimate && !json
    const report = json ? Report.json : Report.words
    const ended = new Ended(running.traffic)
    const told = Effect.suspend(() => {
      const lines = ended.next().map(report.ended)
      return isLive || lines.length === 0 ? Effect.void : print(lines)
    })
    if (!isLive) yield* print([report.ready(readyOf(running, version, fault))])
    const showing = isLive ? live((size) => screen(Snapshot.of(running, version), { ...size, paint })) : Effect.never
    const following = Effect.forever(Effect.andThen(told, Effect.sleep(lookMillis)))
    yield* Effect.raceFirst(stopAsked, Effect.raceFirst(showing, following))
    yield* told
    yield* print([report.stopped(ended.tally((yield* Clock.currentTimeMillis) - since))])
  }).pipe(Effect.scoped)

/** How often one looks who is done: lines should come while a person still knows what he asked. */
const lookMillis = 50

const names = (given: string): ReadonlyArray<string> => given.split(",").map((name) => name.trim())

const readyOf = (
  { face, models, url }: Served.Served,
  version: string,
  faults: ReadonlyArray<string>
): Report.Ready => ({
  url,
  version,
  ...(face !== undefined && { face }),
  models: models().map(({ name }) => name),
  faults
})
