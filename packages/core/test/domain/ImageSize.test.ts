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
      assert.deepStrictEqual(sizeOf(Buffer.from(bytes).toString("base64url")), size)
    })
  }

  it("may be given, from a pixel on", () => {
    for (const given of [size, { width: 1, height: 1 }]) assert.deepStrictEqual(sizeOf(given), given)
    for (const given of [
      { width: 0, height: 5 },
      { width: 5, height: 0 }
    ])
      assert.isUndefined(sizeOf(given))
  })

  it("is read in all four bytes of each side, where the format has four", () => {
    const wide = filled(0x89, "PNG\r\n\u001a\n", 0, 0, 0, 13, "IHDR", 0, 1, 0, 2, 0, 3, 0, 4)
    assert.deepStrictEqual(sizeOf(wide), { width: 65_538, height: 196_612 })
  })

  it("is not read from what only begins or goes on like a WebP", () => {
    const rest = ["VP8 ____abc", 0x9d, 0x01, 0x2a, ...little(1_024), ...little(768)]
    assert.isUndefined(sizeOf(filled("RIFF____WAVE", ...rest)))
    assert.isUndefined(sizeOf(filled("RAFF____WEBP", ...rest)))
  })

  describe("in a JPEG", () => {
    const segment = (marker: number) => [0xff, marker, ...big(9), 0, 0, 7, 0, 9, 0, 0]
    const frame = (marker: number) => [0xff, marker, ...big(17), 8, ...big(768), ...big(1_024)]
    const read = (...parts: ReadonlyArray<number>) => sizeOf(filled(0xff, 0xd8, ...parts))

    it("stands in the frame header, of whichever coding", () => {
      for (const coding of [0xc0, 0xc1, 0xc2, 0xc9, 0xcf]) assert.deepStrictEqual(read(...frame(coding)), size)
    })

    it("does not stand in a segment of tables, nor in one that nobody knows", () => {
      for (const marker of [0x02, 0xbf, 0xc4, 0xc8, 0xcc, 0xd0, 0xdb]) {
        assert.deepStrictEqual(read(...segment(marker), ...frame(0xc0)), size, marker.toString(16))
      }
    })

    it("is found behind bytes that only fill up", () => {
      assert.deepStrictEqual(read(0xff, 0xff, 0xff, ...frame(0xc0)), size)
    })

    it("is not looked for behind what is no segment, nor behind more segments than a camera writes", () => {
      assert.isUndefined(read(0xfe, 0xe1, ...big(4), 1, 2, ...frame(0xc0)))
      const segments = (count: number) => Array.from({ length: count }, () => segment(0xe1)).flat()
      assert.deepStrictEqual(read(...segments(999), ...frame(0xc0)), size)
      assert.isUndefined(read(...segments(1_000), ...frame(0xc0)))
    })
  })

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
