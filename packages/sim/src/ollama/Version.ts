/**
 * What versions of Ollama do differently, as far as a caller can see it.
 *
 * Three were measured: 0.11.4, the last with the old scheduler, 0.24.0, the last that ran models by itself, and 0.34.0.
 * Where a change is known to have come with a release between them, it comes with that one here; what is no version, as
 * that of a build of one's own, is taken for the newest.
 */

/** The ways of one version. */
export interface Ways {
  /** Whether whoever wants a model that is loaded goes past those who wait for a load. */
  readonly goesPast: boolean
  /** Whether what fails before the first frame of a stream has a status of its own, and is no line of a 200. */
  readonly saysStatus: boolean
  /** Whether callers are heard who want nothing cut, neither before an answer nor in its midst. */
  readonly hearsCuts: boolean
  /** Whether a prompt can be shown as the model would read it, in place of an answer. */
  readonly showsPrompts: boolean
  /** Whether a load that comes to nothing is given up. */
  readonly givesUp: boolean
  /** Whether a model can run in the cloud: before that, no name of one is known. */
  readonly hasCloud: boolean
  /**
   * Whether models run in a process that has templates of its own, stops reading for a caller who has left, and fails
   * in words of its own.
   */
  readonly hasServer: boolean
  /** Whether a prompt that is too long loses so much that half of the context is free. */
  readonly cutsToHalf: boolean
}

/** The ways of a version, by its name. */
export const of = (version: string): Ways => {
  const number = numberOf(version)
  const since = (first: string): boolean => number >= numberOf(first)
  return {
    goesPast: since("0.11.5"),
    saysStatus: since("0.12.6"),
    hearsCuts: since("0.12.6"),
    showsPrompts: since("0.11.5"),
    givesUp: since("0.30.0") || !since("0.24.0"),
    hasCloud: since("0.18.0"),
    hasServer: since("0.30.0"),
    cutsToHalf: since("0.30.11")
  }
}

/** A version as a number that grows with it. */
const numberOf = (version: string): number => {
  const [, major, minor, patch] = /^v?(\d{1,3})\.(\d{1,3})\.(\d{1,3})/.exec(version) ?? []
  const number = Number(major) * 1_000_000 + Number(minor) * 1_000 + Number(patch)
  return number > 0 ? number : Infinity
}
