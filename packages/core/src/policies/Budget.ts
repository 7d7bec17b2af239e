/**
 * At most so much money, or so many tokens, in every window: in total, for each caller, or both.
 *
 * What a call may come to is reserved before it runs, in all its accounts or in none, and settled when it is known what
 * it came to: so any number of callers together cannot spend more than there is. The bound that was reserved is also
 * sent along, since a model that may write without end cannot be paid for beforehand. What was never sent is freed;
 * what was sent and lost is charged in full and marked as unsettled, because somebody will send a bill.
 */
import { Duration, Effect, type Exit, type Fiber, Schedule, Schema } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import type { Timing } from "../domain/Delays.ts"
import { attemptsWithin, type CallFacts, Facts, plain, attemptsCount, withCall, within } from "../domain/Facts.ts"
import { decode, type OptionsRefused, type Widened } from "../domain/Options.ts"
import * as Price from "../domain/Price.ts"
import { refusal, type SpillwayError } from "../domain/SpillwayError.ts"
import * as Spending from "../domain/Spending.ts"
import * as Store from "../domain/Store.ts"
import { type Every, type Turn, Turns } from "../domain/Turns.ts"
import * as Units from "../domain/Units.ts"
import { wasRefused } from "../domain/Verdict.ts"
import * as Window from "../domain/Window.ts"
import * as Policy from "../Policy.ts"

const perMillionTokens = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

/** Dollars per million tokens, or `free`. */
const Priced = Schema.Union([
  Schema.Literal("free"),
  Schema.Struct({ input: perMillionTokens, output: perMillionTokens })
])

/** The options as a file has them, with every default. */
export const Options = Schema.Struct({
  /** What all calls together may spend: `$100/month`, `2M tok/day`. */
  total: Schema.optionalKey(Units.allowance.schema),
  /** What each caller, or key, may spend. */
  each: Schema.optionalKey(Units.allowance.schema),
  /** Who is one of `each`. */
  per: Schema.Literals(["caller", "key"]).pipe(Schema.withDecodingDefaultKey(Effect.succeed("caller" as const))),
  /** Where days and months begin. */
  zone: Schema.String.check(
    Schema.makeFilter((name) => Window.zone(name) !== undefined, {
      expected: "a time zone, as UTC, Europe/Berlin or +02:00"
    })
  ).pipe(Schema.withDecodingDefaultKey(Effect.succeed("UTC"))),
  /** At which shares of a budget to say so, once each in every window. */
  alert: Schema.Union([Units.percent.schema, Schema.Array(Units.percent.schema)]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("80%"))
  ),
  /** What a model costs, by `upstream/model` or by model; `default` is what no target is known of. */
  prices: Schema.Record(Schema.String, Priced).pipe(Schema.withDecodingDefaultKey(Effect.succeed({}))),
  /** What becomes of a call whose price nobody has said: it is refused, or counted as free or at a price. */
  unpriced: Schema.Union([Schema.Literal("refuse"), Priced]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("refuse" as const))
  ),
  /** The most tokens an answer may have: it is reserved, and sent along, unless the caller asks for less. */
  maxTokens: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(4_096))),
  /** How long a call may take before what it reserved counts as lost. */
  lease: Units.duration.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("1h")))
})

/** The same where TypeScript can say more than a file. */
const Extended = Schema.Struct({
  ...Options.fields,
  total: Schema.optionalKey(Schema.Union([Units.allowance.schema, windowed()])),
  each: Schema.optionalKey(Schema.Union([Units.allowance.schema, windowed()]))
}).check(
  Schema.makeFilter((options) =>
    options.total === undefined && options.each === undefined
      ? { path: ["total"], issue: "missing: write total as $100/month, or each as $1/day, or both" }
      : undefined
  )
)

function windowed() {
  const timing = Schema.declare(Schedule.isSchedule, { expected: "a Schedule" })
  return Schema.Struct({ amount: Units.amount.schema, window: Schema.Union([Units.duration.schema, timing]) })
}

/** An amount in every window that a duration or a Schedule says, such as `Schedule.cron("0 0 1 * *")`. */
export interface Windowed<R = never> {
  readonly amount: string
  readonly window: string | number | Duration.Duration | Timing<R>
}

/** The options as TypeScript takes them. */
export interface Options<R = never> extends Omit<Widened<typeof Options.Encoded>, "total" | "each"> {
  readonly total?: string | Windowed<R>
  readonly each?: string | Windowed<R>
  /** Is run beside the call when a share of a budget is spent; a warning is logged where it is absent. */
  readonly onAlert?: (alert: Alert) => Effect.Effect<unknown>
}

/** A share of a budget that has just been spent. */
export interface Alert {
  readonly budget: "total" | "each"
  readonly key: string
  readonly share: number
  readonly standing: Standing
}

