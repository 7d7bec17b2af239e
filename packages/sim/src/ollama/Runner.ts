/**
 * One loaded model: its slots, who waits for them, and the steps in which its answers are made.
 *
 * All slots move together, as in llama-server: a step reads a batch of whatever prompts are new and gives every other
 * slot one token, so that a long prompt stalls its neighbours, and each of many is slower than one. Who waits does so
 * in line, without a bound. What a step takes is counted from when it was due and not from when its timer rang, so that
 * a late timer makes no slower model.
 */
import { type Agenda, type Bell, perMilli, perSecond } from "../Agenda.ts"
import type { Script } from "../Script.ts"
import * as Words from "../Words.ts"
import type { Failure } from "./Frame.ts"
import type { Model } from "./Model.ts"
import * as Prompt from "./Prompt.ts"
import type { Ways } from "./Version.ts"

/** An answer that is wanted. */
export interface Order {
  /** As the runner reads it, after whatever was cut. */
  readonly prompt: string
  readonly promptTokens: number
  /** The token at a place, or nothing where the answer is over. */
  readonly token: (place: number) => string | undefined
  /** The most tokens it may have. */
  readonly limit: number
  readonly script: Script
  /** Why it is refused when its turn comes. */
  readonly refusal: Failure | undefined
}

/** What a finished answer took. */
export interface Finished {
  readonly reason: "stop" | "length"
  readonly cached: number
  readonly tokens: number
  /** Nanoseconds. */
  readonly promptSpan: number
  readonly answerSpan: number
}

/** How an answer ended: finished, ended without a word, or broken with a status and a message. */
export type End =
  | { readonly _tag: "Finished"; readonly finished: Finished }
  | { readonly _tag: "Ended" }
  | ({ readonly _tag: "Failed" } & Failure)

/** Who gets an answer. */
export interface Listener {
  /** False asks for nothing more until `resume`. */
  token(text: string): boolean
  ended(end: End): void
}

/** One answer under way, from its place in line to its end. */
export class Job {
  readonly order: Order
  readonly listener: Listener
  phase: "waiting" | "prompt" | "answer" | "silent" | "over" = "waiting"
  isPaused = false
  /** Whether its caller has left while the prompt is read, which goes on to its end. */
  isAbandoned = false
  /** Whether anything of the answer was said. */
  hasBegun = false
  /** Tokens of the prompt that are still to be read. */
  unread = 0
  place = 0
  cached = 0
  promptFrom = 0
  answerFrom = 0
  slot: Slot | undefined
  private readonly runner: Runner

  constructor(runner: Runner, order: Order, listener: Listener) {
    this.runner = runner
    this.order = order
    this.listener = listener
  }

  /** Whether its prompt is read, and it is not over. */
  get isAnswering(): boolean {
    return this.phase === "answer" || this.phase === "silent"
  }

  /** Its reader has room again. */
  resume(): void {
    this.isPaused = false
    this.runner.go()
  }

  /** Its reader wants nothing for now, and has its slot all the same. */
  pause(): void {
    this.isPaused = true
  }

  /** Its reader has left: the slot comes free when the step that runs is over. */
  cancel(): void {
    this.runner.leave(this)
  }
}

/** A place where an answer is made, which remembers what it read last. */
interface Slot {
  job: Job | undefined
  text: string
}

/** How much of what it has read and said a slot remembers, in characters. */
const textMax = 4_000_000

/** The shortest step, in nanoseconds. */
const stepMin = 1_000

/** How many tokens of prompts are read in one step. */
const batch = 512

/** What runs a model. */
export class Runner {
  readonly model: Model
  readonly slots: ReadonlyArray<Slot>
  /** Whether its process is gone. */
  isDead = false
  private readonly agenda: Agenda
  private line: Array<Job> = []
  private bell: Bell | undefined
  private due = 0
  /** Whether the step that runs reads a prompt. */
  private isReading = false
  /** Whether a step is being told of: whoever leaves or comes in its midst waits for its end. */
  private isStepping = false
  private readonly ways: Pick<Ways, "hasServer">

  constructor(agenda: Agenda, model: Model, slots: number, ways: Pick<Ways, "hasServer">) {
    this.agenda = agenda
    this.model = model
    this.ways = ways
    this.slots = Array.from({ length: slots }, () => ({ job: undefined, text: "" }))
  }

