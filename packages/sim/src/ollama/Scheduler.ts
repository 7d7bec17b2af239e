/**
 * Which models are loaded, and who waits for one: Ollama's scheduler.
 *
 * One thing is done at a time: whoever asked first for a model that is not there has it loaded, evicts for it and waits
 * for that, and everybody behind him waits too, in a channel with a bound. Whoever asks for a model that is loaded goes
 * past all of them. That is why Ollama lets a busy model starve a cold one, and why its bound does not bound traffic.
 */
import { Alarm } from "@spillway/core"
import { type Agenda, type Bell, perMilli } from "../Agenda.ts"
import type { Failure } from "./Frame.ts"
import type { Model } from "./Model.ts"
import { Runner } from "./Runner.ts"
import type { Ways } from "./Version.ts"
import { Vocabulary } from "./Vocabulary.ts"

/** What a loaded model cannot change: another value of one of these loads it anew. */
export interface Launch {
  readonly context: number
  /** Whether the caller left the context to the server. */
  readonly isContextAuto: boolean
  readonly shift: boolean
  /** The other options of a runner that were given, by name. */
  readonly others: Readonly<Record<string, number | boolean | undefined>>
}

/** How a load goes wrong. */
export interface LoadFault {
  /** What it fails with, after so long; without a message it never ends by itself. */
  readonly name: string
  readonly message?: string
  readonly reason?: Failure["reason"]
  readonly span?: number
}

/** What a scheduler is told when it is made. Spans are nanoseconds. */
export interface Settings {
  readonly parallel: number
  readonly queueMax: number
  /** How many models may be loaded at once. */
  readonly modelsMax: number
  /** The memory that models share, in bytes; without one, any number fit. */
  readonly memory: number | undefined
  readonly keepAlive: number
  readonly loadTimeout: number
  readonly ways: Ways
  /** What it takes until the memory of an unloaded model is free. */
  readonly unload: number
  /** What goes wrong with the load that begins. */
  readonly faultOf: (model: Model) => LoadFault | undefined
}

/** A model that is loaded. */
export class Resident {
  readonly runner: Runner
  readonly vocabulary: Vocabulary
  readonly launch: Launch
  readonly bytes: number
  /** How many requests use it. */
  uses = 0
  keepAlive: number
  /** Monotonic; nothing until it was idle once. */
  expiresAt: number | undefined
  timer: Bell | undefined

  constructor(runner: Runner, launch: Launch, bytes: number, keepAlive: number, vocabulary = new Vocabulary()) {
    this.vocabulary = vocabulary
    this.runner = runner
    this.launch = launch
    this.bytes = bytes
    this.keepAlive = keepAlive
  }

  get model(): Model {
    return this.runner.model
  }
}

/** Somebody who wants a model. */
export class Claim {
  readonly model: Model
  readonly launch: Launch
  readonly keepAlive: number | undefined
  readonly granted: (resident: Resident) => void
  readonly refused: (failure: Failure) => void
  readonly met: (fault: string) => void
  resident: Resident | undefined
  isGone = false
  isRefused = false

  constructor(
    asked: { readonly model: Model; readonly launch: Launch; readonly keepAlive: number | undefined },
    granted: (resident: Resident) => void,
    refused: (failure: Failure) => void,
    met: (fault: string) => void
  ) {
    this.model = asked.model
    this.launch = asked.launch
    this.keepAlive = asked.keepAlive
    this.granted = granted
    this.refused = (failure) => {
      this.isRefused = true
      refused(failure)
    }
    this.met = met
  }
}

/** That too many wait already. */
export const busy: Failure = {
  status: 503,
  message: "server busy, please try again.  maximum pending requests exceeded",
  reason: "Overloaded"
}

/** How often a load is looked at, and what looking for GPUs takes the first time. */
const pollEvery = 250 * perMilli
const discovery = 500 * perMilli

/** What it takes to look at one request where all of them are looked at. */
const lookTakes = perMilli / 10

/** Loads, evicts, and lets in. */
export class Scheduler {
  readonly residents = new Map<string, Resident>()
  private readonly agenda: Agenda
  private readonly settings: Settings
  private pending: Array<Claim> = []
  private current: Claim | undefined
  /** Who has a load under way, by model: a version that lets nobody past has several. */
  private readonly loads = new Map<string, Claim>()
  private isTaking = false
  /** Whether the current one waits for a model to be unloaded. */
  private isEvicting = false
  private hasDiscovered = false

  constructor(agenda: Agenda, settings: Settings) {
    this.agenda = agenda
    this.settings = settings
  }

