/**
 * One target, and what is known of it: whether it may be asked and how doubtful that is, what it can, how fast it is.
 *
 * It is the same for every route that goes there, and lives for as long as somebody may ask it.
 */
import { type Fiber, Redacted } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import type { Attempt } from "../domain/Attempt.ts"
import * as Fit from "../domain/Fit.ts"
import type { Places } from "../domain/Places.ts"
import type { Kept, Question } from "../domain/Question.ts"
import { Rates } from "../domain/Rates.ts"
import * as Ratio from "../domain/Ratio.ts"
import { refusal, type SpillwayError } from "../domain/SpillwayError.ts"
import type { Target } from "../domain/Target.ts"
import type { Health } from "./Health.ts"
import { counts } from "./Hour.ts"
import type { Host } from "./Host.ts"

/** One target, and what is known of it. */
export class Member {
  readonly target: Target
  readonly places: Places
  readonly health: Health
  readonly host: Host
  readonly rates = new Rates()
  /** Whether its model is to be loaded before anybody asks, and how it is kept where no route says so. */
  isPreloaded = false
  keptElse: Kept | undefined = undefined
  isDraining = false
  /** Until when it asked not to be asked. */
  heldUntil = -Infinity
  private readonly circuit: Circuits
  private readonly ratio = new Ratio.Ratio()
  private readonly worked = counts()
  /** The conversations that it has read last, as many as it runs at once, and how many tokens of each. */
  private readonly conversations = new Map<string, number>()
  private latest: string | undefined
  /** Until when somebody is on his way who was sent there while its circuit lets in few. */
  private awaitedUntil = -Infinity

  constructor(target: Target, places: Places, health: Health, host: Host, circuit: Circuits) {
    this.target = target
    this.places = places
    this.health = health
    this.host = host
    this.circuit = circuit
  }

  /** In how many nanoseconds it may be asked. */
  waitFor(now: number): number {
    if (this.isDraining) return Infinity
    const wait = Math.max(this.heldUntil - now, this.circuit.waitFor(this.target.id, now))
    if (wait > 0) return wait
    return this.host.makesWait(this, now) ? soon : this.awaitedUntil - now
  }

  /** Somebody is sent there: where few may come in, nobody else is until he has come. */
  send(now: number): void {
    if (this.circuit.isSpared(this.target.id)) this.awaitedUntil = now + onTheWay
  }

  /** He has come. */
  arrived(fiber: Fiber.Fiber<unknown, unknown>): void {
    if (this.awaitedUntil === -Infinity) return
    this.awaitedUntil = -Infinity
    this.places.wake(Alarm.now(fiber))
  }

  /** It asked not to be asked for so long. */
  hold(span: number, now: number): void {
    this.heldUntil = Math.max(this.heldUntil, now + Math.min(span, heldMax))
  }

  /** Why it is not asked at all, if so; where its circuit lets in few, there is only less room. */
  closedBy(now: number): Closed | undefined {
    if (this.isDraining) return "draining"
    if (this.circuit.isShut(this.target.id, now)) return "open"
    if (this.heldUntil > now) return "held"
    return this.host.makesWait(this, now) ? "waiting" : undefined
  }

  /** How its model is kept, where somebody says so. */
  get kept(): Kept | undefined {
    return this.host.keptAs(this.target.model) ?? this.keptElse
  }

  /** Whether its model is loaded, as far as anybody knows. */
  get isLoaded(): boolean | undefined {
    return this.health.isLoaded(this.target.model)
  }

  /** How many tokens it reads at the most, as far as anybody knows. */
  get context(): number {
    const most = this.health.shown(this.target.model)?.contextMax ?? Infinity
    return Math.min(this.kept?.context ?? Infinity, most)
  }

  /** Whether a question can be put to it, as far as anybody knows. */
  can(question: Question): boolean {
    if (this.kept === undefined && !this.health.hasShown) return true
    return this.tooMany(question) === 0 && this.missing(question) === undefined
  }