/** How one budget stands. Amounts are whole micro-dollars, or tokens. */
export interface Standing {
  readonly unit: Units.Amount["unit"]
  readonly limit: number
  readonly spent: number
  /** For calls that are under way. */
  readonly reserved: number
  /** The part of what is spent that is feared rather than known. */
  readonly unsettled: number
  readonly turnsIn: Duration.Duration
}

/** A budget: a policy that can be asked how it stands. */
export interface Budget<R = never> extends Policy.Policy<"call", SpillwayError, R> {
  readonly standing: (
    key?: string
  ) => Effect.Effect<{ readonly total?: Standing; readonly each?: Standing }, SpillwayError, R>
}

/** Makes a budget. It belongs to the whole call. */
export const make = <R = never>({
  onAlert,
  ...options
}: Options<R>): Effect.Effect<Budget<NoInfer<R>>, OptionsRefused> =>
  Effect.gen(function* () {
    const settings = yield* decode("Budget", Extended)(options)
    const home = yield* Policy.home
    const accounts = new Accounts<R>(settings, home.store, home.name, onAlert ?? warn)
    const policy = Policy.make<"call", SpillwayError, R>("Budget", "call", (self) =>
      Effect.withFiber((fiber) => accounts.guard(self, fiber))
    )
    return Object.assign(policy, { standing: (key = "default") => accounts.standing(key) })
  })

type Settings = typeof Extended.Type

/** One of the two budgets. */
interface Limit<R> {
  readonly budget: Alert["budget"]
  readonly amount: number
  readonly unit: Units.Amount["unit"]
  readonly printed: string
  readonly turns: Turns<R>
  /** At which amounts to say so, with their share. */
  readonly alerts: ReadonlyArray<{ readonly share: number; readonly at: number }>
}

/** One guarded call, and what it has reserved. */
class Run<A, E, R, RS> implements Policy.Run<A, E | SpillwayError, R | RS> {
  readonly accounts: Accounts<RS>
  readonly self: Effect.Effect<A, E, R>
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly facts: Facts
  readonly attemptsBefore: number
  readonly price: Price.Price
  reservation: Store.Reservation | undefined
  begun = false

  constructor(
    accounts: Accounts<RS>,
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>,
    facts: Facts,
    price: Price.Price
  ) {
    this.accounts = accounts
    this.self = self
    this.fiber = fiber
    this.facts = facts
    this.attemptsBefore = attemptsCount(facts)
    this.price = price
  }

  enter(): Effect.Effect<A, E | SpillwayError, R | RS> {
    const now = Alarm.now(this.fiber)
    const reserved = this.accounts.reserve(this, now)
    if (reserved === undefined) {
      return Effect.andThen(
        this.accounts.turn(this.fiber),
        Effect.suspend(() => this.enter())
      )
    }
    return Effect.isEffect(reserved) ? Effect.flatMap(reserved, (answer) => this.follow(answer)) : this.follow(reserved)
  }

  leave(exit: Exit.Exit<A, E>): Effect.Effect<void> | undefined {
    return this.reservation === undefined ? undefined : this.accounts.settle(this, this.reservation, exit)
  }

  private follow(answer: Store.Reserved | SpillwayError): Effect.Effect<A, E | SpillwayError, R> {
    if (answer._tag === "Reserved") return Policy.begin(this)
    const { reservation } = this
    this.reservation = undefined
    if (answer._tag === "SpillwayError") return Effect.fail(answer)
    return Effect.fail(this.accounts.refused(reservation!, answer, Alarm.now(this.fiber)))
  }
}

type AnyRun = Run<unknown, unknown, unknown, any>

class Accounts<RS> {
  private readonly limits: ReadonlyArray<Limit<RS>>
  private readonly per: Settings["per"]
  private readonly prices: ReadonlyMap<string, Price.Price>
  /** What is counted where nobody has said a price; nothing where such a call is refused. */
  private readonly unpriced: Price.Price | undefined
  private readonly maxTokens: number
  private readonly lease: number
  private readonly store: Store.Store
  private readonly name: string
  private readonly onAlert: (alert: Alert) => Effect.Effect<unknown>
  private runs = 0

  constructor(settings: Settings, store: Store.Store, name: string, onAlert: (alert: Alert) => Effect.Effect<unknown>) {
    const { each, lease, maxTokens, per, prices, total, unpriced } = settings
    this.limits = [
      ...(total === undefined ? [] : [limitOf<RS>("total", total, settings)]),
      ...(each === undefined ? [] : [limitOf<RS>("each", each, settings)])
    ]
    this.per = per
    this.prices = new Map(Object.entries(prices).map(([model, price]) => [model, priceOf(price)]))
    // What only counts tokens asks for no price.
    const asksPrice = unpriced === "refuse" && this.limits.some(({ unit }) => unit === "micro-dollars")
    this.unpriced = asksPrice ? undefined : priceOf(unpriced === "refuse" ? "free" : unpriced)
    this.maxTokens = maxTokens
    this.lease = Alarm.nanos(lease)
    this.store = store
    this.name = name
    this.onAlert = onAlert
  }

