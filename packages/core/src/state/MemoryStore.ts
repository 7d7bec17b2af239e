/**
 * Counters in this process: exact, synchronous, and forgotten when they say nothing any more.
 *
 * A key is a line on the time axis. `ahead` is how far what has started reaches beyond now (the virtual scheduling of
 * GCRA: a token bucket without a refill to compute), and those who wait stand behind it in order. Nobody starts before
 * his place has come by the clock of that moment, not by the one he was promised: so late timers cannot start together,
 * and the bound holds for every window. An idle key is the same as an absent one, which is why forgetting it loses
 * nothing. What is spent adds up instead of running out with time, and is counted in Sums.ts.
 */
import { Effect, Layer, Schema } from "effect"
import { decode, type OptionsRefused, type Widened } from "../domain/Options.ts"
import { started, StoreService, type Decision, type Store, type Ticket } from "../domain/Store.ts"
import * as Units from "../domain/Units.ts"
import { Room } from "./Room.ts"
import { Sums } from "./Sums.ts"

/** What a memory may be told; every default stands here. */
export const Options = Schema.Struct({
  /**
   * How many keys it holds at most, of limits and of budgets. When all of them are in use, a new one is refused:
   * dropping one would break its limit.
   */
  keysMax: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1_000_000)))
})

/** The options as TypeScript takes them. */
export type Options = Widened<typeof Options.Encoded>

/** Nobody who is not the head of his line asks again sooner than this, in case the head is late. */
const askAgain = 1_000_000

interface Line {
  /** Per charge: the moment up to which what has started is earned back. */
  readonly ahead: Array<number>
  /** Per charge: what those in line will take. */
  readonly queued: Array<number>
  /** Per charge: all that was ever refunded, which tells how far places have moved since a ticket got its own. */
  readonly refunded: Array<number>
  waiting: Set<Ticket>
}

/** Who waits in a line that nobody has waited in yet: one set for all, since most lines never need their own. */
const nobody = new Set<Ticket>()

/** What a started ticket remembers: its line, and where its places end there, in a count that refunds do not move. */
class Receipt {
  readonly line: Line
  readonly ends: ReadonlyArray<number>

  constructor(line: Line, ends: ReadonlyArray<number>) {
    this.line = line
    this.ends = ends
  }
}

/** The receipt of a ticket that was given back: a take that comes after it takes nothing. */
const givenBack = new Receipt({ ahead: [], queued: [], refunded: [], waiting: nobody }, [])

/** The store in memory, with a look at how much it holds. */
export class MemoryStore implements Store {
  /** By policy, then by key: two look-ups of a known string cost less than one of a string put together for it. */
  private readonly lines = new Map<string, Map<string, Line>>()
  private readonly room: Room
  private readonly sums: Sums
  readonly reserve: Sums["reserve"]
  readonly charge: Sums["charge"]
  readonly balance: Sums["balance"]

  constructor(keysMax: number) {
    this.room = new Room(keysMax, (now) => {
      this.forget(now)
      this.sums.forget(now)
    })
    this.sums = new Sums(this.room)
    this.reserve = this.sums.reserve
    this.charge = this.sums.charge
    this.balance = this.sums.balance
  }

  /** How many keys are held, of lines and of accounts. */
  get size(): number {
    return this.room.held
  }

  readonly take = (ticket: Ticket, maxWait: number, now: number): Decision => {
    if (ticket.receipt === givenBack) return { _tag: "Refused", retryAfter: 0 }
    const line = this.lineOf(ticket, now)
    if (line === undefined)
      return { _tag: "Refused", retryAfter: Math.max(this.room.seekAt - now, askAgain), full: true }
    const isEmpty = line.waiting.size === 0
    const isWaiting = !isEmpty && line.waiting.has(ticket)
    const isNext = isEmpty || (isWaiting && first(line.waiting) === ticket)
    const wait = Math.max(waitOf(line, ticket, isWaiting, now), isNext ? 0 : askAgain)
    if (wait === 0) return this.start(line, ticket, now)
    if (wait > maxWait) {
      this.leave(line, ticket)
      return { _tag: "Refused", retryAfter: wait }
    }
    if (!isWaiting) {
      if (line.waiting === nobody) line.waiting = new Set()
      line.waiting.add(ticket)
      shift(line.queued, ticket, 1)
    }
    return { _tag: "Waits", wait }
  }

