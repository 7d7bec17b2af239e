/**
 * The ids of hosted providers: letters drawn from a key, so that the same requests get the same ids again.
 */
import * as Words from "../Words.ts"

const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
const hexadecimal = "0123456789abcdef"

/** So many letters and figures that nobody confuses. */
export const mixed = (key: number, count: number): string => drawn(key, count, base58)

/** So many hexadecimal figures. */
export const hex = (key: number, count: number): string => drawn(key, count, hexadecimal)

const drawn = (key: number, count: number, alphabet: string): string => {
  let letters = ""
  for (let place = 0; place < count; place++) letters += alphabet[Words.drawn(key, place, alphabet.length)]!
  return letters
}
