/**
 * The words of a simulated model: what an answer says, from a seed and a prompt alone.
 *
 * The word at a place depends on nothing else, so whoever holds a prompt can tell a continuation from a splice: the
 * next word of this answer is known, and that of another one is another. A token is a word with the space before it,
 * which is exact enough for a model that reads nothing.
 */

/** How many tokens a text has. */
export const count = (whole: string): number => {
  let tokens = 0
  let isInside = false
  for (let index = 0; index < whole.length; index++) {
    const isSpace = isSpaceAt(whole, index)
    if (!isSpace && !isInside) tokens++
    isInside = !isSpace
  }
  return tokens
}

/** The tokens of a text: joined they are the text again, but for space at its end. */
export const split = (whole: string): ReadonlyArray<string> => whole.match(/\s*\S+/g) ?? []

/** What names an answer: any two prompts, or seeds, have another one. */
export const keyOf = (seed: number, prompt: string): number => {
  // The seed is mixed first: beside a first letter it would be the same as another seed beside another letter.
  let key = mixed(seed ^ 0x811c9dc5)
  for (let index = 0; index < prompt.length; index++) key = Math.imul(key ^ prompt.charCodeAt(index), 0x01000193)
  return mixed(key)
}

/** The token at a place of an answer. */
export const at = (key: number, place: number): string => {
  const drawn = drawnAt(key, place)
  const syllables = 2 + (drawn & 1)
  let word = place === 0 ? "" : " "
  for (let index = 0, rest = drawn >>> 1; index < syllables; index++, rest = mixed(rest + index)) {
    word += consonants[rest % consonants.length]! + vowels[(rest >>> 8) % vowels.length]!
  }
  return word
}

/** The first tokens of an answer. */
export const text = (key: number, tokens: number): string => {
  let words = ""
  for (let place = 0; place < tokens; place++) words += at(key, place)
  return words
}

/** A whole number below `bound`, drawn for a place of an answer: how all that is drawn is drawn. */
export const drawn = (key: number, place: number, bound: number): number => drawnAt(key, place) % bound

const consonants = "bdfgklmnprstvwz"
const vowels = "aeiou"

const drawnAt = (key: number, place: number): number => mixed((key + Math.imul(place + 1, 0x9e3779b9)) >>> 0)

/** Every bit of the answer depends on every bit given. */
const mixed = (value: number): number => {
  let bits = value | 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

const isSpaceAt = (whole: string, index: number): boolean => {
  const code = whole.charCodeAt(index)
  if (code < 128) return code === 32 || (code >= 9 && code <= 13)
  return code >= 160 && /\s/.test(whole[index]!)
}
