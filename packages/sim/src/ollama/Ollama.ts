/**
 * The daemon: checks what is asked, in Ollama's own order and words, gets the model, and hands on what it says.
 */
import type { Agenda } from "../Agenda.ts"
import type { Caller } from "../Exchange.ts"
import * as Words from "../Words.ts"
import * as Checks from "./Checks.ts"
import type { Daemon, Embedded, Loaded } from "./Daemon.ts"
import type { Failure, Frame, Writer } from "./Frame.ts"
import type { Model } from "./Model.ts"
import * as Name from "./Name.ts"
import type { Chat, Embed, Generate, Message } from "./Request.ts"
import { Runner } from "./Runner.ts"
import {
  busy,
  Claim,
  lasting,
  type Launch,
  Resident,
  Scheduler,
  type Settings as SchedulerSettings
} from "./Scheduler.ts"
import * as Settings from "./Settings.ts"
import { type Asked, Turn } from "./Turn.ts"
import * as Vectors from "./Vectors.ts"
import * as Version from "./Version.ts"
import { Vocabulary } from "./Vocabulary.ts"

/** What a daemon is made of. */
export interface Made extends Omit<SchedulerSettings, "ways"> {
  readonly version: string
  readonly seed: number
  readonly models: ReadonlyArray<Model>
  /** The context of a request that names none. */
  readonly context: number
}

/** A simulated Ollama. */
export class Ollama implements Daemon {
  readonly version: string
  readonly madeAt: bigint
  readonly scheduler: Scheduler
  private readonly agenda: Agenda
  private readonly made: Made
  /** By full name. */
  private readonly named: Map<string, Model>
  /** What is remembered of models that run elsewhere, by digest: nothing here loads them or counts who asks. */
  private readonly remote = new Map<string, Vocabulary>()
  private readonly ways: Version.Ways
  private drawn = 0

  constructor(agenda: Agenda, made: Made) {
    this.agenda = agenda
    this.made = made
    this.version = made.version
    this.madeAt = agenda.wall
    this.ways = Version.of(made.version)
    this.scheduler = new Scheduler(agenda, { ...made, ways: this.ways })
    const known = made.models.filter(({ isCloud }) => !isCloud || this.ways.hasCloud)
    this.named = new Map(known.map((model) => [model.fullName, model]))
  }

  get models(): ReadonlyArray<Model> {
    return [...this.named.values()]
  }

  get loaded(): ReadonlyArray<Loaded> {
    const { agenda, made, scheduler, ways } = this
    const residents = [...scheduler.residents.values()].map((resident) => {
      const { bytes, launch, model } = resident
      return { model, bytes, context: launch.context, left: scheduler.expiryOf(resident) - agenda.now }
    })
    // A version that lets nobody past counts a model as there as soon as it begins to load.
    const loading = ways.goesPast
      ? []
      : scheduler.loading.map(({ keepAlive = made.keepAlive, launch, model }) => {
          return { model, bytes: model.bytes, context: launch.context, left: lasting(keepAlive) }
        })
    return [...residents, ...loading]
      .toSorted((one, other) => other.left - one.left)
      .map(({ left, ...loaded }) => ({ ...loaded, expiresAt: agenda.wall + BigInt(left) }))
  }

  find(name: string): Model | undefined {
    const full = Name.full(name)
    return full === undefined ? undefined : this.named.get(full)
  }

  copy(from: string, to: string): boolean {
    const model = this.find(from)
    const full = Name.full(to)
    if (model === undefined || full === undefined) return false
    this.named.set(full, { ...model, name: to, fullName: full })
    return true
  }

  remove(name: string): boolean {
    const full = Name.full(name)
    return full !== undefined && this.named.delete(full)
  }

  chat(request: Chat, writer: Writer, caller: Caller): void {
    if (isBusy(caller)) return refuse(writer, busy)
    const found = Checks.modelFor(request, "chat", this.find(request.model))
    if ("status" in found) return refuse(writer, found)
    const { keepAlive, messages, tools } = request
    if (messages.length === 0 && keepAlive === 0) return this.unload(found, request, writer)
    const mismatch = Checks.mismatch(request, "chat", found)
    if (mismatch !== undefined) return refuse(writer, mismatch)
    if (tools.length > 0 && !found.can.includes("tools")) return refuse(writer, Checks.lacks(found, "tools"))
    const settings = Settings.read(request.options)
    if ("error" in settings) return refuse(writer, Checks.bad(settings.error, 500))
    const names = tools.map(({ name }) => name)
    const isNative = found.kind === "jinja" && this.ways.hasServer
    this.answer({ request, model: found, settings, messages, tools: names, isNative }, writer, caller)
  }

  generate(request: Generate, writer: Writer, caller: Caller): void {
    if (isBusy(caller)) return refuse(writer, busy)
    const found = Checks.modelFor(request, "generate", this.find(request.model))
    if ("status" in found) return refuse(writer, found)
    const { keepAlive, prompt, raw, suffix = "", system, template } = request
    if (prompt === "" && keepAlive === 0) return this.unload(found, request, writer)
    const mismatch = Checks.mismatch(request, "generate", found)
    if (mismatch !== undefined) return refuse(writer, mismatch)
    if (raw && (template !== undefined || system !== undefined || (request.context?.length ?? 0) > 0)) {
      return refuse(writer, Checks.bad("raw mode does not support template, system, or context"))
    }
    if (suffix !== "" && !found.can.includes("insert")) return refuse(writer, Checks.lacks(found, "insert"))
    const settings = Settings.read(request.options)
    if ("error" in settings) return refuse(writer, Checks.bad(settings.error, 500))
    const turns: ReadonlyArray<Message> = [
      ...(system === undefined || system === "" ? [] : [{ role: "system", content: system }]),
      { role: "user", content: prompt }
    ]
    const messages = raw ? prompt : turns
    this.answer({ request, model: found, settings, messages, tools: [], isNative: false }, writer, caller)
  }

