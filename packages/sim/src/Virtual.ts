/**
 * The simulated Ollama without a port: an upstream of the core, on whatever clock the program runs.
 *
 * It is the daemon of the server, asked by calls in place of bytes: on a test clock an hour of traffic takes a moment.
 * What a server would say in bytes is said in reasons here, each named where the daemon fails.
 */
import {
  type Attempt,
  type Call,
  Part,
  type Question,
  type Reason,
  refusal,
  type SpillwayError,
  Summary,
  type Upstream
} from "@spillway/core"
import { Duration, Effect, Redacted } from "effect"
import type { Caller } from "./Exchange.ts"
import type { Struck } from "./Fault.ts"
import * as Faults from "./ollama/Faults.ts"
import type { Failure, Frame, Writer } from "./ollama/Frame.ts"
import * as Script from "./Script.ts"
import * as Simulation from "./Simulation.ts"
import type { Chat, Generate } from "./ollama/Request.ts"
import { perSecond } from "./Agenda.ts"

/** A simulated Ollama as an upstream, with what else it is. */
export interface Virtual extends Simulation.Simulation {
  readonly upstream: Upstream
}

/** Makes one. */
export const make = (name: string, options: Simulation.Options = {}): Effect.Effect<Virtual, Simulation.Refused> =>
  Effect.map(Simulation.make(options), (simulation): Virtual => {
    const { faults, ollama } = simulation
    const call: Call.Call<SpillwayError> = (question, attempt) =>
      Effect.callback((resume) => {
        const target = `${name}/${question.model}`
        const path = pathOf(question)
        const questioned = { method: "POST", path, model: question.model }
        const late = () => faults.strike(Faults.ofAnswers, questioned)
        const asked = new Asking(attempt, { target, question, late }, resume)
        asked.fault = faults.strike(Faults.ofArrival(questioned), questioned)
        asked.begin(simulation)
        return Effect.sync(() => asked.leave())
      })
    const inspect = Effect.sync(() => ({
      version: ollama.version,
      models: ollama.models.map((model) => {
        const loaded = ollama.loaded.find((each) => each.model.digest === model.digest)
        const context = loaded === undefined ? {} : { context: loaded.context }
        return { name: model.name, digest: model.digest, bytes: model.bytes, loaded: loaded !== undefined, ...context }
      })
    }))
    return { ...simulation, upstream: { name, call, inspect } }
  })

type Resume = (end: Effect.Effect<Summary.Summary, SpillwayError>) => void

interface Of {
  readonly target: string
  readonly question: Question.Question
  /** What strikes an answer when it begins. */
  readonly late: () => Struck | undefined
}

/** One call under way: who asks, and the writer that hands parts to his attempt. */
class Asking implements Caller, Writer {
  fault: Struck | undefined
  private gone = false
  private readonly attempt: Attempt.Attempt
  private readonly of: Of
  private readonly resume: Resume
  private readonly leaving: Array<() => void> = []
  private readonly withRoom: Array<() => void> = []
  private last: Frame | undefined

  constructor(attempt: Attempt.Attempt, of: Of, resume: Resume) {
    this.attempt = attempt
    this.of = of
    this.resume = resume
  }

  begin({ agenda, ollama }: Simulation.Simulation): void {
    const { fault } = this
    const door = fault === undefined ? undefined : Faults.catalogue[fault.name]!
    if (door?.where === "door" && fault !== undefined) {
      if (door.reason !== undefined) return this.fail({ status: 0, message: "", reason: door.reason })
      if (fault.name !== "slow") return
      const late = agenda.after(fault.span ?? perSecond, () => this.ask(ollama))
      return this.onGone(() => late.cancel())
    }
    if (door?.where === "wire" && fault?.span !== undefined) {
      const due = agenda.after(fault.span, () => this.breakOff(fault))
      this.onGone(() => due.cancel())
    }
    this.ask(ollama)
  }

  /** The caller has left. */
  leave(): void {
    this.gone = true
    for (const listener of this.leaving) listener()
  }

  frame(frame: Frame): boolean {
    if (this.gone) return true
    if (this.breaks()) return true
    if (frame.done || frame.doneReason !== undefined) this.last = frame
    let room: void | Promise<void> = undefined
    if (frame.thinking !== undefined) room = this.attempt.emit(Part.thinking(frame.thinking))
    if (frame.content !== "") room = this.attempt.emit(Part.text(frame.content))
    for (const call of frame.toolCalls ?? []) {
      const { arguments: given, index, name } = call.function
      const part = { _tag: "ToolCall", index, id: call.id, name, arguments: JSON.stringify(given) } as const
      room = this.attempt.emit(part)
    }
    if (room === undefined) return true
    void room.then(() => this.withRoom.forEach((each) => each()))
    return false
  }

  fail(failure: Failure): void {
    this.over(Effect.fail(refusal(this.reasonOf(failure))))
  }

  only(): void {
    this.over(Effect.succeed(Summary.make()))
  }

