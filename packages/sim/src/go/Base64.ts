/**
 * Where a text stops being base64, as Go's standard encoding reads it.
 *
 * Go is strict about padding and lax about line breaks; JavaScript's own decoders are neither in the same way, and do
 * not tell the place.
 */

/** The byte that Go complains of, or nothing where all of the text is base64. */
export const faultIn = (text: string): number | undefined => {
  // Pictures are long, and nearly all of them are right.
  if (text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  let at = 0
  for (;;) {
    for (let count = 0; count < 4; count++) {
      at = skipBreaks(text, at)
      if (at === text.length) return count === 0 ? undefined : at - count
      if (text[at] === "=") return faultInPadding(text, at, count)
      if (!/[A-Za-z0-9+/]/.test(text[at]!)) return at
      at++
    }
  }
}

/** Padding stands in for the last one or two of four characters, and ends the text. */
const faultInPadding = (text: string, at: number, count: number): number | undefined => {
  if (count < 2) return at
  let next = at + 1
  if (count === 2) {
    next = skipBreaks(text, next)
    if (next === text.length) return next
    if (text[next] !== "=") return next - 1
    next++
  }
  next = skipBreaks(text, next)
  return next === text.length ? undefined : next
}

const skipBreaks = (text: string, from: number): number => {
  let at = from
  while (text[at] === "\n" || text[at] === "\r") at++
  return at
}
