/**
 * What a scene is: some seconds of traffic, bare and guarded at the same time, and what can be said of it meanwhile.
 *
 * A scene knows no terminal and runs on whatever clock its fiber has. It makes claims about its own figures, so that
 * the demonstration can fail.
 */
import { Effect, type Scope } from "effect"
import type { Frame, Row, Sides } from "./draw.ts"
import type { Paint } from "./paint.ts"

/** One scene, before it is played. */
export interface Scene {
  /** What `--only` takes. */
  readonly name: string
  /** The policy it shows. */
  readonly policy: string
  readonly title: string
  readonly about: string
  /** What stands over each side. */
  readonly heads: Sides<string>
  readonly millis: number
  /** The file, beside this one, in which its guard stands. */
  readonly file: string
  readonly legend: (paint: Paint) => string
  /** Makes both sides; nothing happens in them yet. */
  readonly make: Effect.Effect<Played, never, Scope.Scope>
}

/** A scene on its way, as it stands at this moment. */
export interface Played {
  readonly play: Effect.Effect<void>
  readonly rows: (frame: Frame) => ReadonlyArray<ReadonlyArray<Row>>
  /** What the guard did, in figures and one sentence. */
  readonly result: () => string
  readonly figures: () => unknown
  /** What must be true of the figures, by the sentence that says so. */
  readonly claims: () => Readonly<Record<string, boolean>>
}

/** The claims of a scene that did not come true. */
export const broken = ({ claims }: Played): ReadonlyArray<string> =>
  Object.entries(claims()).flatMap(([claim, holds]) => (holds ? [] : [claim]))

/** Both sides at once, for so long, whatever they are doing then. */
export const forSoLong = <R>(
  millis: number,
  ...sides: ReadonlyArray<Effect.Effect<unknown, never, R>>
): Effect.Effect<void, never, R> =>
  Effect.all(sides, { concurrency: "unbounded", discard: true }).pipe(
    Effect.andThen(Effect.never),
    Effect.timeoutOption(millis),
    Effect.asVoid
  )
