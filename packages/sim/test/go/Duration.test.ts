/** Whether spans of time are read as Go and Ollama do: the answers were taken down from Go 1.26 and Ollama 0.34.0. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "../../src/go/Duration.ts"

describe("parse", () => {
  const spans: ReadonlyArray<readonly [text: string, nanos: number]> = [
    ["0", 0],
    ["-0", 0],
    ["5s", 5e9],
    ["+5s", 5e9],
    ["-5s", -5e9],
    ["1h30m", 5_400e9],
    ["1.5h", 5_400e9],
    [".5s", 5e8],
    ["1.s", 1e9],
    ["1us", 1e3],
    ["1\u00b5s", 1e3],
    ["1\u03bcs", 1e3],
    ["1.9ns", 1],
    ["2562047h47m16.854775807s", Number(2n ** 63n - 1n)],
    ["-9223372036854775808ns", -(2 ** 63)],
    ["0.3333333333333333333h", 1_200e9],
    ["00000000000000000000005s", 5e9]
  ]
  for (const [text, nanos] of spans) {
    it(`reads ${text}`, () => assert.deepStrictEqual(Duration.parse(text), { value: nanos }))
  }

  const refusals: ReadonlyArray<readonly [text: string, error: string]> = [
    ["", 'time: invalid duration ""'],
    ["soon", 'time: invalid duration "soon"'],
    ["-", 'time: invalid duration "-"'],
    [".s", 'time: invalid duration ".s"'],
    ["--5s", 'time: invalid duration "--5s"'],
    ["1h-5m", 'time: unknown unit "h-" in duration "1h-5m"'],
    ["5", 'time: missing unit in duration "5"'],
    ["1m1", 'time: missing unit in duration "1m1"'],
    ["1.5.5s", 'time: missing unit in duration "1.5.5s"'],
    ["1d", 'time: unknown unit "d" in duration "1d"'],
    ["5S", 'time: unknown unit "S" in duration "5S"'],
    ["5 s", 'time: unknown unit " s" in duration "5 s"'],
    ["5\u00e9", 'time: unknown unit "\\xc3\\xa9" in duration "5\\xc3\\xa9"'],
    ['5"\\\n', 'time: unknown unit "\\"\\\\\\x0a" in duration "5\\"\\\\\\x0a"'],
    ["2562048h", 'time: invalid duration "2562048h"'],
    ["9223372036854775808ns", 'time: invalid duration "9223372036854775808ns"'],
    ["-9223372036854775809ns", 'time: invalid duration "-9223372036854775809ns"'],
    ["9223372036854775807ns1ns", 'time: invalid duration "9223372036854775807ns1ns"']
  ]
  for (const [text, error] of refusals) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.deepStrictEqual(Duration.parse(text), { error }))
  }
})

describe("keepAlive", () => {
  it("takes numbers for seconds", () => {
    assert.deepStrictEqual(Duration.keepAlive(300), { value: 3e11 })
    assert.deepStrictEqual(Duration.keepAlive(0), { value: 0 })
    assert.deepStrictEqual(Duration.keepAlive(1.999_999_999_9), { value: 1_999_999_999 })
  })

  it("takes all below zero for ever", () => {
    for (const value of [-1, -0.000_1, "-1s", "-1h"]) assert.deepStrictEqual(Duration.keepAlive(value), { value: -1 })
    assert.deepStrictEqual(Duration.keepAlive("-0s"), { value: 0 })
  })

  it("takes texts for spans, and refuses them as Go does", () => {
    assert.deepStrictEqual(Duration.keepAlive("10m"), { value: 6e11 })
    assert.deepStrictEqual(Duration.keepAlive("soon"), { error: 'time: invalid duration "soon"' })
    assert.deepStrictEqual(Duration.keepAlive("-1"), { error: 'time: missing unit in duration "-1"' })
  })

  it("gives no time to seconds past what 64 bits hold", () => {
    assert.deepStrictEqual(Duration.keepAlive(1e10), { value: 1 })
    assert.deepStrictEqual(Duration.keepAlive(1e300), { value: 1 })
  })

  it("names the Go type of anything else", () => {
    assert.deepStrictEqual(Duration.keepAlive(true), { error: "Unsupported type: 'bool'" })
    assert.deepStrictEqual(Duration.keepAlive([]), { error: "Unsupported type: '[]interface {}'" })
    assert.deepStrictEqual(Duration.keepAlive({}), { error: "Unsupported type: 'map[string]interface {}'" })
    assert.deepStrictEqual(Duration.keepAlive(null), { error: "Unsupported type: '%!s(<nil>)'" })
  })
})
