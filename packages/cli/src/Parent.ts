/**
 * The process that has started this one.
 *
 * It is read before anything else is loaded: it may be gone by then, and whoever asks later is told of another one.
 */

/** Its number. */
export const parent = process.ppid
