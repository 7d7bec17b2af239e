/**
 * One answer of words, from the model that is there to its last frame.
 *
 * What a runner refuses it refuses when it has a slot to begin in: until then a prompt that is too long waits in line
 * like any other.
 */
import type { Agenda } from "../Agenda.ts"
import type { Caller } from "../Exchange.ts"
import * as Quote from "../go/Quote.ts"
import * as Script from "../Script.ts"
import * as Answer from "./Answer.ts"
import * as Checks from "./Checks.ts"
import { scripted } from "./Faults.ts"
import type { Failure, Metrics, Writer } from "./Frame.ts"
import type { Model } from "./Model.ts"
import * as Name from "./Name.ts"
import * as Prompt from "./Prompt.ts"
import type { Chat, Generate, Message } from "./Request.ts"
import type { End, Finished, Job, Listener } from "./Runner.ts"
import type { Resident } from "./Scheduler.ts"
import type { Settings } from "./Settings.ts"
import { Telling } from "./Telling.ts"
import type { Ways } from "./Version.ts"

/** What a request for words comes to, whichever endpoint it came from. */
export interface Asked {
  readonly request: Chat | Generate
  readonly model: Model
  readonly settings: Settings
  /** The turns of it; the prompt as it is where there are none to drop. */
  readonly messages: ReadonlyArray<Message> | string
  /** By the model's own template, without cuts and without an end to repeats. */
  readonly isNative: boolean
  readonly tools: ReadonlyArray<string>
}

/** Where it is answered, and for whom. Moments are monotonic nanoseconds. */
export interface Around {
  readonly agenda: Agenda
  readonly begun: number
  readonly loaded: number
  readonly resident: Resident
  readonly caller: Caller
  readonly writer: Writer
  readonly seed: number
  readonly toolId: () => string
  readonly ways: Ways
  /** The model is not used any more. */
  readonly release: () => void
  /** There was not enough memory. */
  readonly ranOut: () => void
}

/** One answer under way. */
export class Turn implements Listener {
  private readonly asked: Asked
  private readonly around: Around
  private readonly telling: Telling
  private readonly script: Script.Script
  private readonly refused: Failure | undefined
  /** The prompt before its tokens were cut, and after. */
  private readonly whole: string
  private readonly read: ReturnType<typeof Prompt.cut>
  private readonly isShown: boolean
  private hasBegun = false
  private job: Job | undefined

  constructor(asked: Asked, around: Around) {
    this.asked = asked
    this.around = around
    const { isNative, request, settings } = asked
    const { context, shift } = around.resident.launch
    const before = "context" in request ? around.resident.vocabulary.textOf(request.context ?? []) : ""
    const { ways } = around
    const isHeard = request.truncate === false && ways.hearsCuts
    this.isShown = request.isShown === true && ways.showsPrompts
    this.whole = before + promptOf(asked, context, isHeard)
    const mayCut = !isHeard && !isNative
    this.read = Prompt.cut(this.whole, { context, keep: settings.keep, mayCut, shift, ways })
    const { prompt } = "status" in this.read ? { prompt: "" } : this.read
    const script = Script.read(prompt)
    this.refused = "status" in this.read ? this.read : refusalOf(asked, this.whole, script)
    // What is refused shows nothing of a runner's fault, and leaves it to the next one.
    if (this.refused === undefined && !this.isShown) around.caller.begins?.()
    this.script = scripted(around.caller.fault, script)
    this.telling = tellingOf(asked, around, this.script)
  }

  begin(): void {
    if (this.isShown) return this.show()
    const { asked, read, script } = this
    const { caller, resident } = this.around
    const { prompt, tokens } = "status" in read ? { prompt: "", tokens: 0 } : read
    this.job = resident.runner.run(
      {
        prompt,
        promptTokens: tokens,
        script,
        token: answerOf(asked, prompt, script, this.around.seed).token,
        limit: limitOf(asked, this.around, tokens),
        refusal: this.refused ?? brokenBy(caller)
      },
      this
    )
    caller.onRoom(() => this.job?.resume())
    caller.onGone(() => {
      if (this.isLost) return this.job?.pause()
      this.job?.cancel()
      // Who has only closed his side can still read this.
      this.around.writer.fail(cancelled(this.hasBegun))
    })
  }

  /** Says what would have been read, and reads nothing. */
  private show(): void {
    const { agenda, release, writer } = this.around
    release()
    writer.only({
      model: this.asked.request.model,
      createdAt: agenda.wall,
      content: "",
      done: false,
      prompt: this.whole
    })
  }

  /** Whether a caller who leaves now takes his slot with him, and the model that it is a slot of. */
  get isLost(): boolean {
    return this.around.caller.fault?.name === "lost-slot" && this.job?.isAnswering === true
  }

  token(text: string): boolean {
    this.hasBegun = true
    const room = this.telling.token(text)
    if (room !== "over") return room
    this.job?.cancel()
    this.around.release()
    this.around.writer.end()
    return true
  }

  ended(end: End): void {
    const { caller, ranOut, release, ways, writer } = this.around
    release()
    if (end._tag === "Ended") return writer.end()
    if (end._tag === "Failed") {
      if (end.reason === "OutOfMemory") ranOut()
      const message = this.asked.isNative ? inChat(end.message) : end.message
      return writer.fail({ ...end, message, isLate: !ways.saysStatus })
    }
    const isMarked = caller.fault?.name !== "done-missing"
    this.telling.finish(end.finished, { metrics: this.metricsOf(end.finished), ...this.contextOf() }, isMarked)
  }