  /** How many answers are made, and how many wait for a slot. */
  get running(): number {
    return this.slots.reduce((count, { job }) => count + (job === undefined ? 0 : 1), 0)
  }

  get waiting(): number {
    return this.line.length
  }

  /** Puts an answer at the end of the line. */
  run(order: Order, listener: Listener): Job {
    const job = new Job(this, order, listener)
    this.line.push(job)
    this.go()
    return job
  }

  /** Whoever is next starts, and what can be made is made. */
  go(): void {
    if (this.bell !== undefined || this.isStepping) return
    const { now } = this.agenda
    this.admit(now)
    this.step(now)
  }

  leave(job: Job): void {
    if (job.phase === "over" || job.isAbandoned) return
    if (job.phase === "prompt" && !this.ways.hasServer) {
      // Whether anybody still listens is only found out when there is something to say.
      job.isAbandoned = true
      return
    }
    if (job.phase === "waiting") this.line = this.line.filter((each) => each !== job)
    job.phase = "over"
    // A step that runs frees the slot at its end, and a batch of a prompt is read to its end for nobody.
    if (this.bell === undefined) this.free(job)
    else if (!this.isReading && this.slots.every((slot) => slot.job === undefined || slot.job.phase === "over"))
      this.abandon()
    this.go()
  }

  /** Its process is killed: whatever it makes breaks, and whoever waits finds nobody there. */
  die(): void {
    this.isDead = true
    this.bell?.cancel()
    this.bell = undefined
    const broken = this.slots.flatMap(({ job }) => (job === undefined || job.phase === "over" ? [] : [job]))
    const { hasServer } = this.ways
    for (const job of broken) {
      if (job.isAbandoned) this.free(job)
      else this.end(job, hasServer || job.hasBegun ? died : stopped)
    }
    for (let job = this.line.shift(); job !== undefined; job = this.line.shift()) {
      this.end(job, hasServer ? gone : goneBefore)
    }
  }

  /** Nobody waits for what is being made. */
  private abandon(): void {
    this.bell?.cancel()
    this.bell = undefined
    for (const { job } of this.slots) if (job !== undefined) this.free(job)
  }

  private admit(at: number): void {
    while (this.line.length > 0) {
      if (this.isDead) return this.die()
      const free = this.slots.filter(({ job }) => job === undefined)
      if (free.length === 0) return
      const job = this.line.shift()!
      const { prompt, promptTokens, refusal } = job.order
      if (refusal !== undefined) {
        this.end(job, { ...refusal, _tag: "Failed" })
        continue
      }
      // The slot that has read the longest beginning of this prompt before.
      const [slot, text] = free
        .map((each) => [each, Prompt.commonBeginning(each.text, prompt)] as const)
        .reduce((best, each) => (each[1].length > best[1].length ? each : best))
      job.cached = Math.min(Words.count(text), promptTokens - 1)
      job.unread = promptTokens - job.cached
      job.phase = "prompt"
      job.promptFrom = at
      job.slot = slot
      slot.job = job
      slot.text = prompt
    }
  }

  /** Makes the next step, which begins now or where the last one ended. */
  private step(from: number): void {
    let span = 0
    let room = batch
    let answering = 0
    let slowest = 0
    const read: Array<readonly [Job, number]> = []
    for (const { job } of this.slots) {
      if (job === undefined || job.isPaused) continue
      if (job.phase === "answer") {
        answering++
        slowest = Math.max(slowest, this.tokenSpan(job))
      } else if (job.phase === "prompt") {
        const tokens = Math.min(job.unread, room)
        room -= tokens
        span += tokens * this.promptSpan(job)
        read.push([job, tokens])
      }
    }
    if (answering === 0 && read.length === 0) return
    this.isReading = read.length > 0
    span += slowest * (1 + this.model.sharing * Math.max(answering - 1, 0))
    // Nothing takes no time at all, or an answer without an end would hold up all else.
    this.due = from + Math.max(Math.round(span), stepMin)
    const moving = this.slots.flatMap(({ job }) => (job?.phase === "answer" && !job.isPaused ? [job] : []))
    this.bell = this.agenda.at(this.due, () => this.stepped(read, moving))
  }