  /** How many wait for a load or an eviction, those who have left among them, and for which model. */
  get waiting(): ReadonlyArray<Model> {
    const first = this.current === undefined ? [] : [this.current]
    return [...new Set([...this.loads.values(), ...first, ...this.pending])].map(({ model }) => model)
  }

  /** Who has a load under way. */
  get loading(): ReadonlyArray<Claim> {
    return [...this.loads.values()]
  }

  /** Asks for a model. */
  ask(claim: Claim): void {
    const resident = this.residents.get(claim.model.digest)
    const goesPast = this.settings.ways.goesPast && resident !== undefined
    if (goesPast && !needsReload(resident, claim)) return this.use(resident, claim)
    if (this.pending.length >= this.settings.queueMax) return claim.refused(busy)
    this.pending.push(claim)
    this.next()
  }

  /** Whoever asked has his answer, or has left. In the channel his place stays taken until it is his turn. */
  release(claim: Claim): void {
    claim.isGone = true
    const { resident } = claim
    if (resident === undefined) return
    claim.resident = undefined
    resident.uses--
    if (resident.uses > 0) return
    if (resident.keepAlive <= 0 && resident.keepAlive !== forever) return this.unload(resident)
    this.setTimer(resident)
  }

  /** It is to go as soon as nobody uses it. */
  expire(resident: Resident): void {
    resident.expiresAt = this.agenda.now
    resident.timer?.cancel()
    resident.timer = undefined
    resident.keepAlive = 0
    if (resident.uses === 0) this.unload(resident)
  }

  /** Unloads all of them, as a runner that ran out of memory makes it do. */
  expireAll(): void {
    this.residents.forEach((resident) => this.expire(resident))
  }

  /** When a resident goes, or would if nobody used it from now on. */
  expiryOf(resident: Resident): number {
    return resident.expiresAt ?? this.agenda.now + lasting(resident.keepAlive)
  }

  private next(): void {
    if (!this.settings.ways.goesPast) return this.takeSoon()
    while (this.current === undefined) {
      const claim = this.pending.shift()
      if (claim === undefined) return
      if (claim.isGone) continue
      this.current = claim
      this.serve(claim)
    }
  }

  /**
   * One after the other, each a moment later: where nobody goes past, all pass through here, and those who come
   * together find the channel full, also for a model that is loaded.
   */
  private takeSoon(): void {
    if (this.isTaking || this.current !== undefined || this.pending.length === 0) return
    this.isTaking = true
    this.agenda.after(lookTakes, () => {
      this.isTaking = false
      const claim = this.pending.shift()
      if (claim !== undefined && !claim.isGone) {
        this.current = claim
        this.serve(claim)
      }
      this.takeSoon()
    })
  }

  /** Does what has to be done first, and comes back here when that is done. */
  private serve(claim: Claim): void {
    // Who wants a model that somebody else has loaded waits for that, and all behind him do.
    if (this.loads.has(claim.model.digest)) return
    const resident = this.residents.get(claim.model.digest)
    if (resident !== undefined && !needsReload(resident, claim)) {
      this.current = undefined
      return this.use(resident, claim)
    }
    const hasRoom = this.hasRoom(claim)
    const victim = resident ?? (hasRoom ? undefined : this.victim())
    // Nothing can be evicted that is not loaded yet.
    if (victim === undefined && !hasRoom && this.loads.size > 0) return
    if (victim === undefined) return this.load(claim)
    this.isEvicting = true
    this.expireFor(victim)
  }

  /** The current one goes on, or is dropped where he has left meanwhile. */
  private serveCurrent(): void {
    const { current } = this
    if (current?.isGone === true) this.current = undefined
    else if (current !== undefined) this.serve(current)
  }

  private expireFor(victim: Resident): void {
    victim.timer?.cancel()
    victim.timer = undefined
    victim.keepAlive = 0
    if (victim.uses === 0) this.unload(victim)
  }

  private hasRoom(claim: Claim): boolean {
    const { memory, modelsMax } = this.settings
    const taken = [
      ...[...this.residents.values()].map(({ bytes }) => bytes),
      ...this.loading.map((loading) => this.bytesFor(loading))
    ]
    if (taken.length >= modelsMax) return false
    if (memory === undefined || taken.length === 0) return true
    return this.bytesFor(claim) <= 0.8 * (memory - taken.reduce((sum, bytes) => sum + bytes, 0))
  }

  /** An idle one first, and of those the one that would go soonest. */
  private victim(): Resident | undefined {
    const byStay = [...this.residents.values()].toSorted(
      (one, other) =>
        unsigned(one.keepAlive) - unsigned(other.keepAlive) || (one.model.digest < other.model.digest ? -1 : 1)
    )
    return byStay.find(({ uses }) => uses === 0) ?? byStay[0]
  }

