/**
 * One target, and what is known of it: whether it may be asked, how doubtful that is, how many run there, how fast it is.
 *
 * It is the same for every route that goes there, and lives for as long as somebody may ask it.
 */
import type { Places } from "../domain/Places.ts"
import { Rates } from "../domain/Rates.ts"
import type { Target } from "../domain/Target.ts"
import type { Health } from "./Health.ts"
import type { Host } from "./Host.ts"

/** One target, and what is known of it. */
export class Member {
  readonly target: Target
  readonly places: Places
  readonly health: Health
  readonly host: Host
  readonly rates = new Rates()
  isDraining = false
  /** Until when it asked not to be asked. */
  heldUntil = -Infinity
  private readonly circuit: Circuits
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
  arrived(now: number): void {
    if (this.awaitedUntil === -Infinity) return
    this.awaitedUntil = -Infinity
    this.places.wake(now)
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

  /** Whether its model is loaded, as far as anybody knows. */
  get isLoaded(): boolean | undefined {
    return this.health.isLoaded(this.target.model)
  }

  /** How bad it is to ask it, beside others. */
  get doubt(): number {
    return (this.health.seen.isDown ? 2 : 0) + (this.health.has(this.target.model) ? 0 : 1)
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