  private stepped(read: ReadonlyArray<readonly [Job, number]>, moving: ReadonlyArray<Job>): void {
    this.bell = undefined
    this.isStepping = true
    try {
      this.tell(read, moving)
    } finally {
      // Whoever breaks while he is told must not hold up all others.
      this.isStepping = false
      this.goOn()
    }
  }

  private goOn(): void {
    // Whoever came into its line while it died finds nobody there either.
    if (this.isDead) return this.die()
    for (const { job } of this.slots) if (job?.phase === "over") this.free(job)
    this.admit(this.due)
    this.step(this.due)
  }

  private tell(read: ReadonlyArray<readonly [Job, number]>, moving: ReadonlyArray<Job>): void {
    for (const job of moving) if (job.phase === "answer") this.advance(job, job.place + 1)
    for (const [job, tokens] of read) {
      job.unread -= tokens
      if (job.unread > 0 || job.phase !== "prompt") continue
      if (job.isAbandoned) {
        job.phase = "over"
        continue
      }
      job.phase = "answer"
      job.answerFrom = this.due
      this.advance(job, 0)
    }
  }

  /** The answer has come so far: one more token, or its end. */
  private advance(job: Job, place: number): void {
    const { limit, script, token } = job.order
    job.place = place
    if (place === script.dieAfter) return this.die()
    if (place === script.endAfter) return this.end(job, { _tag: "Ended" })
    if (place === script.garbageAfter) return this.end(job, unreadable)
    if (place === script.hangAfter) {
      job.phase = "silent"
      return
    }
    const text = place < limit ? token(place) : undefined
    if (text === undefined) return this.breakAtEnd(job) ? undefined : this.finish(job, place)
    job.hasBegun = true
    if (job.slot!.text.length < textMax) job.slot!.text += text
    if (!job.listener.token(text)) job.isPaused = true
  }

  /** What was to break somewhere in the midst of a longer answer than this breaks at its end. */
  private breakAtEnd(job: Job): boolean {
    const { dieAfter, endAfter, garbageAfter, hangAfter, isDrawn = false } = job.order.script
    if (!isDrawn) return false
    if (dieAfter !== undefined) this.die()
    else if (endAfter !== undefined) this.end(job, { _tag: "Ended" })
    else if (garbageAfter !== undefined) this.end(job, unreadable)
    else if (hangAfter !== undefined) job.phase = "silent"
    else return false
    return true
  }

  private finish(job: Job, tokens: number): void {
    const { limit, script } = job.order
    const isCut = script.stop === undefined ? tokens >= limit : script.stop === "limit"
    const finished: Finished = {
      reason: isCut ? "length" : "stop",
      cached: job.cached,
      tokens,
      promptSpan: job.answerFrom - job.promptFrom,
      answerSpan: Math.max(this.due - job.answerFrom, stepMin)
    }
    this.end(job, { _tag: "Finished", finished })
  }

  private end(job: Job, end: End): void {
    job.phase = "over"
    this.free(job)
    job.listener.ended(end)
  }

  private free(job: Job): void {
    if (job.slot !== undefined) job.slot.job = undefined
    job.slot = undefined
  }

  private tokenSpan({ order: { script } }: Job): number {
    return script.tokenMillis === undefined ? perSecond / this.model.decode : script.tokenMillis * perMilli
  }

  private promptSpan({ order: { script } }: Job): number {
    return script.promptMillis === undefined ? perSecond / this.model.prefill : script.promptMillis * perMilli
  }
}

const died: End = {
  _tag: "Failed",
  status: 500,
  message: "an error was encountered while running the model: unexpected EOF",
  reason: "RunnerDied"
}

/** The same as older versions say it before the first token. */
const stopped: End = {
  ...died,
  message:
    "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check " +
    "ollama server logs for details"
}

const gone: End = {
  _tag: "Failed",
  status: 500,
  message: "llama-server process no longer running: unknown ",
  reason: "RunnerDied"
}

const goneBefore: End = { ...gone, message: "llama runner process no longer running: -1 " }

const unreadable: End = {
  _tag: "Failed",
  status: 500,
  message:
    "error unmarshalling llama-server response: invalid character 'n' looking for beginning of object key string",
  reason: "Malformed"
}
