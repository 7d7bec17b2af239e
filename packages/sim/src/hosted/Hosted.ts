/**
 * A hosted provider that is simulated: what it has, whom it lets in, and when its answers come.
 *
 * It is one engine with several faces. A face reads a request and makes the bytes of an answer or of a refusal; who is
 * refused, what goes wrong and when each byte leaves is decided here, so that a fault means the same on every face.
 */
import { Alarm, Units } from "@spillway/core"
import { Effect, Schema } from "effect"
import { type Agenda, perMilli, perSecond } from "../Agenda.ts"
import type { Asked, Headers, Reply } from "../Exchange.ts"
import type { Faults as Switched, Struck } from "../Fault.ts"
import * as Words from "../Words.ts"
import { type Answer, compose, type Question } from "./Answer.ts"
import { type Pieces, Streamed, whole } from "./Delivery.ts"
import * as Faults from "./Faults.ts"
import { Rate, type View } from "./Rate.ts"
import { ofStatus, type Refusal, type Sent } from "./Refusal.ts"
import { atDoor, breakOf } from "./Striking.ts"

/** What may be said of a hosted provider; every default stands here. */
export const Options = Schema.Struct({
  /** The models that it has, by the names that callers give. */
  models: Schema.Array(Schema.String),
  /** The key that it takes; any, or none, where nothing is said. */
  key: Schema.optionalKey(Schema.String),
  /** What the first token takes, and how many come in a second after it. */
  firstToken: Units.duration.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("400ms"))),
  decode: Schema.Number.check(Schema.isGreaterThan(0)).pipe(Schema.withDecodingDefaultKey(Effect.succeed(80))),
  /** How many requests it answers at once; one more is refused. */
  running: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(64))),
  /** How many requests, and tokens of prompts and answers, it takes in a minute. */
  requests: Schema.optionalKey(Units.count.schema),
  tokens: Schema.optionalKey(Units.count.schema),
  seed: Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1))),
  /** How many tokens an answer has when nobody says: half as many to half as many more. */
  answer: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(60)))
})

/** A provider's options, read. */
export type Options = Schema.Schema.Type<typeof Options>

/** A request that has come. */
export interface Arrival {
  /** Names the request: what is drawn for it is drawn from this. */
  readonly key: number
  /** Monotonic, in nanoseconds. */
  readonly at: number
  readonly asked: Asked
  readonly reply: Reply
}

/** What a request wants. */
export interface Wish {
  readonly shape: Faults.Shape
  /** Absent where models are listed. */
  readonly model?: string
  /** What it counts for against the limit of tokens. */
  readonly tokens: number
  readonly answer?: Answer
}

/** A request that was let in. */
export interface Visit {
  readonly arrival: Arrival
  readonly struck: Struck | undefined
  /** What is answered, which a fault may have left nothing of. */
  readonly answer: Answer | undefined
  /** Gives its place back; again and again is once. */
  readonly leave: () => void
}

/** What a caller is told of the limits, where there are any. */
export interface Limits {
  readonly requests: View | undefined
  readonly tokens: View | undefined
}

const nothing = { pieces: [], finish: "stop", stopped: undefined, tool: undefined } as const

/** A provider without a face. */
export class Hosted {
  readonly options: Options
  private readonly agenda: Agenda
  private readonly faults: Switched
  private readonly requests: Rate | undefined
  private readonly tokens: Rate | undefined
  private arrivals = 0
  private running = 0

  constructor(agenda: Agenda, faults: Switched, options: Options) {
    this.agenda = agenda
    this.faults = faults
    this.options = options
    this.requests = options.requests === undefined ? undefined : new Rate(options.requests, agenda.now)
    this.tokens = options.tokens === undefined ? undefined : new Rate(options.tokens, agenda.now)
  }

  /** Wall clock, in milliseconds since 1970. */
  get wall(): number {
    return Number(this.agenda.wall / BigInt(perMilli))
  }

  get limits(): Limits {
    const { now } = this.agenda
    return { requests: this.requests?.view(now), tokens: this.tokens?.view(now) }
  }

  /** How many requests it is answering. */
  get busy(): number {
    return this.running
  }

  arrive(asked: Asked, reply: Reply): Arrival {
    const key = Words.keyOf(this.options.seed, `${this.arrivals++}`)
    return { key, at: this.agenda.now, asked, reply }
  }

  /** Milliseconds since a request came. */
  millisSince({ at }: Arrival): number {
    return Math.round((this.agenda.now - at) / perMilli)
  }

