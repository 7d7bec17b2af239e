/**
 * A picture in the form in which a server takes it: base64, or an address with everything in it.
 *
 * What kind of picture it is, is read from its first bytes: whoever hands one over seldom says, and sometimes lies.
 */
import type { Question } from "@spillway/core"

const inline = /^data:[^,]*;base64,/i
const remote = /^https?:/i

/** Whether a picture is only named, by an address that somebody else would have to open. */
export const isElsewhere = (image: Question.Image): image is { readonly url: string } =>
  "url" in image && remote.test(image.url)

/** Whether an address is neither that of a picture nor holds one: a drawing that is text, a file, anything. */
export const isNowhere = (image: Question.Image): boolean =>
  "url" in image && !remote.test(image.url) && !inline.test(image.url)

/** What a picture holds, in base64; not for one that is elsewhere, or nowhere. */
export const base64Of = (image: Question.Image): string => {
  if ("bytes" in image) return Buffer.from(image.bytes).toString("base64")
  const text = "base64" in image ? image.base64 : image.url.replace(inline, "")
  // Whoever writes it for people to read breaks its lines.
  return /\s/.test(text) ? text.replaceAll(/\s+/g, "") : text
}

/** The type of a picture, where it is one of those that every server takes. */
export const typeOf = (image: Question.Image): string | undefined => {
  const begins =
    "bytes" in image ? Buffer.from(image.bytes.subarray(0, 12)) : Buffer.from(base64Of(image).slice(0, 16), "base64")
  return types.find(([pattern]) => pattern.test(begins.toString("latin1")))?.[1]
}

/** Whether a picture is one that every server takes, or elsewhere. */
export const isKnown = (image: Question.Image): boolean => isElsewhere(image) || typeOf(image) !== undefined

const types: ReadonlyArray<readonly [pattern: RegExp, type: string]> = [
  [/^\x89PNG/, "image/png"],
  [/^\xff\xd8\xff/, "image/jpeg"],
  [/^GIF8/, "image/gif"],
  [/^RIFF[^]{4}WEBP/, "image/webp"]
]
