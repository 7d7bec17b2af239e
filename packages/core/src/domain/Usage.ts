/**
 * What a call consumed, in tokens as its server counted them.
 *
 * Nothing here is estimated: an estimate is `Tokens`, and where the server did not say, there is no `Usage` at all.
 */

/** Tokens read and tokens written; `cached` of those read cost the server little. */
export interface Usage {
  readonly input: number
  readonly output: number
  readonly cached?: number
}

/** The sum of two usages. */
export const add = (self: Usage, that: Usage): Usage => ({
  input: self.input + that.input,
  output: self.output + that.output,
  ...(self.cached === undefined && that.cached === undefined ? {} : { cached: (self.cached ?? 0) + (that.cached ?? 0) })
})

/** Whether all of it can be numbers of tokens: a server may report anything. */
export const isCounted = (usage: Usage): boolean =>
  [usage.input, usage.output, usage.cached ?? 0].every((count) => count >= 0 && count <= tokensMax)

/** No call has read or written more, whatever its server says. */
const tokensMax = 1_000_000_000

/** Tokens in and out together: what a limit in tokens counts. */
export const total = (usage: Usage): number => usage.input + usage.output
