/**
 * A policy makes one Effect safer. It may add failures; it never changes an answer.
 *
 * It is a function from an Effect to an Effect, so that it works around anything and composes with everything Effect
 * has. It carries the stages it contains: what belongs to the whole call, what may repeat attempts, what belongs to one
 * attempt. In the wrong order they still run and are quietly wrong (a deadline that starts anew with every retry), so
 * the order is a type, and is checked again when a list is made.
 */
import { Context, Data, Duration, Effect, Layer, Result } from "effect"
import * as Alarm from "./domain/Alarm.ts"
import * as Facts from "./domain/Facts.ts"
import { type Store, StoreService } from "./domain/Store.ts"
import * as Tokens from "./domain/Tokens.ts"
import * as Units from "./domain/Units.ts"
import * as MemoryStore from "./state/MemoryStore.ts"

export { begin, framed, type Run, yieldsNext } from "./domain/Frame.ts"

/** Where in a call a policy belongs, from the outside in. */
export type Stage = "call" | "between" | "attempt"

/** Makes one Effect safer. */
export interface Policy<out S extends Stage, out E = never, out R = never> {
  readonly name: string
  readonly stages: ReadonlyArray<S>
  /** What it adds to an Effect, for the compiler alone: it cannot read that off a generic function. */
  readonly "~adds"?: { readonly error: E; readonly services: R }
  <A, E1, R1>(self: Effect.Effect<A, E1, R1>): Effect.Effect<A, E | E1, R | R1>
}

/** Two policies in an order in which the inner one could not do what it promises. */
export class PolicyMisplaced extends Data.TaggedError("PolicyMisplaced")<{
  readonly policy: string
  readonly inside: string
}> {
  override get message(): string {
    return `${this.policy} cannot stand inside ${this.inside}: ${orderSentence}`
  }
}

const orderSentence =
  "put what belongs to the whole call first, then what repeats attempts, then what belongs to one attempt."

/** Makes a policy of one stage from what it does to an Effect. */
export const make = <S extends Stage, E = never, R = never>(
  name: string,
  stage: S,
  guard: <A, E1, R1>(self: Effect.Effect<A, E1, R1>) => Effect.Effect<A, E | E1, R | R1>
): Policy<S, NoInfer<E>, NoInfer<R>> => build(name, [stage], guard)

type Item = Policy<Stage, any, any> | Effect.Effect<Policy<Stage, any, any>, any, any>
type PlainItem = Policy<Stage> | Effect.Effect<Policy<Stage>>
type Made<I> = I extends Effect.Effect<infer P, any, any> ? P : I
type StageOf<I> = PolicyStage<Made<I>>
type PolicyStage<P> = P extends { readonly stages: ReadonlyArray<infer S extends Stage> } ? S : never
type PolicyError<P> = P extends { readonly "~adds"?: { readonly error: infer E } } ? E : never
type PolicyServices<P> = P extends { readonly "~adds"?: { readonly services: infer R } } ? R : never
type MakingError<I> = I extends Effect.Effect<any, infer E, any> ? E : never
type MakingServices<I> = I extends Effect.Effect<any, any, infer R> ? R : never

/** The stages that may not stand inside a given one. */
type Outer<S> = S extends "attempt" ? "call" | "between" : S extends "between" ? "call" : never

/** The sentence that stands in the compiler's error where a policy cannot do what it promises. */
export type Misplaced<S> = S extends "call"
  ? "A policy of the whole call cannot stand inside one that repeats or guards attempts: move it further to the front."
  : "A policy that repeats attempts cannot stand inside one that guards a single attempt: move it further to the front."

/** A list of policies as it may be: an item out of order is replaced by the sentence that says why. */
export type Ordered<Items extends ReadonlyArray<unknown>, Before extends Stage = never> = number extends Items["length"]
  ? Items // A list of unknown length is checked when it is made.
  : Items extends readonly [infer Head, ...infer Tail]
    ? readonly [
        [Extract<StageOf<Head>, Outer<Before>>] extends [never]
          ? Head
          : Misplaced<Extract<StageOf<Head>, Outer<Before>>>,
        ...Ordered<Tail, Before | StageOf<Head>>
      ]
    : Items

/**
 * Several policies as one, outermost first; takes policies and the Effects that make them.
 *
 * The same list in another order is a compile error with a sentence, and a defect where no compiler has looked.
 */
export const all = <const Items extends ReadonlyArray<Item>>(
  policies: Items & Ordered<NoInfer<Items>>
): Effect.Effect<
  Policy<StageOf<Items[number]>, PolicyError<Made<Items[number]>>, PolicyServices<Made<Items[number]>>>,
  MakingError<Items[number]>,
  MakingServices<Items[number]>
> =>
  Effect.gen(function* () {
    const made: Array<Policy<Stage>> = []
    for (const item of policies as ReadonlyArray<unknown> as ReadonlyArray<PlainItem>) {
      made.push(Effect.isEffect(item) ? yield* item : item)
    }
    const misplaced = findMisplaced(made)
    if (misplaced !== undefined) return yield* Effect.die(misplaced)
    const stages = [...new Set(made.flatMap((policy) => policy.stages))]
    const name = made.map((policy) => policy.name).join(" > ")
    return build(name, stages, (self) => made.reduceRight((inner, policy) => policy(inner), self)) as Policy<
      any,
      any,
      any
    >
  })

/**
 * A guard as a service: a program shares one by providing its layer, and a test replaces it by providing another.
 *
 * Its id names its state in a shared store, so it has to stay the same from one release to the next.
 */
