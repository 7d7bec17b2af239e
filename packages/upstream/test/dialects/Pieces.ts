/**
 * Random words, pictures and seals: what conversations and answers are made of.
 *
 * The words are those that break what is sloppy: of several units or of several code points, ends of lines, quotes, and
 * what looks like the frame that they are sent in.
 */
import type { Random } from "../../../core/test/laws/random.ts"

const pieces = [
  "hello",
  "Gr\u00fc\u00dfe",
  "\u6f22\u5b57",
  "\u{1f600}",
  "\u{1f469}\u200d\u{1f469}\u200d\u{1f467}",
  "e\u0301",
  "\u0301\u0308",
  "\u05e9\u05dc\u05d5\u05dd",
  "\r\n",
  "\n\n",
  "\r",
  "\t",
  "\u2028",
  "\u0007",
  '"quoted"',
  "\\back\\u0041",
  "</script>",
  "data: [DONE]",
  "\n\nevent: message_stop\ndata: {}\n\n",
  ": keep-alive"
]

/** Words, and never only space. */
export const words = ({ below }: Random): string => {
  const all = Array.from({ length: 1 + below(5) }, () => pieces[below(pieces.length)]!).join(below(2) === 0 ? " " : "")
  return all.trim() === "" ? `${all}x` : all
}

/** The same, cut where a token could end. */
export const cut = ({ below }: Random, whole: string): ReadonlyArray<string> => {
  const parts: Array<string> = []
  for (let rest = [...whole]; rest.length > 0;) parts.push(rest.splice(0, 1 + below(6)).join(""))
  return parts
}

/** What only its maker can read. */
export const base64 = (random: Random): string => Buffer.from(noise(random, 3 + random.below(40))).toString("base64")

const noise = ({ below }: Random, length: number): Uint8Array => Uint8Array.from({ length }, () => below(256))

const pictures = [
  { mediaType: "image/png", begins: Buffer.from("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01", "latin1") },
  { mediaType: "image/jpeg", begins: Buffer.from("\xff\xd8\xff\xe0\0\x10JFIF\0", "latin1") },
  { mediaType: "image/gif", begins: Buffer.from("GIF89a\x01\0\x01\0", "latin1") },
  { mediaType: "image/gif", begins: Buffer.from("GIF87a\x01\0\x01\0", "latin1") },
  { mediaType: "image/webp", begins: Buffer.from("RIFF\x24\0\0\0WEBPVP8 ", "latin1") }
]

/** A picture of some kind, of which only the beginning is one. */
export const bytesOf = (random: Random): { readonly bytes: Uint8Array; readonly mediaType: string } => {
  const { begins, mediaType } = pictures[random.below(pictures.length)]!
  return { bytes: new Uint8Array(Buffer.concat([begins, noise(random, random.below(20))])), mediaType }
}