  /** Why a key is not taken. */
  keyRefusal(key: string | undefined): Refusal | undefined {
    if (this.options.key === undefined || key === this.options.key) return undefined
    return { reason: key === undefined || key === "" ? "no-key" : "unauthorized" }
  }

  compose(question: Question): Answer {
    return compose(question, this.options.seed, this.options.answer)
  }

  /** The door: in, or why not; nothing where the caller already has all that he gets. */
  enter(arrival: Arrival, { answer, model = "", shape, tokens }: Wish): Visit | Refusal | undefined {
    const { path } = arrival.asked
    const struck = this.faults.strike(Faults.ofDoor, { path, model })
    if (struck !== undefined) {
      arrival.reply.met?.(struck.name)
      const refused = atDoor(struck, model)
      if (refused === "silence") {
        arrival.reply.cut("silence")
        return undefined
      }
      if (refused !== undefined && "body" in refused) {
        // A page with a good status is no answer.
        if (refused.status < 400) arrival.reply.spoilt?.()
        arrival.reply.whole(refused.status, refused.headers, refused.body)
        return undefined
      }
      if (refused !== undefined) return refused
    }
    if (shape === "list") return { arrival, struck, answer: undefined, leave: () => {} }
    if (!this.options.models.includes(model)) return { reason: "unknown-model", model }
    const { status } = answer?.script ?? {}
    if (status !== undefined) return ofStatus(status, model)
    const limited = this.limited(model, tokens)
    if (limited !== undefined) return limited
    // Only now is there an answer to break: who was refused leaves the fault to the next one.
    const breaking = this.faults.strike(Faults.ofAnswer[shape], { path, model })
    if (breaking !== undefined) arrival.reply.met?.(breaking.name)
    return this.admit(arrival, breaking, answer)
  }

  /** Answers bit by bit. */
  stream({ answer, arrival, leave, struck }: Visit, text: Pieces): void {
    const breaks = breakOf(answer?.script ?? {}, struck, text.count)
    const settings = { text, pace: this.pace(answer, struck), breaks }
    new Streamed(this.agenda, arrival.reply, settings, leave).start()
  }

  /** Answers in one piece, when the last token of it is there. */
  whole(
    { answer, arrival, leave, struck }: Visit,
    text: { readonly headers: () => Headers; readonly body: string },
    error: Sent
  ): void {
    const { each, first } = this.pace(answer, struck)
    const span = Math.round(first + Math.max((answer?.pieces.length ?? 0) - 1, 0) * each)
    const breaks = breakOf(answer?.script ?? {}, struck, 0)
    whole(this.agenda, arrival.reply, { text, span, breaks, error }, leave)
  }

  private pace(answer: Answer | undefined, struck: Struck | undefined) {
    const { promptMillis, tokenMillis } = answer?.script ?? {}
    const read = answer?.promptTokens ?? 0
    const first = promptMillis === undefined ? Alarm.nanos(this.options.firstToken) : read * promptMillis * perMilli
    const each = tokenMillis === undefined ? perSecond / this.options.decode : tokenMillis * perMilli
    if (struck?.name !== ("slow" satisfies Faults.Name)) return { first, each }
    const slow = struck.span ?? perSecond
    return { first: Math.max(first, slow), each: Math.max(each, slow) }
  }

  private limited(model: string, tokens: number): Refusal | undefined {
    const { now } = this.agenda
    const { limits, options } = this
    if (this.running >= options.running) {
      const limit = { of: "running", limit: options.running, used: this.running, requested: 1 } as const
      return { reason: "rate-limited", model, limit, retryAfter: perSecond }
    }
    const ofRequests = this.requests?.wait(now, 1) ?? 0
    const ofTokens = this.tokens?.wait(now, tokens) ?? 0
    const retryAfter = Math.max(ofRequests, ofTokens)
    if (retryAfter > 0) {
      const of = ofRequests > 0 ? ("requests" as const) : ("tokens" as const)
      const { limit = 0, remaining = 0 } = limits[of] ?? {}
      const met = { of, limit, used: limit - remaining, requested: of === "requests" ? 1 : tokens }
      return { reason: "rate-limited", model, limit: met, retryAfter }
    }
    this.requests?.take(now, 1)
    this.tokens?.take(now, tokens)
    return undefined
  }

  private admit(arrival: Arrival, struck: Struck | undefined, composed: Answer | undefined): Visit {
    this.running++
    let isIn = true
    const leave = () => {
      if (isIn) this.running--
      isIn = false
    }
    const isEmpty = struck?.name === ("empty-answer" satisfies Faults.Name)
    const answer = composed && (isEmpty ? { ...composed, ...nothing } : composed)
    return { arrival, struck, answer, leave }
  }
}
