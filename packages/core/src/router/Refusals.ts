/**
 * All that the guards of a router refuse of its options, told at once.
 *
 * A router makes its guards one after the other, and the first one that refuses ends that. Only then is each of them
 * made once more, alone and for nothing: so a router without a mistake costs nothing more, and what a guard takes is
 * known to itself alone.
 */
import { Cause, Effect, Exit, Schema, type Scope, Struct } from "effect"
import { decode, OptionsRefused, type Problem } from "../domain/Options.ts"
import { Priced } from "../domain/PriceList.ts"
import * as Hedge from "../plans/Hedge.ts"
import * as Budget from "../policies/Budget.ts"
import * as CircuitBreaker from "../policies/CircuitBreaker.ts"
import * as Deadline from "../policies/Deadline.ts"
import * as Queue from "../policies/Queue.ts"
import * as RateLimit from "../policies/RateLimit.ts"
import * as Retry from "../policies/Retry.ts"
import * as Timeout from "../policies/Timeout.ts"
import { answering, serverOf } from "./Answering.ts"
import { at, type Caller, keptBy, type Options, presets, type Server, type Settings, withPreset } from "./Options.ts"
import { Dwelling, Looking, Said } from "./Servers.ts"

/** What a guard is made by, where it was written. */
type Making = Effect.Effect<unknown, OptionsRefused, Scope.Scope>

/** The refusal of one guard, or of none, with all that the others refuse. */
export const complete = (first: OptionsRefused, given: Options): Effect.Effect<OptionsRefused> =>
  Effect.map(Effect.forEach(makings(given), problemsOf), (others) => {
    const known = new Set(first.problems.map(({ path }) => path))
    const more = others.flat().filter(({ path }) => !known.has(path))
    return new OptionsRefused({ of: first.of, problems: [...first.problems, ...more] })
  })

/** What one refuses; what breaks over a mistake that is known already says nothing more. */
const problemsOf = (making: Making): Effect.Effect<ReadonlyArray<Problem>> =>
  Effect.map(Effect.exit(Effect.scoped(making)), (exit) =>
    Exit.isSuccess(exit)
      ? []
      : exit.cause.reasons.flatMap((reason) => (Cause.isFailReason(reason) ? reason.error.problems : []))
  )

/** The prices that somebody named. */
export const pricesIn = ({ prices = {} }: Options): Effect.Effect<unknown, OptionsRefused> =>
  at("prices")(decode("prices", Schema.Record(Schema.String, Priced))(prices))

const makings = (given: Options): ReadonlyArray<Making> => {
  // Nothing can be said of what is no options, and what is no preset has been refused.
  if (!(given instanceof Object)) return []
  const options = given.preset === undefined || Object.hasOwn(presets, given.preset) ? withPreset(given) : given
  const { anonymous, budgets, callers, prices, routes, upstreams } = options
  const { breaker, dwell, health = {}, ...settings } = fieldsOf(options.defaults)
  const servers = entriesOf("upstreams", upstreams).map(([path, each]) => [path, serverOf(Object(each))] as const)
  const isPriced = prices !== undefined || servers.some(([, { price }]) => price !== undefined)
  const paid = { ...budgets, prices: isPriced ? { default: "free" as const } : {} }
  return [
    ...servers.flatMap(([path, server]) => ofServer(path, server)),
    ...ofSettings("defaults", settings),
    at("defaults.breaker")(CircuitBreaker.make(breaker)),
    at("defaults")(decode("defaults", Dwelling)({ dwell })),
    at("defaults.health")(decode("health", Looking)(health)),
    ...entriesOf("routes", routes).flatMap(([path, route]) => ofSettings(path, fieldsOf(route))),
    ...entriesOf("callers", callers).flatMap(([path, caller]) => ofCaller(path, fieldsOf(caller))),
    ...(anonymous === "refuse" ? [] : ofCaller("anonymous", fieldsOf(anonymous))),
    pricesIn(given),
    ...(budgets === undefined ? [] : [at("budgets")(Budget.make(paid))])
  ]
}

const entriesOf = <A>(
  path: string,
  given: Readonly<Record<string, A>> | undefined
): ReadonlyArray<readonly [string, A]> => Object.entries(given ?? {}).map(([name, each]) => [`${path}.${name}`, each])

/** What has no fields has been refused. */
const fieldsOf = <A>(given: A): Partial<NonNullable<A>> => Object(given)

const ofServer = (path: string, { rate, upstream, ...said }: Server): ReadonlyArray<Making> => [
  at(path)(decode("upstream", Said)(Struct.pick(said, ["domain", "price", "slots"]))),
  ...(rate === undefined ? [] : [at(path)(decode("rate", RateLimit.Options)({ rate }))]),
  at(path)(Effect.suspend(() => answering(upstream)))
]

const ofSettings = (path: string, settings: Settings): ReadonlyArray<Making> => {
  const { deadline, hedge, queue, retry, timeouts } = settings
  return [
    at(path)(decode("deadline", Deadline.Options)({ deadline })),
    at(`${path}.timeouts`)(Timeout.make(timeouts)),
    at(`${path}.retry`)(Retry.make(retry)),
    at(`${path}.queue`)(Queue.make({ ...queue, slots: 1 })),
    at(`${path}.hedge`)(Hedge.make(hedge === "off" ? undefined : hedge)),
    at(path)(keptBy(settings))
  ]
}

const ofCaller = (path: string, { burst, deadline, rate, tokens }: Caller): ReadonlyArray<Making> => [
  at(path)(decode("deadline", Deadline.Options)({ deadline })),
  ...(rate === undefined && tokens === undefined
    ? []
    : [at(path)(decode("limits", RateLimit.Options)({ burst, rate, tokens }))])
]
