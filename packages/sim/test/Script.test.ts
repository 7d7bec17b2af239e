/** Scripts: what a marker in a prompt says of its answer. */
import { describe, expect, it } from "vitest"
import * as Script from "../src/Script.ts"

describe("Script", () => {
  it("is nothing where a prompt has no marker", () => {
    expect(Script.read("How long is a piece of string? tokens=3")).toEqual({})
  })

  it("reads every key of a marker, wherever it stands", () => {
    const prompt =
      "say [[sim tokens=9 token_ms=20 prompt_ms=2 text=w repeat=1 stop=limit die_after=2 hang_after=3 end_after=4 " +
      'garbage_after=5 status=503 tool=f arguments={"a":1} thinking=2]] please'
    expect(Script.read(prompt)).toEqual({
      tokens: 9,
      tokenMillis: 20,
      promptMillis: 2,
      text: "w",
      repeat: true,
      stop: "limit",
      dieAfter: 2,
      hangAfter: 3,
      endAfter: 4,
      garbageAfter: 5,
      status: 503,
      tool: "f",
      arguments: '{"a":1}',
      thinking: 2
    })
  })

  it("takes the last of several, and leaves out what it does not know", () => {
    expect(Script.read("[[sim tokens=1 colour=blue]] [[sim tokens=2]]")).toEqual({ tokens: 2 })
  })
})
