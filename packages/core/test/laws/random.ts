/**
 * Random numbers that are the same for the same seed, so that a failing run can be named by one number.
 *
 * The generator is mulberry32: a few lines that give the same sequence on every machine, which Effect's `Random` does
 * not promise.
 */

/** A source of numbers that a seed determines. */
export interface Random {
  /** From 0 up to but not including 1. */
  readonly next: () => number
  /** A whole number from 0 up to but not including `bound`. */
  readonly below: (bound: number) => number
}

/** Makes the source that belongs to a seed. */
export const make = (seed: number): Random => {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return { next, below: (bound) => Math.floor(next() * bound) }
}
