/**
 * What a caller is told of his call beside its answer: who gave it, and what that has taken; and while it is under way,
 * how far it has come.
 *
 * Both are read off the facts of the call when somebody asks, so that a call costs nothing more for it.
 */
import { Duration } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import type { Stretch } from "../domain/Attempt.ts"
import { answering, costOf } from "../domain/CallRecord.ts"
import type { Facts } from "../domain/Facts.ts"
import type { PriceList } from "../domain/PriceList.ts"
import type { Routed } from "./Route.ts"

/** Who answered, or was asked last, and what it has taken so far. */
export interface Receipt {
  /** The target, as `upstream/model`; nobody where it was refused. */
  readonly target: string | undefined
  /** How many were asked, one after the other or at once. */
  readonly attempts: number
  /** How long it waited in lines of ours, in milliseconds. */
  readonly queueMs: number
  /** In dollars, where every part of it has a price. */
  readonly costUsd: number | undefined
}

/** What a call has taken. */
export const receiptOf = ({ call }: Facts, prices: PriceList): Receipt => ({
  target: answering(call.attempts)?.target,
  attempts: call.attempts.length,
  queueMs: call.waits.nanos / Alarm.perMilli,
  costUsd: costOf(call.attempts, call.question?.model, prices)
})

/** How far a call has come that is under way. */
export interface Progress {
  /**
   * What it waits for: a turn in a line, or the next try (`queue`); the way to the server, its model, the first word;
   * or whether it is being answered.
   */
  readonly stage: Stretch | "answer"
  /** Where it was sent last. */
  readonly target: string | undefined
  readonly attempts: number
  /** How many parts have reached its caller. */
  readonly parts: number
  /** Where it stands in its line, from 1 on, and in how long it has its turn, as far as anybody knows. */
  readonly position: number | undefined
  readonly startsIn: Duration.Duration | undefined
  /** Whether it was sent to where its route only goes over to. */
  readonly isOver: boolean
}

/** How far a call has come on its route. */
export const progressOf = (facts: Facts, route: Routed | undefined, now: number): Progress => {
  const { attempts, delivery, waits } = facts.call
  const last = attempts.at(-1)
  const place = route?.tiers.map(({ queue }) => queue.place(waits, now)).find((found) => found !== undefined)
  const isAsked = place === undefined && last !== undefined && last.endedAt === undefined
  const own = route?.tiers[0]?.pool.members ?? []
  return {
    stage: !isAsked ? "queue" : last.parts > 0 ? "answer" : last.stretch,
    target: last?.target,
    attempts: attempts.length,
    parts: delivery.parts,
    position: place?.position,
    startsIn: place?.expected,
    isOver: last !== undefined && route !== undefined && !own.some(({ target }) => target.id === last.target)
  }
}
