/**
 * A store that answers later, as one on another machine does.
 *
 * What it was asked is done even when the asker has been interrupted meanwhile: that is how a request on the wire
 * behaves, and where places are lost.
 */
import { Effect, Fiber } from "effect"
import { Store } from "@spillway/core"

/** The same store, some turns away. */
export const late = (store: Store.Store, turns = 2): Store.Store => ({
  take: (...asked) => away(turns, () => store.take(...asked)),
  settle: (...asked) => away(turns, () => store.settle(...asked)),
  giveBack: (...asked) => away(turns, () => store.giveBack(...asked)),
  reserve: (...asked) => away(turns, () => store.reserve(...asked)),
  charge: (...asked) => away(turns, () => store.charge(...asked)),
  balance: (...asked) => away(turns, () => store.balance(...asked))
})

const away = <A>(turns: number, answer: () => Store.Answer<A>) =>
  Effect.gen(function* () {
    for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
    const value = yield* Store.andThen(answer(), Effect.succeed)
    for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
    return value
  }).pipe(Effect.forkDetach({ startImmediately: true }), Effect.flatMap(Fiber.join))

/** The same store, whose answers are Effects that take no time. */
export const inEffects = (store: Store.Store): Store.Store => ({
  take: (...asked) => inEffect(() => store.take(...asked)),
  settle: (...asked) => inEffect(() => store.settle(...asked)),
  giveBack: (...asked) => inEffect(() => store.giveBack(...asked)),
  reserve: (...asked) => inEffect(() => store.reserve(...asked)),
  charge: (...asked) => inEffect(() => store.charge(...asked)),
  balance: (...asked) => inEffect(() => store.balance(...asked))
})

const inEffect = <A>(answer: () => Store.Answer<A>) => Effect.suspend(() => Store.andThen(answer(), Effect.succeed))
