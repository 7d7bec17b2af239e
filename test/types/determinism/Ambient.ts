/**
 * What the core must not do: each line that ends with the name of a rule is refused by that rule, and no other line is.
 *
 * Read by test/determinism.test.ts. Linter, formatter and the ordinary compiler run leave this folder alone.
 */
import { Clock, Console, Effect, Random } from "effect"
import { readFileSync } from "node:fs" // nodeBuiltinImport

export const ambient = {
  date: () => Date.now(), // globalDate
  newDate: () => new Date(), // globalDate
  random: () => Math.random(), // globalRandom
  timer: () => setTimeout(() => {}, 1), // globalTimers
  interval: () => globalThis.setInterval(() => {}, 1), // globalTimers
  fetched: () => fetch("http://localhost"), // globalFetch
  printed: () => console.log("answer"), // globalConsole
  promised: async () => 1, // asyncFunction
  promise: () => new Promise<void>((resolve) => resolve()), // newPromise
  identifier: () => crypto.randomUUID(), // cryptoRandomUUID
  read: readFileSync
}

export const ambientInEffect = Effect.gen(function* () {
  const date = Date.now() // globalDateInEffect
  const random = Math.random() // globalRandomInEffect
  setTimeout(() => {}, 1) // globalTimersInEffect
  console.log("answer") // globalConsoleInEffect
  Effect.log(date + random) // floatingEffect
  yield* Effect.void
})

export class Broken extends Error {} // extendsNativeError

export const asked = Effect.gen(function* () {
  const date = yield* Clock.currentTimeMillis
  const random = yield* Random.next
  yield* Console.log(date + random)
  yield* Effect.sleep("1 second")
})
