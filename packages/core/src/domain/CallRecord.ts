/**
 * What is put on record of one call: when, who, where to, how long, how much, and what became of it.
 *
 * There is no place in it for anything that anybody wrote: no prompt, no answer, and of an error nothing but its code,
 * since messages and causes quote both. As a line it has the same keys for every call, with `null` for what is not
 * known, so that a refusal stands beside an answer and cannot be taken for one.
 */
import { Cause, DateTime, type Exit } from "effect"
import * as Alarm from "./Alarm.ts"
import type { Attempt } from "./Attempt.ts"
import type { Facts } from "./Facts.ts"
import { type Failure, table } from "./Failure.ts"
import * as Price from "./Price.ts"
import type { PriceList } from "./PriceList.ts"
import * as Usage from "./Usage.ts"
import * as Verdict from "./Verdict.ts"

/** One go of a call: where it went, and `ok`, the code of its failure, `lost` (its time ran out) or `left`. */
export interface AttemptRecord {
  readonly target: string | undefined
  readonly outcome: string
  /** Of one that was to finish an answer that broke off: whether it went on from there, or had to say it again. */
  readonly rescue?: "continue" | "repeat"
}

/** One call. What is not known is undefined. */
export interface CallRecord {
  /** When it began, in milliseconds of the wall clock. */
  readonly ts: number
  readonly caller: string
  readonly route: string | undefined
  readonly model: string | undefined
  /** Who answered, or was asked last; nobody where it was refused. */
  readonly target: string | undefined
  readonly attempts: ReadonlyArray<AttemptRecord>
  /** How long it waited in lines of ours. */
  readonly queueMs: number
  /** From its beginning to the first part that its caller heard. */
  readonly ttftMs: number | undefined
  readonly latencyMs: number
  /** What servers counted, all attempts together. */
  readonly inputTokens: number | undefined
  readonly outputTokens: number | undefined
  /** What that costs in dollars, where every part of it has a price. */
  readonly costUsd: number | undefined
  /** 200, or the HTTP status of its failure. */
  readonly status: number
  /** The code of its failure. */
  readonly error: string | undefined
}

/** What is known of a call that has ended. Moments are nanoseconds on the monotonic clock. */
export interface Ended {
  readonly facts: Facts
  readonly attempts: ReadonlyArray<Attempt>
  readonly exit: Exit.Exit<unknown, unknown>
  readonly route: string | undefined
  readonly ts: number
  readonly startedAt: number
  readonly endedAt: number
  /** How long it waited in lines, in nanoseconds. */
  readonly waited: number
  readonly prices: PriceList | undefined
}

/** The record of a call that has ended; foreign failures are what `classify` says. */
export const of = (call: Ended, classify: Verdict.Classify | undefined): CallRecord => {
  const { attempts, exit, facts, startedAt } = call
  const { caller, delivery, question } = facts.call
  const failure = failureOf(exit, classify) ?? (delivery.broken === undefined ? undefined : table.Unknown)
  const isPlain = question === undefined
  // Whoever left a line, or was too late in it, was never sent.
  const isRefused = Verdict.wasRefused(exit) || (exit._tag === "Failure" && facts.call.waits.isInVain)
  const used = usedBy(attempts)
  return {
    ts: call.ts,
    caller,
    route: call.route,
    model: question?.model,
    target: isPlain ? (isRefused ? undefined : facts.target) : answering(attempts)?.target,
    attempts: isPlain
      ? plainAttempts(call, isRefused, failure)
      : attempts.map((attempt) => recordOf(attempt, classify)),
    queueMs: millis(call.waited),
    ttftMs: delivery.firstAt === undefined ? undefined : millis(delivery.firstAt - startedAt),
    latencyMs: millis(call.endedAt - startedAt),
    inputTokens: used?.input,
    outputTokens: used?.output,
    costUsd: costOf(attempts, question?.model, call.prices),
    status: failure?.status ?? 200,
    error: failure?.code
  }
}