  guard<A, E, R>(
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>
  ): Effect.Effect<A, E | SpillwayError, R | RS> {
    const around = fiber.getRef(Facts)
    // What a plain Effect uses is told to the scopes around it: a budget needs one of its own to listen in.
    const facts = around?.call.question === undefined ? plain(fiber, around) : bounded(around, this.maxTokens)
    const { model } = facts.call.question ?? {}
    const price = this.priceOf(facts.target, model)
    if (price === undefined) {
      return Effect.fail(refusal({ _tag: "Unpriced", model: facts.target ?? model ?? "default" }))
    }
    const framed = Policy.framed(new Run(this, self, fiber, facts, price), fiber)
    return facts === around ? framed : within(framed, facts)
  }

  standing(key: string): Effect.Effect<Partial<Record<Alert["budget"], Standing>>, SpillwayError, RS> {
    return Effect.withFiber((fiber) =>
      Effect.map(
        Effect.forEach(this.limits, (limit) =>
          Effect.flatMap(limit.turns.next(fiber), (turn) =>
            Effect.map(this.standingOf(limit, key, turn, fiber), (standing) => [limit.budget, standing] as const)
          )
        ),
        Object.fromEntries
      )
    )
  }

  /** Reserves for a run, or answers nothing where a window has to be begun first. */
  reserve(run: AnyRun, now: number): Store.Answer<Store.Reserved | SpillwayError> | undefined {
    const { call } = run.facts
    for (const { turns } of this.limits) if (turns.now(run.fiber, now) === undefined) return undefined
    const accounts = this.limits.map((limit): Store.Account => {
      const { until, window } = limit.turns.now(run.fiber, now)!
      const amount = Spending.mostOf(limit.unit, run.price, call, this.maxTokens)
      return { key: keyOf(limit, call[this.per]), window, until, limit: limit.amount, amount }
    })
    const tooMuch = accounts.findIndex(({ amount, limit }) => amount > limit)
    if (tooMuch >= 0) return neverFits(this.limits[tooMuch]!, accounts[tooMuch]!.amount, call)
    run.reservation = new Store.Reservation(++this.runs, this.name, accounts, now + this.lease)
    return this.store.reserve(run.reservation, now)
  }