  /** Why it cannot, where it cannot. */
  lacks(question: Question): SpillwayError {
    const { id } = this.target
    const tokens = this.tooMany(question)
    if (tokens > 0) return refusal({ _tag: "ContextTooLong", tokens, context: this.context, target: id })
    return refusal({ _tag: "Unsupported", capability: this.missing(question) ?? "this", target: id })
  }

  private tooMany(question: Question): number {
    const { context } = this
    return context === Infinity ? 0 : Fit.tooMany(question, this.ratio, context)
  }

  /** What a model has not that a question wants; who names nothing that it can has said nothing. */
  private missing(question: Question): string | undefined {
    const can = this.health.shown(this.target.model)?.capabilities ?? []
    const { images, kind, settings, tools } = question
    if (can.length === 0 || kind === "embed") return undefined
    if (!can.includes("completion")) return "a question for words"
    if (images > 0 && !can.includes("vision")) return "images"
    if (settings.think !== undefined && settings.think !== false && !can.includes("thinking")) return "thinking"
    return tools > 0 && !can.includes("tools") && mayCall(question) ? "tools" : undefined
  }

  /** How many tokens of a conversation it need not read again, as far as anybody knows. */
  hasRead(conversation: string | undefined): number {
    if (conversation === undefined || this.conversations.size === 0) return 0
    const tokens = this.conversations.get(conversation) ?? 0
    return tokens > 0 && this.isLoaded === false ? 0 : tokens
  }

  /** It has read and written so many tokens of a conversation, in the place of another one. */
  reads(conversation: string, tokens: number): void {
    const { conversations, places } = this
    if (conversation !== this.latest) conversations.delete(conversation)
    this.latest = conversation
    conversations.set(conversation, tokens)
    for (const [oldest] of conversations) {
      if (conversations.size <= Math.max(places.bound, 1)) return
      conversations.delete(oldest)
    }
  }

  /** It has worked for somebody for so long. */
  works(span: number, now: number): void {
    this.worked.add(now, span, 0)
  }

  /** For how many nanoseconds it has worked within the last hour, for one and another. */
  usedFor(now: number): number {
    this.worked.advance(now)
    return this.worked.all
  }

  /** Learns how many tokens its model counts. */
  counted(question: Question, { usage }: Attempt, now: number): void {
    const { likely } = question.prompt
    if (usage === undefined || !Ratio.teaches(question) || usage.input < likely * Ratio.lowest) return
    this.ratio.learn(usage.input, likely, now)
  }

  /** How bad it is to ask it, or to ask it that, beside others. */
  doubt(question?: Question): number {
    const { health, target } = this
    const doubt = (health.isDown ? 4 : 0) + (health.has(target.model) ? 0 : 2)
    if (question?.kind !== "embed") return doubt
    // Not every model that names no vectors has none: Ollama 0.11 makes them with any, 0.34 answers 501 where it does
    // not. So one that names them is asked first, and no other is refused.
    const can = health.shown(target.model)?.capabilities ?? []
    return can.length === 0 || can.includes("embedding") ? doubt : doubt + 1
  }
}

/** What a pool wants to know of circuits. */
export interface Circuits {
  readonly waitFor: (key: string, now: number) => number
  readonly isShut: (key: string, now: number) => boolean
  readonly isSpared: (key: string) => boolean
}

/**
 * Why a target is not asked: its circuit is open, it asked for peace, it is being drained, or another model on its
 * server has its turn.
 */
export type Closed = "open" | "held" | "draining" | "waiting"

/** In so long somebody may look again. */
const soon = 100_000_000

/** Who is interrupted on his way is not waited for any longer. */
const onTheWay = 100_000_000

/** Whatever a server asks for: after an hour it is asked again. */
const heldMax = 3_600_000_000_000

/** Whether a tool may be called: who must not call one is told of none. */
const mayCall = ({ content }: Question): boolean => {
  const asked = Redacted.value(content)
  return asked.kind !== "chat" || asked.toolChoice !== "none"
}
