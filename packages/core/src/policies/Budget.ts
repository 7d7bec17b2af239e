/**
 * At most so much money, or so many tokens, in every window: in total, for each caller, or both.
 *
 * What a call may come to is reserved before it runs, in all its accounts or in none, and settled when it is known what
 * it came to: so any number of callers together cannot spend more than there is. The bound that was reserved is also
 * sent along, since a model that may write without end cannot be paid for beforehand. What was never sent is freed;
 * what was sent and lost is charged in full and marked as unsettled, because somebody will send a bill.
 */
import { Duration, Effect, type Exit, type Fiber, Schema } from "effect"
import * as Alarm from "../domain/Alarm.ts"
import { schema, type Timing } from "../domain/Delays.ts"
import { attemptsCount, attemptsWithin, contextOf, Facts, keyOf, plain, withCall } from "../domain/Facts.ts"
import { framedAtOnce } from "../domain/Frame.ts"
import { aFunction, decode, type OptionsRefused, type Widened } from "../domain/Options.ts"
import type * as Price from "../domain/Price.ts"
import { Priced, PriceList } from "../domain/PriceList.ts"
import { Purse, type Standing } from "../domain/Purse.ts"
import { refusal, type SpillwayError } from "../domain/SpillwayError.ts"
import * as Spending from "../domain/Spending.ts"
import * as Store from "../domain/Store.ts"
import type { Every } from "../domain/Turns.ts"
import * as Units from "../domain/Units.ts"
import { type Classify, failedUnused } from "../domain/Verdict.ts"
import * as Window from "../domain/Window.ts"
import * as Policy from "../Policy.ts"

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
  lease: Units.span.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("1h")))
})

const Inside = Schema.Struct({ amount: Units.amount.schema, window: Schema.Union([Units.span.schema, schema]) })

/** The same where TypeScript can say more than a file. */
const Extended = Schema.Struct({
  ...Options.fields,
  total: Schema.optionalKey(Schema.Union([Units.allowance.schema, Inside])),
  each: Schema.optionalKey(Schema.Union([Units.allowance.schema, Inside])),
  onAlert: Schema.optionalKey(aFunction<NonNullable<Options["onAlert"]>>()),
  classify: Schema.optionalKey(aFunction<Classify>())
}).check(
  Schema.makeFilter(({ alert, each, prices, total, unpriced }) => {
    if (total === undefined && each === undefined) {
      return { path: ["total"], issue: "missing: write total as $100/month, or each as $1/day, or both" }
    }
    if ([alert].flat().includes(0)) {
      return { path: ["alert"], issue: "write a share of more than nothing, as 80%" }
    }
    const isMoney = [total, each].some((given) => given !== undefined && unitOf(given) === "micro-dollars")
    if (isMoney && unpriced === "refuse" && Object.keys(prices).length === 0) {
      const price = `{ "gpt-4o-mini": { input: 0.15, output: 0.6 } }`
      const issue = `missing: write what a model costs as ${price}, or write unpriced`
      return { path: ["prices"], issue }
    }
    return undefined
  })
)

const unitOf = (given: typeof Units.allowance.schema.Type | typeof Inside.Type): Units.Amount["unit"] =>
  "window" in given ? given.amount.unit : given.unit

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
  /** Which row of the failure table a foreign failure belongs to: what was turned away has used nothing. */
  readonly classify?: Classify
}

type Told = Pick<Options, "classify" | "onAlert">

/** A share of a budget that has just been spent. */
export interface Alert {
  readonly budget: "total" | "each"
  /** Whose, of each. */
  readonly key: string | undefined
  readonly share: number
  readonly standing: Standing
}

export type { Standing } from "../domain/Purse.ts"

/** A budget: a policy that can be asked how it stands. */
export interface Budget<R = never> extends Policy.Policy<"call", SpillwayError, R> {
  readonly standing: (
    key?: string
  ) => Effect.Effect<{ readonly total?: Standing; readonly each?: Standing }, SpillwayError, R>
}

/** Makes a budget. It belongs to the whole call. */
export const make = <R = never>(options: Options<R>): Effect.Effect<Budget<NoInfer<R>>, OptionsRefused> =>
  Effect.gen(function* () {
    const settings = yield* decode("Budget", Extended)(options)
    const home = yield* Policy.home
    const accounts = new Accounts<R>(settings, home.store, home.name, settings)
    const policy = Policy.make<"call", SpillwayError, R>("Budget", "call", (self) =>
      Effect.withFiber((fiber) => accounts.guard(self, fiber))
    )
    return Object.assign(policy, { standing: (key = "default") => accounts.standing(key) })
  })

type Settings = typeof Extended.Type

/** One guarded call: its reservation, and how far it has come, on which depends what it is charged. */
class Run<A, E, R, RS> extends Store.Reservation implements Policy.Run<A, E | SpillwayError, R> {
  readonly budgets: Accounts<RS>
  readonly self: Effect.Effect<A, E, R>
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly facts: Facts
  readonly attemptsBefore: number
  readonly price: Price.Price
  readonly askedAt: number
  begun = false
  exit: Exit.Exit<A, E> | undefined
  private isReserved = false