/** The attempt that answered, or the last one that did not. */
export const answering = (attempts: ReadonlyArray<Attempt>): Attempt | undefined =>
  attempts.findLast(succeeded) ?? attempts.at(-1)

/** The record as one line of JSON, without its end of line: the same keys in the same order, `null` where unknown. */
export const toLine = (record: CallRecord): string =>
  JSON.stringify({
    ts: DateTime.formatIso(DateTime.makeUnsafe(record.ts)),
    caller: record.caller,
    route: record.route ?? null,
    model: record.model ?? null,
    target: record.target ?? null,
    attempts: record.attempts.map(({ outcome, rescue, target = null }) => ({
      target,
      outcome,
      ...(rescue && { rescue })
    })),
    queue_ms: record.queueMs,
    ttft_ms: record.ttftMs ?? null,
    latency_ms: record.latencyMs,
    input_tokens: record.inputTokens ?? null,
    output_tokens: record.outputTokens ?? null,
    cost_usd: record.costUsd ?? null,
    status: record.status,
    error: record.error ?? null
  })

/** Its row of the failure table, where it is none. What is no typed failure is a defect, or else somebody left. */
const failureOf = (exit: Exit.Exit<unknown, unknown>, classify: Verdict.Classify | undefined): Failure | undefined => {
  if (exit._tag === "Success") return undefined
  const failed = Verdict.failureOf(exit.cause)
  if (failed !== undefined) return Verdict.of(failed.error, classify).failure
  return Cause.hasInterruptsOnly(exit.cause) ? table.Cancelled : table.Unknown
}

/** Whether it answered; what somebody let go of has not, however well it ended. */
const succeeded = ({ exit, left }: Attempt): boolean => exit?._tag === "Success" && !left

const recordOf = (attempt: Attempt, classify: Verdict.Classify | undefined): AttemptRecord => {
  const { begun, goesOnFrom, target } = attempt
  const outcome = outcomeOf(attempt, classify)
  return begun === undefined
    ? { target, outcome }
    : { target, outcome, rescue: goesOnFrom === undefined ? "repeat" : "continue" }
}

/** What servers have counted, where any has. */
const usedBy = (attempts: ReadonlyArray<Attempt>): Usage.Usage | undefined => {
  let used: Usage.Usage | undefined
  for (const { usage } of attempts) {
    if (usage !== undefined && Usage.isCounted(usage)) used = used === undefined ? usage : Usage.add(used, usage)
  }
  return used
}

const outcomeOf = ({ exit, left, lost }: Attempt, classify: Verdict.Classify | undefined): string =>
  lost ? "lost" : left || exit === undefined ? "left" : (failureOf(exit, classify)?.code ?? "ok")

/** Of a plain Effect is known which goes were sent and lost, and what the last one came to. */
const plainAttempts = (
  { attempts, facts: { target } }: Ended,
  isRefused: boolean,
  failure: Failure | undefined
): ReadonlyArray<AttemptRecord> => {
  const before = attempts.filter(({ lost }) => lost).map(() => ({ target, outcome: "lost" }))
  if (isRefused) return before
  return [...before, { target, outcome: failure === table.Cancelled ? "left" : (failure?.code ?? "ok") }]
}

/** What some attempts cost in dollars, where every part of it has a price. */
export const costOf = (
  attempts: ReadonlyArray<Attempt>,
  model: string | undefined,
  prices: PriceList | undefined
): number | undefined => {
  if (prices === undefined) return undefined
  let microDollars: number | undefined
  for (const { target, usage } of attempts) {
    if (usage === undefined || !Usage.isCounted(usage)) continue
    const price = prices.of(target, model)
    if (price === undefined) return undefined
    microDollars = (microDollars ?? 0) + Math.ceil(Price.cost(price, usage))
  }
  return microDollars === undefined ? undefined : microDollars / 1_000_000
}

/** Milliseconds, to the microsecond. */
const millis = (nanos: number): number => Math.round((nanos * 1_000) / Alarm.perMilli) / 1_000
