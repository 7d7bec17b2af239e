/**
 * The size of a picture from its header, as bytes and in base64, whole and cut off.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { sizeOf } from "../../src/domain/ImageSize.ts"

const filled = (...parts: ReadonlyArray<number | string>): Uint8Array =>
  Uint8Array.from(
    parts.flatMap((part) => (typeof part === "number" ? [part] : Array.from(Buffer.from(part, "latin1"))))
  )
const big = (value: number) => [value >> 8, value & 255] as const
const little = (value: number) => [value & 255, value >> 8] as const

describe("the size of a picture", () => {
  const exif = [0xff, 0xe1, ...big(40_000), ...Array.from({ length: 39_998 }, () => 0xc0)]

  const png = filled(0x89, "PNG\r\n\u001a\n", 0, 0, 0, 13, "IHDR", 0, 0, ...big(1_024), 0, 0, ...big(768))
  const gif = filled("GIF89a", ...little(1_024), ...little(768))
  const jpeg = filled(
    0xff,
    0xd8,
    ...exif,
    0xff,
    0xc4,
    ...big(4),
    1,
    2,
    0xff,
    0xc2,
    ...big(17),
    8,
    ...big(768),
    ...big(1_024)
  )
  const lossy = filled("RIFF____WEBPVP8 ____abc", 0x9d, 0x01, 0x2a, ...little(1_024), ...little(768 | 0x4000))
  const lossless = filled("RIFF____WEBPVP8L____", 0x2f, 0xff, 0xc3, 0xbf, 0x00)
  const extended = filled("RIFF____WEBPVP8X____abcd", ...little(1_023), 0, ...little(767), 0)

  const size = { width: 1_024, height: 768 }
  for (const [name, bytes] of Object.entries({ png, gif, jpeg, lossy, lossless, extended })) {
    it(`is read from its header: ${name}`, () => {
      assert.deepStrictEqual(sizeOf(bytes), size)
    })
    it(`is read in base64 as well: ${name}`, () => {
      const base64 = Buffer.from(bytes).toString("base64")
      assert.deepStrictEqual(sizeOf(base64), size)
      assert.deepStrictEqual(sizeOf(`data:image/any;base64,${base64}`), size)
    })
  }

  it("is undefined where a header names none that can be", () => {
    for (const part of [png.slice(0, 10), jpeg.slice(0, 100), filled("not a picture"), new Uint8Array(0)]) {
      assert.isUndefined(sizeOf(part))
    }
    for (const side of [Infinity, Number.NaN, 0, -5, 1e300]) {
      assert.isUndefined(sizeOf({ width: side, height: side }), String(side))
    }
  })

  it.prop("is sides of a pixel or more, or undefined, whatever is read", [Schema.String, Schema.Uint8Array], (read) => {
    for (const header of ["", "RIFF____WEBPVP8 ", "RIFF____WEBPVP8L", "RIFF____WEBPVP8X", "GIF89a"]) {
      for (const picture of [read[0], filled(header, ...read[1])]) {
        const found = sizeOf(picture)
        assert.isTrue(found === undefined || (found.width >= 1 && found.height >= 1))
      }
    }
  })
})
