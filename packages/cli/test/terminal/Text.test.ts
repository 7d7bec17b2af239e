/**
 * Texts that know their width: whatever callers send, no line is wider than it may be and nothing moves the cursor.
 */
import { describe, expect, it } from "vitest"
import { coloured } from "../../src/terminal/Paint.ts"
import { bytes, clean, counted, cut, fitted, line, millis, widthOf } from "../../src/terminal/Text.ts"

describe("a text", () => {
  it("loses what a terminal would obey", () => {
    expect(clean("a\u001b[2Jb\n\u0085c\u202ed")).toBe("a?[2Jb??c?d")
  })

  it("is cut where it is too long, and says so", () => {
    expect(cut("nomic-embed-text", 16)).toBe("nomic-embed-text")
    expect(cut("nomic-embed-text", 7)).toBe("nomic-…")
    expect(cut("nomic", 0)).toBe("")
  })

  it("is cut between characters that take two columns", () => {
    expect(cut("模型模型", 4)).toBe("模…")
    expect(fitted("模型模型", 4)).toBe("模… ")
  })

  it("fills its columns from either side", () => {
    expect(fitted("ab", 4)).toBe("ab  ")
    expect(fitted("ab", 4, "right")).toBe("  ab")
  })
})

describe("a line", () => {
  const pieces = [{ text: "llama" }, { text: "loaded", colour: coloured.good }, { text: "last" }]

  it("is painted piece by piece, and colours take no columns", () => {
    expect(line(pieces, 40)).toBe("llama\u001b[32mloaded\u001b[39mlast")
    expect(widthOf(line(pieces, 40))).toBe(15)
  })

  it("ends in the piece that does not fit, with its colour closed", () => {
    expect(line(pieces, 8)).toBe("llama\u001b[32mlo…\u001b[39m")
    expect(line(pieces, 5)).toBe("llama")
  })
})

describe("figures", () => {
  it("are told as people read them", () => {
    expect([0.4, 999, 1_250, 99_900, 133_000, 7_260_000].map(millis)).toStrictEqual([
      "0 ms",
      "999 ms",
      "1.3 s",
      "99.9 s",
      "2m 13s",
      "2h 1m"
    ])
    expect([0, 999, 4_120, 99_960, 999_600, 2_500_000].map(bytes)).toStrictEqual([
      "0 B",
      "999 B",
      "4.1 kB",
      "100 kB",
      "1.0 MB",
      "2.5 MB"
    ])
    expect(counted(1, "request")).toBe("1 request")
    expect(counted(1_200, "request")).toBe("1,200 requests")
  })
})