  private load(claim: Claim): void {
    const { agenda, settings } = this
    const fault = settings.faultOf(claim.model)
    if (fault !== undefined) claim.met(fault.name)
    const takes = fault === undefined ? nanosOf(claim.model.load) : (fault.span ?? Infinity)
    const begun = agenda.now + (this.hasDiscovered ? 0 : discovery)
    this.hasDiscovered = true
    this.loads.set(claim.model.digest, claim)
    if (!settings.ways.goesPast) this.current = undefined
    const poll = (at: number): void => {
      if (claim.isGone) {
        claim.refused({ status: 499, message: "request canceled", reason: "Cancelled" })
        return this.done(claim)
      }
      if (at - begun >= takes) return this.loaded(claim, fault)
      if (at - begun >= settings.loadTimeout && settings.ways.givesUp) {
        const message = settings.ways.hasServer ? timedOut : timedOutBefore
        claim.refused({ status: 500, message, reason: "LoadFailed" })
        return this.done(claim)
      }
      agenda.at(at + pollEvery, () => poll(at + pollEvery))
    }
    // Nothing answers at the first look: the process has only begun.
    agenda.at(begun + pollEvery, () => poll(begun + pollEvery))
  }

  private loaded(claim: Claim, fault: LoadFault | undefined): void {
    if (fault?.message !== undefined) {
      claim.refused({ status: 500, message: fault.message, reason: fault.reason ?? "LoadFailed" })
      return this.done(claim)
    }
    const { model } = claim
    const runner = new Runner(this.agenda, model, this.slotsOf(model), this.settings.ways)
    const keepAlive = claim.keepAlive ?? this.settings.keepAlive
    const resident = new Resident(runner, claim.launch, this.bytesFor(claim), keepAlive)
    this.residents.set(model.digest, resident)
    this.use(resident, claim)
    this.done(claim)
  }

  /** The weights, and half a kilobyte for each token of every slot's context. */
  private bytesFor({ launch, model }: Claim): number {
    return model.bytes + launch.context * this.slotsOf(model) * 512
  }

  private slotsOf(model: Model): number {
    return model.kind === "embed" ? 1 : this.settings.parallel
  }

  /** A load is over, well or not. */
  private done(claim: Claim): void {
    this.loads.delete(claim.model.digest)
    if (this.current === claim) this.current = undefined
    // Whoever waited for this load goes on; who waits for memory is told when there is some.
    if (!this.isEvicting) this.serveCurrent()
    this.next()
  }

  private use(resident: Resident, claim: Claim): void {
    resident.uses++
    resident.timer?.cancel()
    resident.timer = undefined
    if (claim.keepAlive !== undefined) resident.keepAlive = claim.keepAlive
    claim.resident = resident
    claim.granted(resident)
  }

  private setTimer(resident: Resident): void {
    const { keepAlive } = resident
    resident.expiresAt = this.agenda.now + lasting(keepAlive)
    resident.timer?.cancel()
    resident.timer = keepAlive === forever ? undefined : this.agenda.after(keepAlive, () => this.unload(resident))
  }

  private unload(resident: Resident): void {
    resident.timer?.cancel()
    resident.timer = undefined
    if (this.residents.get(resident.model.digest) !== resident) return
    this.residents.delete(resident.model.digest)
    const freed = (): void => {
      if (this.current === undefined || !this.isEvicting) return
      this.isEvicting = false
      this.serveCurrent()
      this.next()
    }
    if (this.settings.unload === 0) freed()
    else this.agenda.after(this.settings.unload, freed)
  }
}

/** What `keep_alive` says for ever, and how long Go takes that to be. */
const forever = -1
const endless = 2 ** 63

/** How long a model stays that is kept for so long. */
export const lasting = (keepAlive: number): number => (keepAlive === forever ? endless : keepAlive)

const unsigned = (keepAlive: number): number => (keepAlive === forever ? Infinity : keepAlive)

const needsReload = ({ launch, model, runner }: Resident, claim: Claim): boolean => {
  const asked = claim.launch
  const isSameContext =
    (launch.isContextAuto && asked.isContextAuto) || launch.context === Math.min(asked.context, model.context)
  // Layers on a GPU that the caller leaves to the server are whatever they are.
  const isSame = Object.keys({ ...launch.others, ...asked.others }).every(
    (name) => launch.others[name] === asked.others[name] || (name === "num_gpu" && asked.others.num_gpu === undefined)
  )
  return !isSameContext || !isSame || launch.shift !== asked.shift || runner.isDead
}

const timedOut = "timed out waiting for llama-server to start - "
const timedOutBefore = "timed out waiting for llama runner to start - progress 0.00 - "

const nanosOf = Alarm.nanos