  readonly settle = (ticket: Ticket, costs: ReadonlyArray<number>, now: number): void => {
    const receipt = ticket.receipt as Receipt | undefined
    if (receipt === undefined || receipt === givenBack) return
    ticket.receipt = undefined
    const isDearer = costs.some((cost, index) => cost > ticket.charges[index]!.cost)
    const line = this.find(ticket) ?? (isDearer ? this.open(ticket) : undefined)
    if (line === undefined) return
    for (let index = 0; index < costs.length; index++) {
      const more = costs[index]! - ticket.charges[index]!.cost
      const ahead = Math.max(line.ahead[index]!, now)
      // Only what is not yet earned back can be refunded: the rest has been there for others to take since.
      const unearned = line === receipt.line ? receipt.ends[index]! - line.refunded[index]! - now : 0
      const refund = Math.min(Math.max(-more, 0), Math.max(unearned, 0))
      line.ahead[index] = ahead + Math.max(more, 0) - refund
      line.refunded[index]! += refund
    }
    first(line.waiting)?.onTurn()
  }

  readonly giveBack = (ticket: Ticket, now: number): void => {
    const line = this.find(ticket)
    if (line !== undefined) this.leave(line, ticket)
    this.settle(ticket, ticket.charges.map(nothing), now)
    ticket.receipt = givenBack
  }

  private start(line: Line, ticket: Ticket, now: number): Decision {
    this.leave(line, ticket)
    const { charges } = ticket
    const ends = new Array<number>(charges.length)
    for (let index = 0; index < ends.length; index++) {
      const end = Math.max(line.ahead[index]!, now) + charges[index]!.cost
      line.ahead[index] = end
      this.room.idle(end)
      ends[index] = end + line.refunded[index]!
    }
    ticket.receipt = new Receipt(line, ends)
    return started
  }

  /** Takes a ticket out of its line. Who comes to the head by that is told: his time may be now. */
  private leave(line: Line, ticket: Ticket): void {
    if (line.waiting.size === 0) return
    const head = first(line.waiting)
    if (!line.waiting.delete(ticket)) return
    shift(line.queued, ticket, -1)
    if (head === ticket) first(line.waiting)?.onTurn()
  }

  private lineOf(ticket: Ticket, now: number): Line | undefined {
    this.room.ask(now)
    const known = this.find(ticket)
    if (known !== undefined) return known
    if (!this.room.has(1)) this.room.seek(now)
    return this.room.has(1) ? this.open(ticket) : undefined
  }

  private find(ticket: Ticket): Line | undefined {
    const line = this.lines.get(ticket.of)?.get(ticket.key)
    // Another number of charges is another limit, made under the same name.
    return line?.ahead.length === ticket.charges.length ? line : undefined
  }

  private open(ticket: Ticket): Line {
    const line: Line = {
      ahead: ticket.charges.map(nothing),
      queued: ticket.charges.map(nothing),
      refunded: ticket.charges.map(nothing),
      waiting: nobody
    }
    const lines = this.lines.get(ticket.of) ?? new Map<string, Line>()
    this.lines.set(ticket.of, lines)
    if (!lines.has(ticket.key)) this.room.held++
    lines.set(ticket.key, line)
    return line
  }

  private forget(now: number): void {
    for (const [of, lines] of this.lines) {
      for (const [key, line] of lines) {
        const idleAt = line.waiting.size > 0 ? now + askAgain : Math.max(...line.ahead)
        if (idleAt > now) this.room.idle(idleAt)
        else if (lines.delete(key)) this.room.held--
      }
      if (lines.size === 0) this.lines.delete(of)
    }
  }
}

/** A memory of its own. */
export const make = (options: Options = {}): Effect.Effect<MemoryStore, OptionsRefused> =>
  Effect.map(decode("MemoryStore", Options)(options), ({ keysMax }) => new MemoryStore(keysMax))

/** One memory that all policies of a program share, each under its own name. */
export const layer = (options?: Options): Layer.Layer<StoreService, OptionsRefused> =>
  Layer.effect(StoreService, make(options))

const nothing = () => 0

const first = (waiting: Set<Ticket>): Ticket | undefined => waiting.values().next().value

const shift = (queued: Array<number>, ticket: Ticket, sign: 1 | -1): void =>
  ticket.charges.forEach((charge, index) => {
    queued[index]! += sign * charge.cost
  })

/** How long until every charge of a ticket has its place, counted behind those who wait before it. */
const waitOf = (line: Line, ticket: Ticket, isWaiting: boolean, now: number): number => {
  let wait = 0
  for (let index = 0; index < ticket.charges.length; index++) {
    const { burst, cost } = ticket.charges[index]!
    const before = isWaiting ? queuedBefore(line, ticket, index) : line.queued[index]!
    wait = Math.max(wait, Math.max(line.ahead[index]!, now) + before + cost - burst - now)
  }
  return wait
}

const queuedBefore = (line: Line, ticket: Ticket, index: number): number => {
  let before = 0
  for (const other of line.waiting) {
    if (other === ticket) break
    before += other.charges[index]!.cost
  }
  return before
}