  constructor(
    budgets: Accounts<RS>,
    accounts: ReadonlyArray<Store.Account>,
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>,
    facts: Facts,
    price: Price.Price,
    now: number
  ) {
    super(budgets.nextId(), budgets.name, accounts, now + budgets.lease)
    this.budgets = budgets
    this.self = self
    this.fiber = fiber
    this.facts = facts
    this.attemptsBefore = attemptsCount(facts)
    this.price = price
    this.askedAt = now
  }

  enter(): Effect.Effect<A, E | SpillwayError, R> {
    this.isReserved = true
    const reserved = this.budgets.store.reserve(this, this.askedAt)
    return Store.isLater(reserved) ? Effect.flatMap(reserved, (answer) => this.follow(answer)) : this.follow(reserved)
  }

  leave(exit: Exit.Exit<A, E>): Effect.Effect<void> | undefined {
    if (!this.isReserved) return undefined
    this.exit = exit
    // A store that cannot take the bill must not fail an answer that has been given.
    return Store.settling<AnyRun, ReadonlyArray<Store.Crossed>>(this, chargeOf, alertOf)
  }

  private follow(answer: Store.Reserved): Effect.Effect<A, E | SpillwayError, R> {
    if (answer._tag === "Reserved") return Policy.begin(this)
    this.isReserved = false
    // What costs nothing is not turned away because there is no room to count it.
    if (answer.full === true && this.accounts.every(({ amount }) => amount === 0)) return Policy.begin(this)
    return Effect.fail(this.budgets.refused(this, answer))
  }
}

type AnyRun = Run<unknown, unknown, unknown, any>

const chargeOf = (run: AnyRun): Store.Answer<ReadonlyArray<Store.Crossed>> => run.budgets.charge(run)

const alertOf = (crossed: ReadonlyArray<Store.Crossed>, run: AnyRun): Effect.Effect<void> | undefined =>
  run.budgets.alert(crossed, run)

class Accounts<RS> {
  readonly lease: number
  readonly store: Store.Store
  readonly name: string
  private readonly purses: ReadonlyArray<Purse<RS>>
  private readonly per: Settings["per"]
  private readonly prices: PriceList
  private readonly maxTokens: number
  private readonly onAlert: (alert: Alert) => Effect.Effect<unknown>
  private readonly classify: Classify | undefined
  private runs = 0

  constructor(settings: Settings, store: Store.Store, name: string, { classify, onAlert = warn }: Told) {
    const { each, lease, maxTokens, per, prices, total, unpriced } = settings
    this.purses = [
      ...(total === undefined ? [] : [purseOf<RS>("total", total, settings)]),
      ...(each === undefined ? [] : [purseOf<RS>("each", each, settings)])
    ]
    this.per = per
    // What only counts tokens asks for no price.
    const asksPrice = this.purses.some(({ unit }) => unit === "micro-dollars")
    this.prices = new PriceList(prices, unpriced !== "refuse" ? unpriced : asksPrice ? undefined : "free")
    this.maxTokens = maxTokens
    this.lease = Alarm.nanos(lease)
    this.store = store
    this.name = name
    this.onAlert = onAlert
    this.classify = classify
  }

  guard<A, E, R>(
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.Fiber<unknown, unknown>
  ): Effect.Effect<A, E | SpillwayError, R | RS> {
    const around = fiber.getRef(Facts)
    const call = around?.call
    const price = this.prices.of(around?.target, call?.question?.model)
    if (price === undefined) {
      return Effect.fail(refusal({ _tag: "Unpriced", model: around?.target ?? call?.question?.model ?? "default" }))
    }
    const now = Alarm.now(fiber)
    const key = keyOf(this.per, around)
    const accounts = new Array<Store.Account>(this.purses.length)
    let unit: Units.Amount["unit"] | undefined
    let amount = 0
    let most = 0
    for (let index = 0; index < accounts.length; index++) {
      const purse = this.purses[index]!
      const turn = purse.turns.now(fiber, now)
      if (turn === undefined) return Effect.flatMap(purse.turns.next(fiber), () => this.guard(self, fiber))
      if (purse.unit !== unit) amount = Spending.mostOf((unit = purse.unit), price, call, this.maxTokens)
      if (amount > purse.limit) return Effect.fail(purse.tooMuch(amount, call))
      accounts[index] = purse.account(turn, key, amount)
      most = Math.max(most, amount)
    }
    const facts = scopeOf(around, fiber, most > 0 ? this.maxTokens : Infinity)
    const run = new Run(this, accounts, self, fiber, facts, price, now)
    return framedAtOnce(run, fiber, facts === around ? undefined : contextOf(fiber, facts))
  }

  nextId(): number {
    return ++this.runs
  }