  private metricsOf({ answerSpan, cached, promptSpan, tokens }: Finished): Metrics {
    const { agenda, begun, loaded } = this.around
    return {
      totalDuration: agenda.now - begun,
      loadDuration: loaded - begun,
      promptEvalCount: "status" in this.read ? 0 : this.read.tokens,
      promptEvalCachedCount: cached,
      promptEvalDuration: promptSpan,
      evalCount: tokens,
      evalDuration: answerSpan
    }
  }

  /** All that was read and said, as tokens: what `/api/generate` gives back. */
  private contextOf(): { readonly context?: ReadonlyArray<number> } {
    const { request } = this.asked
    if ("messages" in request || request.raw || "status" in this.read) return {}
    return { context: this.around.resident.vocabulary.numbersOf(this.whole + this.telling.text) }
  }
}

const tellingOf = ({ isNative, model, request, tools }: Asked, around: Around, script: Script.Script): Telling => {
  const thinks = request.think !== false && model.can.includes("thinking")
  const { agenda, toolId, writer } = around
  return new Telling(
    {
      model: model.isCloud ? Name.inCloud(request.model) : request.model,
      createdAt: () => agenda.wall,
      thinking: thinks ? (script.thinking ?? Math.ceil(model.answer / 4)) : 0,
      tools,
      toolId,
      logprobs: request.logprobs === true ? (request.topLogprobs ?? 0) : undefined,
      stopsRepeats: !isNative,
      isKept: !("messages" in request)
    },
    writer
  )
}

/** The prompt, with the oldest turns dropped where they do not fit and nobody wants all of them. */
const promptOf = ({ messages, model }: Asked, context: number, isWhole: boolean): string => {
  if (typeof messages === "string") return messages
  return Prompt.render(model, isWhole ? messages : Prompt.fitted(model, messages, context))
}

const answerOf = (
  { isNative, messages, model, request, settings }: Asked,
  prompt: string,
  script: Script.Script,
  seed: number
): Answer.Answer => {
  const last = typeof messages === "string" ? undefined : messages.at(-1)
  // What has been answered already, where the last turn is the model's own.
  const prefix = last?.role === "assistant" ? last.content : ""
  // It is the answer to what stands before it, without the sign that an answer follows.
  const opening = model.kind === "plain" ? prefix : `<assistant>${prefix}`
  const put = prefix !== "" && prompt.endsWith(opening) ? prompt.slice(0, -opening.length) : prompt
  // Asked for nothing at all, a runner does not stop by itself.
  const isEndless = settings.predict === 0 && !isNative && script.tokens === undefined
  return Answer.to(put, isEndless ? { ...script, tokens: Infinity } : script, {
    seed,
    prefix,
    tokens: model.answer,
    format: request.format,
    stop: settings.stop
  })
}

/** What a fault makes a runner refuse to begin with. */
const brokenBy = ({ fault }: Caller): Failure | undefined => {
  if (fault?.name === "no-slots") {
    return { status: 500, message: "no slots available after 10 retries", reason: "Overloaded" }
  }
  if (fault?.name === "runner-memory") {
    return { status: 500, message: "cudaMalloc failed: out of memory", reason: "OutOfMemory" }
  }
  return undefined
}

/** What a runner refuses to begin with. */
const refusalOf = (
  { model, request: { format, ...request } }: Asked,
  prompt: string,
  { status }: Script.Script
): Failure | undefined => {
  const mistaken = Script.refusal(prompt)
  if (mistaken !== undefined) return Checks.bad(mistaken)
  if (status !== undefined) {
    const message = JSON.stringify({ error: { code: status, message: "scripted", type: "server_error" } })
    return { status, message, reason: reasons[status] ?? "Overloaded" }
  }
  const isKnown = format === undefined || format === "" || format === "json" || typeof format === "object"
  if (!isKnown || format === null || Array.isArray(format)) {
    const quoted = Quote.quote(JSON.stringify(format))
    return Checks.bad(`invalid format: ${quoted}; expected "json" or a valid JSON Schema object`, 500)
  }
  const images = "messages" in request ? request.messages.flatMap((each) => each.images ?? []) : request.images
  return images.length > 0 && !model.can.includes("vision") ? Checks.unsupported(noImages) : undefined
}

/**
 * How long an answer may be: ten contexts where nobody says less. Nothing at all is no bound for a runner that is asked
 * for a completion, which then never ends; without a shift, the window is one.
 */
const limitOf = ({ isNative, settings: { predict } }: Asked, { resident, ways }: Around, prompt: number): number => {
  const { context, shift } = resident.launch
  const most = 10 * context
  const bound = predict < 0 || predict > most ? most : predict === 0 ? (isNative ? 1 : Infinity) : predict
  if (shift || !ways.hearsCuts) return bound
  return Math.min(bound, (ways.hasServer ? Prompt.windowOf(context) : context + 1) - prompt)
}

/** What a runner says that it cannot read is called by where it was said. */
const inChat = (message: string): string => message.replace("llama-server response", "llama-server chat response")

const cancelled = (hasBegun: boolean): Failure => ({
  status: 500,
  message: hasBegun ? "error reading llama-server response: context canceled" : "context canceled",
  reason: "Cancelled"
})

/** What a status that a script asks for is to a program. */
const reasons: Readonly<Record<number, Failure["reason"]>> = {
  400: "BadRequest",
  401: "UpstreamUnauthorized",
  403: "UpstreamUnauthorized",
  404: "ModelNotFound",
  429: "UpstreamRateLimited"
}

const noImages = JSON.stringify({
  error: {
    code: 400,
    message: "Multimodal data provided, but model does not support multimodal requests.",
    type: "invalid_request_error"
  }
})