  embed(request: Embed, caller: Caller, answer: (embedded: Embedded | Failure) => void): void {
    if (isBusy(caller)) return answer(busy)
    const model = this.find(request.model)
    if (model === undefined) return answer(Checks.missing(request.model, "embed"))
    const settings = Settings.read(request.options)
    if ("error" in settings) return answer(Checks.bad(settings.error, 500))
    const begun = this.agenda.now
    this.hold(model, settings, request.keepAlive, undefined, caller, {
      refused: answer,
      granted: (resident, release) => {
        const loadDuration = this.agenda.now - begun
        Vectors.of(request, resident, this.made.seed, caller, (made) => {
          release()
          if ("status" in made) return answer(made)
          const { tokens, vectors } = made
          const metrics = { totalDuration: this.agenda.now - begun, loadDuration, promptEvalCount: tokens }
          answer({ model: request.model, vectors, metrics })
        })
        return undefined
      }
    })
  }

  /** A number from the seed, another one each time. */
  draw(): number {
    return Words.drawn(this.made.seed, this.drawn++, 2 ** 32)
  }

  private unload(model: Model, { model: name }: Chat | Generate, writer: Writer): void {
    const resident = this.scheduler.residents.get(model.digest)
    if (resident !== undefined) this.scheduler.expire(resident)
    writer.only(this.bare(name, "unload"))
  }

  private bare(model: string, doneReason: "load" | "unload"): Frame {
    return { model, createdAt: this.agenda.wall, content: "", done: true, doneReason }
  }

  /** Gets the model, for as long as the request lasts, or longer where a caller who leaves keeps it. */
  private hold(
    model: Model,
    settings: Settings.Settings,
    keepAlive: number | undefined,
    shift: boolean | undefined,
    caller: Caller,
    on: {
      readonly granted: (resident: Resident, release: () => void) => Turn | undefined
      readonly refused: (failure: Failure) => void
    }
  ): void {
    const context = Math.min(Math.max(settings.context ?? this.made.context, 4), model.context)
    const launch: Launch = {
      context: model.can.includes("vision") ? Math.max(context, 2_048) : context,
      isContextAuto: settings.context === undefined,
      shift: !this.ways.hearsCuts || (shift ?? true),
      others: settings.others
    }
    if (model.isCloud) {
      on.granted(this.remoteOf(model, launch), () => {})
      return
    }
    let turn: Turn | undefined
    const release = (): void => this.scheduler.release(claim)
    let isLate = false
    const claim = new Claim(
      { model, launch, keepAlive },
      (resident) => {
        if (claim.isGone) return release()
        if (isLate) caller.enters?.("firstToken")
        turn = on.granted(resident, release)
      },
      on.refused,
      (fault) => caller.met?.(fault)
    )
    caller.onGone(() => {
      if (turn?.isLost !== true) release()
    })
    this.scheduler.ask(claim)
    if (claim.resident !== undefined || claim.isRefused) return
    isLate = true
    caller.enters?.("load")
  }

  /** Nobody takes anything from anybody there, so that each request has a runner of its own. */
  private remoteOf(model: Model, launch: Launch): Resident {
    const vocabulary = this.remote.get(model.digest) ?? new Vocabulary()
    this.remote.set(model.digest, vocabulary)
    const runner = new Runner(this.agenda, model, 1, this.ways)
    return new Resident(runner, { ...launch, context: model.context }, 0, 0, vocabulary)
  }

  private answer(asked: Asked, writer: Writer, caller: Caller): void {
    const { model, request, settings } = asked
    const begun = this.agenda.now
    const isEmpty = asked.messages.length === 0 || (!("messages" in request) && request.prompt === "")
    this.hold(model, settings, request.keepAlive, request.shift, caller, {
      refused: (failure) => refuse(writer, failure),
      granted: (resident, release) => {
        const loaded = this.agenda.now
        if (isEmpty) {
          release()
          writer.only(this.bare(request.model, "load"))
          return undefined
        }
        const { template = "" } = "template" in request ? request : {}
        if (template.split("{{").length > template.split("}}").length) {
          release()
          refuse(writer, Checks.bad("template: :1: unclosed action", 500))
          return undefined
        }
        const { agenda } = this
        const { seed } = this.made
        const toolId = (): string => `call_${this.letters(8)}`
        // Whatever runs out of memory elsewhere leaves what is here alone.
        const ranOut = (): void => (model.isCloud ? undefined : this.scheduler.expireAll())
        const { ways } = this
        const turn = new Turn(asked, {
          agenda,
          begun,
          caller,
          loaded,
          ranOut,
          release,
          resident,
          seed,
          toolId,
          ways,
          writer
        })
        turn.begin()
        return turn
      }
    })
  }

  private letters(count: number): string {
    return Array.from({ length: count }, () => alphabet[this.draw() % alphabet.length]).join("")
  }
}

const isBusy = ({ fault }: Caller): boolean => fault?.name === "busy"

/** Answers that nothing was begun. */
const refuse = (writer: Writer, failure: Failure): void => writer.fail({ ...failure, isRefusal: true })

const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