export const Service =
  <Self>() =>
  <const Id extends string, S extends Stage, E, R, MakeE = never, MakeR = never>(
    id: Id,
    policy: Effect.Effect<Policy<S, E, R>, MakeE, MakeR>
  ): GuardClass<Self, Id, S, E, R, MakeE, MakeR> => {
    const Tag = Context.Service<Self, Policy<S, E, R>>()(id)
    return Object.assign(Tag, {
      layer: Layer.effect(
        Tag,
        Effect.suspend(() => Effect.provideService(policy, Within, { id, made: 0 }))
      ),
      guard: <A, E1, R1>(self: Effect.Effect<A, E1, R1>) => Effect.flatMap(Tag, (guard) => guard(self))
    }) as never
  }

/** What `Policy.Service` makes: the key of a guard, its layer, and the guard itself for any Effect. */
export type GuardClass<Self, Id extends string, S extends Stage, E, R, MakeE, MakeR> = Context.ServiceClass<
  Self,
  Id,
  Policy<S, E, R>
> & {
  readonly layer: Layer.Layer<Self, MakeE, MakeR>
  readonly guard: <A, E1, R1>(self: Effect.Effect<A, E1, R1>) => Effect.Effect<A, E | E1, R | R1 | Self>
}

/** What a program says about the Effect it guards. */
export interface About {
  /** Who asks; limits per caller count by it. */
  readonly caller?: string
  /** What a limit `per: "key"` counts by. */
  readonly key?: string
  /** How urgent it is beside others that wait in a line. */
  readonly priority?: Facts.Priority
  /** Where it goes, as `upstream/model`; limits per target count by it. */
  readonly target?: string
  /** What it will probably use, in tokens. */
  readonly tokens?: number | Tokens.Tokens
  /** How long the whole call may take, from now: nothing waits beyond it. It does not itself interrupt what runs. */
  readonly deadline?: string | number | Duration.Duration
}

/** Says who asks, what for and by when, around any Effect; what is left out comes from the scope around. */
export const about = (given: About): (<A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) => {
  const { caller, deadline, key, priority, target, tokens } = given
  const span = deadline === undefined ? undefined : durationOf(deadline)
  if (span !== undefined && Result.isFailure(span)) return () => Effect.die(span.failure)
  if (tokens !== undefined && !isCount(tokens)) return () => Effect.die(tokensRefused(tokens))
  const said: Facts.Said = {
    caller,
    key,
    priority,
    target,
    tokens: typeof tokens === "number" ? Tokens.exactly(tokens) : tokens,
    within: span && Alarm.nanos(span.success)
  }
  return (self) => Facts.about(self, said)
}

const isCount = (tokens: number | Tokens.Tokens): boolean =>
  (typeof tokens === "number" ? [tokens] : [tokens.likely, tokens.most]).every(
    (count) => count >= 0 && count < Infinity
  )

const tokensRefused = (tokens: number | Tokens.Tokens): Units.UnitRefused =>
  new Units.UnitRefused({ unit: "number of tokens", read: Units.shown(tokens), expected: "write one from 0 on" })

const durationOf = (given: string | number | Duration.Duration): Result.Result<Duration.Duration, Units.UnitRefused> =>
  Duration.isDuration(given)
    ? Result.succeed(given)
    : Result.mapError(
        Units.duration.parse(given),
        ({ expected, read }) => new Units.UnitRefused({ unit: "deadline", read, expected })
      )

/** Says what a plain Effect has used, to every guard around it. */
export const used = Facts.used

/** The guard within which policies are being made: its id, and how many have been made in it. */
const Within = Context.Reference<{ readonly id: string; made: number } | undefined>("spillway/Policy/Within", {
  defaultValue: () => undefined
})

let unnamed = 0

/**
 * Where a policy that is being made keeps its counters, and the name they go by: the store of the program if there is
 * one, else a memory of its own.
 */
export const home: Effect.Effect<{ readonly store: Store; readonly name: string }> = Effect.gen(function* () {
  const within = yield* Within
  const context = yield* Effect.context()
  const store = Context.getOption(context, StoreService)
  const name = within === undefined ? `unnamed-${++unnamed}` : `${within.id}/${within.made++}`
  return { name, store: store._tag === "Some" ? store.value : yield* Effect.orDie(MemoryStore.make()) }
})

const build = <S extends Stage, E, R>(
  name: string,
  stages: ReadonlyArray<S>,
  guard: <A, E1, R1>(self: Effect.Effect<A, E1, R1>) => Effect.Effect<A, E | E1, R | R1>
): Policy<S, E, R> =>
  Object.defineProperty(
    Object.assign(<A, E1, R1>(self: Effect.Effect<A, E1, R1>) => guard(self), { stages }),
    "name",
    { value: name }
  )

const depth = { call: 0, between: 1, attempt: 2 }

const findMisplaced = (policies: ReadonlyArray<Policy<Stage>>): PolicyMisplaced | undefined => {
  let innermost: { readonly depth: number; readonly name: string } = { depth: 0, name: "" }
  for (const policy of policies) {
    const depths = policy.stages.map((stage) => depth[stage])
    if (Math.min(...depths) < innermost.depth)
      return new PolicyMisplaced({ policy: policy.name, inside: innermost.name })
    const deepest = Math.max(...depths)
    if (deepest > innermost.depth) innermost = { depth: deepest, name: policy.name }
  }
  return undefined
}