  standing(key: string): Effect.Effect<Partial<Record<Alert["budget"], Standing>>, SpillwayError, RS> {
    return Effect.withFiber((fiber) =>
      Effect.map(
        Effect.forEach(this.purses, (purse) =>
          Effect.flatMap(purse.turns.next(fiber), (turn) =>
            Effect.map(
              purse.standing(this.store, this.name, key, turn, Alarm.now(fiber)),
              (standing) => [purse.budget, standing] as const
            )
          )
        ),
        Object.fromEntries
      )
    )
  }

  refused({ accounts, fiber }: AnyRun, { account, full = false }: Store.Spent): SpillwayError {
    return this.purses[account]!.spent(accounts[account]!, full, Alarm.now(fiber))
  }

  charge(run: AnyRun): Store.Answer<ReadonlyArray<Store.Crossed>> {
    return this.store.charge(run, this.billOf(run), Alarm.now(run.fiber))
  }

  private billOf(run: AnyRun): Store.Bill {
    const { accounts, begun, facts, price } = run
    const exit = run.exit!
    const { question } = facts.call
    const attempts = attemptsWithin(facts, run.attemptsBefore)
    // A plain Effect that told nothing, at last after some goes that were lost, came to what was expected of it.
    const isUntold = question === undefined && attempts.every(isLost)
    const last = isUntold && begun && !failedUnused(exit, this.classify)
    let unsettled = last && exit._tag === "Failure"
    const amounts = new Array<number>(accounts.length)
    for (let index = 0; index < amounts.length; index++) amounts[index] = last ? accounts[index]!.amount : 0
    for (const attempt of attempts) {
      const usage = Spending.usageOf(attempt, question)
      unsettled ||= usage === undefined
      const priceThere = this.prices.of(attempt.target, question?.model) ?? price
      for (let index = 0; index < amounts.length; index++) {
        const { unit } = this.purses[index]!
        amounts[index]! += usage === undefined ? accounts[index]!.amount : Spending.amountOf(unit, priceThere, usage)
      }
    }
    return { amounts, unsettled }
  }

  /** Says each threshold that was crossed, on a fiber of its own: no call waits for it, and none for another. */
  alert(crossed: ReadonlyArray<Store.Crossed>, { accounts, fiber }: AnyRun): Effect.Effect<void> | undefined {
    let said: Effect.Effect<unknown> | undefined
    for (let index = 0; index < crossed.length; index++) {
      const purse = this.purses[index]!
      for (const share of purse.sharesWithin(crossed[index]!)) {
        const account = accounts[index]!
        const key = purse.budget === "total" ? undefined : account.key
        const now = Alarm.now(fiber)
        const say = Effect.flatMap(purse.standing(this.store, this.name, account.key, account, now), (standing) =>
          this.onAlert({ budget: purse.budget, key, share, standing })
        )
        const aside = Effect.forkDetach(
          Effect.catchCause(say, (cause) => Effect.logWarning("An alert of a budget could not be told.", cause))
        )
        said = said === undefined ? aside : Effect.andThen(said, aside)
      }
    }
    return said === undefined ? undefined : Effect.asVoid(said)
  }
}

const isLost = ({ lost }: { readonly lost: boolean }): boolean => lost

const purseOf = <R>(
  budget: Alert["budget"],
  given: NonNullable<Settings["total"]>,
  { alert, zone }: Settings
): Purse<R> => {
  const isAllowance = "per" in given
  const { amount, unit } = isAllowance ? given : given.amount
  const every = (isAllowance ? given.per : given.window) as Every<R>
  const printed = isAllowance ? Units.allowance.print(given) : Units.amount.print(given.amount)
  const shares = typeof alert === "number" ? [alert] : alert
  return new Purse<R>(budget, { amount, unit, every, printed }, shares, Window.zone(zone)!)
}

/**
 * The facts under which it runs: around a plain Effect a scope to listen in, since what it uses is told to the scopes
 * around it; around a call the same, with an answer of at most so many tokens.
 */
const scopeOf = (around: Facts | undefined, fiber: Fiber.Fiber<unknown, unknown>, maxTokens: number): Facts => {
  if (around?.call.question === undefined) return plain(fiber, around)
  const { call } = around
  const question = call.question!
  if (question.kind === "embed" || maxTokens === Infinity) return around
  const bound = Spending.outputMost(question, maxTokens)
  if (question.settings.maxTokens === bound) return around
  return withCall(around, { ...call, question: { ...question, settings: { ...question.settings, maxTokens: bound } } })
}

const warn = ({ budget, key, share, standing }: Alert): Effect.Effect<void> => {
  const { limit, spent, unit } = standing
  const print = (amount: number) => Units.amount.print({ amount, unit })
  const whose = budget === "total" ? "the total budget" : `the budget of "${key}"`
  return Effect.logWarning(`${Units.percent.print(share)} of ${whose} is spent: ${print(spent)} of ${print(limit)}.`)
}