  /** Begins the windows that a Schedule tells. */
  turn(fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void, never, RS> {
    return Effect.forEach(this.limits, ({ turns }) => turns.next(fiber), { discard: true })
  }

  refused({ accounts }: Store.Reservation, { account, full }: Store.Spent, now: number): SpillwayError {
    return spent(this.limits[account]!, accounts[account]!, full, now)
  }

  settle(
    run: AnyRun,
    reservation: Store.Reservation,
    exit: Exit.Exit<unknown, unknown>
  ): Effect.Effect<void> | undefined {
    const { fiber } = run
    const charged = this.store.charge(reservation, this.billOf(run, reservation, exit), Alarm.now(fiber))
    if (!Effect.isEffect(charged)) return this.alert(charged, reservation, fiber)
    // A store that cannot take the bill must not fail an answer that has been given.
    return Effect.ignore(Effect.flatMap(charged, (crossed) => this.alert(crossed, reservation, fiber) ?? Effect.void))
  }

  private billOf(run: AnyRun, { accounts }: Store.Reservation, exit: Exit.Exit<unknown, unknown>): Store.Bill {
    const { begun, facts, price } = run
    const { question } = facts.call
    const attempts = attemptsWithin(facts, run.attemptsBefore)
    if (question === undefined && attempts.length === 0) {
      const wasSent = begun && !wasRefused(exit)
      const amounts = accounts.map(({ amount }) => (wasSent ? amount : 0))
      return { amounts, unsettled: wasSent && exit._tag === "Failure" }
    }
    let unsettled = false
    const amounts = accounts.map(() => 0)
    for (const attempt of attempts) {
      const usage = Spending.usageOf(attempt, question)
      unsettled ||= usage === undefined
      const priceThere = this.priceOf(attempt.target, question?.model) ?? price
      this.limits.forEach(({ unit }, index) => {
        amounts[index]! += usage === undefined ? accounts[index]!.amount : Spending.amountOf(unit, priceThere, usage)
      })
    }
    return { amounts, unsettled }
  }

  private alert(
    crossed: ReadonlyArray<Store.Crossed>,
    { accounts }: Store.Reservation,
    fiber: Fiber.Fiber<unknown, unknown>
  ): Effect.Effect<void> | undefined {
    let said: Effect.Effect<unknown, SpillwayError> | undefined
    for (let index = 0; index < crossed.length; index++) {
      const { from, to } = crossed[index]!
      const limit = this.limits[index]!
      for (const { at, share } of limit.alerts) {
        if (from >= at || to < at) continue
        const { key, until, window } = accounts[index]!
        const standing = this.standingOf(limit, key, { until, window }, fiber)
        const say = Effect.flatMap(standing, (now) => this.onAlert({ budget: limit.budget, key, share, standing: now }))
        said = said === undefined ? say : Effect.andThen(said, say)
      }
    }
    return said === undefined ? undefined : Effect.asVoid(Effect.forkDetach(Effect.ignoreCause(said)))
  }

  private standingOf(
    limit: Limit<RS>,
    key: string,
    { until, window }: Turn,
    fiber: Fiber.Fiber<unknown, unknown>
  ): Effect.Effect<Standing, SpillwayError> {
    return Effect.suspend(() => {
      const now = Alarm.now(fiber)
      const balance = this.store.balance(this.name, { key: keyOf(limit, key), window }, now)
      return Store.andThen(balance, (amounts) =>
        Effect.succeed({ unit: limit.unit, limit: limit.amount, ...amounts, turnsIn: spanOf(until - now) })
      )
    })
  }

  private priceOf(target: string | undefined, model: string | undefined): Price.Price | undefined {
    if (this.prices.size === 0) return this.unpriced
    const { prices } = this
    const at =
      target === undefined ? undefined : (prices.get(target) ?? prices.get(target.slice(target.indexOf("/") + 1)))
    return at ?? prices.get(model ?? "") ?? (target === undefined ? prices.get("default") : undefined) ?? this.unpriced
  }
}

const limitOf = <R>(
  budget: Alert["budget"],
  given: NonNullable<Settings["total"]>,
  { alert, zone }: Settings
): Limit<R> => {
  const { amount, unit } = "per" in given ? given : given.amount
  const every = "per" in given ? given.per : given.window
  const shares = typeof alert === "number" ? [alert] : alert
  return {
    budget,
    amount,
    unit,
    printed: "per" in given ? Units.allowance.print(given) : Units.amount.print(given.amount),
    turns: new Turns<R>(every as Every<R>, Window.zone(zone)!),
    alerts: shares.map((share) => ({ share, at: Math.ceil(Math.round(share * amount * 1e6) / 1e6) }))
  }
}

const priceOf = (price: typeof Priced.Type): Price.Price =>
  price === "free" ? Price.free : Price.perMillion(price.input, price.output)

/** The total is nobody's: no caller is named by nothing. */
const keyOf = <R>({ budget }: Limit<R>, key: string): string => (budget === "total" ? "" : key || "default")

/** The same facts, with an answer of at most so many tokens. */
const bounded = (facts: Facts, maxTokens: number): Facts => {
  const { call } = facts
  const { question } = call
  if (question === undefined || (question.settings.maxTokens ?? Infinity) <= maxTokens || question.kind === "embed") {
    return facts
  }
  return withCall(facts, { ...call, question: { ...question, settings: { ...question.settings, maxTokens } } })
}

const spanOf = (nanos: number): Duration.Duration =>
  nanos < Infinity ? Duration.nanos(BigInt(Math.max(Math.ceil(nanos), 0))) : Duration.infinity

const spent = <R>(
  { budget, printed }: Limit<R>,
  { key, until }: Store.Account,
  full: boolean | undefined,
  now: number
): SpillwayError => {
  const whose = budget === "total" ? "in total" : `for "${key}"`
  return refusal({
    _tag: "BudgetSpent",
    budget: `${printed} ${whose}${full === true ? ", for which there is no room to count," : ""}`,
    ...(until < Infinity ? { retryAfter: spanOf(until - now) } : {})
  })
}

const neverFits = <R>({ printed, unit }: Limit<R>, amount: number, { question }: CallFacts): SpillwayError =>
  refusal({
    _tag: "BadRequest",
    field: question === undefined ? "tokens" : "maxTokens",
    read: `as much as may come to ${Units.amount.print({ amount, unit })}`,
    expected: `so little that it fits into ${printed}`
  })

const warn = ({ budget, key, share, standing }: Alert): Effect.Effect<void> => {
  const { limit, spent, unit } = standing
  const print = (amount: number) => Units.amount.print({ amount, unit })
  const whose = budget === "total" ? "the total budget" : `the budget of "${key}"`
  return Effect.logWarning(`${Units.percent.print(share)} of ${whose} is spent: ${print(spent)} of ${print(limit)}.`)
}
