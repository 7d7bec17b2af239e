/**
 * Prints what a simulation has measured, for whoever asks with `SPILLWAY_FIGURES`.
 *
 * The figures of the README are what is printed here; a run that nobody asks prints nothing.
 */
/** Prints it. */
export const figure = (text: string): void => {
  if (process.env["SPILLWAY_FIGURES"] !== undefined) process.stderr.write(`${text}\n`)
}