  end(): void {
    const { fault, last } = this
    // An answer too short to be broken in its midst is broken at its end.
    const isWire = fault !== undefined && Faults.whereOf(fault) === "wire" && fault.name !== "idle-close"
    if (isWire && fault.span === undefined) return this.breakOff(fault)
    if (last === undefined || !last.done) return this.fail({ status: 0, message: "", reason: "Cut" })
    const { doneReason, metrics, model } = last
    const usage = metrics && {
      input: metrics.promptEvalCount,
      output: metrics.evalCount,
      cached: metrics.promptEvalCachedCount
    }
    const timings = metrics && {
      total: metrics.totalDuration,
      load: metrics.loadDuration,
      prompt: metrics.promptEvalDuration,
      output: metrics.evalDuration
    }
    const finish = doneReason === "length" ? "length" : "stop"
    this.over(Effect.succeed(Summary.make({ finish, model, ...(usage && { usage }), ...(timings && { timings }) })))
  }

  begins(): void {
    this.fault ??= this.of.late()
  }

  enters(stretch: "load" | "firstToken"): void {
    this.attempt.enter(stretch)
  }

  onRoom(listener: () => void): void {
    this.withRoom.push(listener)
  }

  onGone(listener: () => void): void {
    if (this.gone) listener()
    else this.leaving.push(listener)
  }

  private ask(ollama: Simulation.Simulation["ollama"]): void {
    const content = Redacted.value(this.of.question.content)
    if (content.kind === "embed") {
      const request = { model: this.of.question.model, options: {}, input: content.inputs }
      return ollama.embed(request, this, (embedded) => {
        if ("status" in embedded) return this.fail(embedded)
        embedded.vectors.forEach((vector, index) => void this.attempt.emit({ _tag: "Embedding", index, vector }))
        const usage = { input: embedded.metrics.promptEvalCount, output: 0 }
        this.over(Effect.succeed(Summary.make({ usage })))
      })
    }
    const request = requestOf(this.of.question)
    if ("messages" in request) ollama.chat(request, this, this)
    else ollama.generate(request, this, this)
  }

  /** Whether a fault on the wire ends it here: said in packets, of which each part is one. */
  private breaks(): boolean {
    const { attempt, fault } = this
    if (fault === undefined || Faults.whereOf(fault) !== "wire" || fault.name === "idle-close") return false
    const at = fault.at ?? (fault.span === undefined ? 1 + (fault.draw % 8) : Infinity)
    if (attempt.parts < at) return false
    this.breakOff(fault)
    return true
  }

  private breakOff(fault: Struck): void {
    if (fault.name === "silence") this.gone = true
    else this.fail({ status: 0, message: "", reason: fault.name === "garble" ? "Malformed" : "Cut" })
  }

  private over(end: Effect.Effect<Summary.Summary, SpillwayError>): void {
    if (this.gone) return
    this.leave()
    this.resume(end)
  }

  private reasonOf({ context = 0, message, reason, tokens = 0 }: Failure): Reason {
    const { fault } = this
    const { question, target } = this.of
    const { parts } = this.attempt
    const span = fault?.span ?? (fault?.name === "quota" ? 7_200 * perSecond : undefined)
    const retryAfter = span === undefined ? {} : { retryAfter: Duration.nanos(BigInt(Math.ceil(span))) }
    switch (reason) {
      case "Overloaded":
      case "UpstreamRateLimited":
      case "QuotaSpent":
        return { _tag: reason, target, ...retryAfter }
      case "Cut":
      case "Malformed":
      case "RunnerDied":
        return { _tag: reason, target, parts }
      case "LoadFailed":
      case "OutOfMemory":
      case "UpstreamUnauthorized":
        return { _tag: reason, target }
      case "Unreachable":
        return { _tag: reason, target, problem: fault?.name ?? "closed", parts }
      case "ModelNotFound":
        return { _tag: reason, model: question.model, target }
      case "ContextTooLong":
        return { _tag: reason, tokens, context, target }
      case "Unsupported":
        return { _tag: reason, capability: "what was asked", target }
      case "Cancelled":
        return { _tag: reason }
      case "BadRequest":
      default: {
        // Who has misspelt a script is told so, here as on a port.
        const problems = Script.problemsIn(message)
        return problems === undefined
          ? { _tag: "BadRequest", field: "The question", read: "refused by the server", expected: "what it takes" }
          : { _tag: "BadRequest", field: "The script in a prompt", read: problems, expected: "what is documented" }
      }
    }
  }
}

const pathOf = ({ kind }: Question.Question): string =>
  kind === "chat" ? "/api/chat" : kind === "generate" ? "/api/generate" : "/api/embed"

/** The native request of a question. */
const requestOf = (question: Question.Question): Chat | Generate => {
  const content = Redacted.value(question.content)
  const { maxTokens, think } = question.settings
  const options = {
    ...(maxTokens !== undefined && { num_predict: maxTokens }),
    ...(content.stop !== undefined && { stop: content.stop })
  }
  const asking = {
    model: question.model,
    stream: true,
    options,
    ...(think !== undefined && { think }),
    ...(content.format !== undefined && { format: content.format })
  }
  if (content.kind === "generate") {
    const { images = [], prompt, suffix } = content
    return { ...asking, prompt, raw: false, images: images.map(imageOf), ...(suffix !== undefined && { suffix }) }
  }
  const messages = content.kind === "chat" ? content.messages : []
  return {
    ...asking,
    messages: messages.map(({ images, role, text }) => ({
      role,
      content: text,
      ...(images !== undefined && { images: images.map(imageOf) })
    })),
    tools: content.kind === "chat" ? (content.tools ?? []).map(({ name }) => ({ name })) : []
  }
}

/** Only that there is one is looked at. */
const imageOf = (image: Question.Image): string => ("base64" in image ? image.base64 : "image")
