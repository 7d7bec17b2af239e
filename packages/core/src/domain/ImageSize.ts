/**
 * Reads the width and height of a picture from its header (PNG, JPEG, GIF, WebP).
 *
 * Base64 is read in place, a byte when it is asked for: a header is a few bytes of what may be many megabytes.
 */

/** Pixels. */
export interface Size {
  readonly width: number
  readonly height: number
}

/** A picture: its bytes, the same in base64 (a data URL too), or its size in pixels. */
export type Picture = Uint8Array | string | Size

/** The size of a picture, unless its header names none that can be. */
export const sizeOf = (picture: Picture): Size | undefined => {
  const size = picture instanceof Uint8Array || typeof picture === "string" ? inHeader(bytesOf(picture)) : picture
  if (size === undefined) return undefined
  return size.width >= 1 && size.height >= 1 && Number.isFinite(size.width * size.height) ? size : undefined
}

/** The byte at a place, 0 past the end. */
type Bytes = (at: number) => number

const bytesOf = (picture: Uint8Array | string): Bytes => {
  if (typeof picture !== "string") return (at) => picture[at] ?? 0
  const start = picture.startsWith("data:") ? picture.indexOf(",") + 1 : 0
  const sextet = (at: number): number => Math.max(0, base64.indexOf(picture.charAt(start + at) || "A") % 64)
  return (at) => {
    const first = Math.floor(at / 3) * 4 + (at % 3)
    const shift = 2 * (at % 3) + 2
    return ((sextet(first) << shift) | (sextet(first + 1) >> (6 - shift))) & 255
  }
}

const base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" + " ".repeat(62) + "-_"

const inHeader = (at: Bytes): Size | undefined => {
  const big = (from: number) => (at(from) << 8) | at(from + 1)
  const little = (from: number) => at(from) | (at(from + 1) << 8)
  if (big(0) === 0x8950) return { width: big(16) * 65_536 + big(18), height: big(20) * 65_536 + big(22) }
  if (big(0) === 0x4749) return { width: little(6), height: little(8) }
  if (big(0) === 0xffd8) return jpegSize(big)
  if (big(0) !== 0x5249 || big(8) !== 0x5745) return undefined
  if (at(15) === 0x20) return { width: little(26) & 0x3fff, height: little(28) & 0x3fff }
  if (at(15) === 0x58) return { width: (little(24) | (at(26) << 16)) + 1, height: (little(27) | (at(29) << 16)) + 1 }
  return { width: (little(21) & 0x3fff) + 1, height: ((little(22) >> 6) | ((at(24) & 15) << 10)) + 1 }
}

/** Hops over the segments before the frame header, of which no camera writes more than this. */
const jpegSize = (big: (from: number) => number): Size | undefined => {
  let from = 2
  for (let segment = 0; segment < 1_000; segment++) {
    const marker = big(from)
    if (marker >> 8 !== 0xff) return undefined
    const isFrame = marker >= 0xffc0 && marker <= 0xffcf && marker !== 0xffc4 && marker !== 0xffc8 && marker !== 0xffcc
    if (isFrame) return { width: big(from + 7), height: big(from + 5) }
    from += marker === 0xffff ? 1 : big(from + 2) + 2
  }
  return undefined
}
