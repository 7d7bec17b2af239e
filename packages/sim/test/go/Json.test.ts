/**
 * Whether JSON is read and written as Go does: each complaint here was taken down from Go 1.26 and the types of
 * Ollama 0.34.0.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "../../src/go/Duration.ts"
import * as Json from "../../src/go/Json.ts"

const toolCall = Json.struct("ToolCall", "api", {
  id: Json.string,
  function: Json.struct("ToolCallFunction", "api", { index: Json.integer, name: Json.string })
})
const alias = Json.struct("Alias", "api", {
  role: Json.string,
  content: Json.string,
  images: Json.list(Json.bytes("api.ImageData"), "[]api.ImageData"),
  tool_calls: Json.list(toolCall, "[]api.ToolCall")
})
const message = Json.custom((_, text) => Json.unmarshal(alias, text))
const tool = Json.struct("Tool", "api", {
  type: Json.string,
  function: Json.struct("ToolFunction", "api", { name: Json.string })
})
const chat = Json.struct("ChatRequest", "api", {
  model: Json.string,
  messages: Json.list(message, "[]api.Message"),
  stream: Json.boolean,
  format: Json.raw,
  keep_alive: Duration.keepAliveShape,
  tools: Json.list(tool, "api.Tools"),
  options: Json.map("map[string]interface {}"),
  top_logprobs: Json.integer
})

const inner = Json.struct("Inner", "main", {
  name: Json.string,
  count: Json.integer,
  deep: Json.struct("Inner2", "main", { nums: Json.list(Json.integer, "[]int") }),
  tags: Json.map("map[string]string", Json.string)
})
const outer = Json.struct("Outer", "main", {
  top_p: Json.number,
  low: Json.float32,
  any: Json.any,
  inner,
  list: Json.list(inner, "[]main.Inner"),
  maps: Json.map("map[string]main.Inner", inner),
  image: Json.bytes("api.ImageData")
})

const complaints = (
  title: string,
  read: (text: string) => Json.Decoded<unknown>,
  table: ReadonlyArray<readonly [text: string, error: string]>
): void => {
  describe(title, () => {
    for (const [text, error] of table) {
      it(`${JSON.stringify(text.slice(0, 64))} as Go does`, () => assert.strictEqual(read(text).error, error))
    }
  })
}

const into = (field: string, found: string, type: string): string =>
  `json: cannot unmarshal ${found} into Go struct field ${field} of type ${type}`

complaints("decode refuses the syntax of", (text) => Json.decode(Json.any, text), [
  ["", "EOF"],
  [" \n", "EOF"],
  ["{", "unexpected EOF"],
  ["nul", "unexpected EOF"],
  ["-", "unexpected EOF"],
  ['"a', "unexpected EOF"],
  ["[1,", "unexpected EOF"],
  ["x", "invalid character 'x' looking for beginning of value"],
  ["{x", "invalid character 'x' looking for beginning of object key string"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 2}', "invalid character '2' after object key:value pair"],
  ['{"a":"b""c"}', "invalid character '\"' after object key:value pair"],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ["[1 2]", "invalid character '2' after array element"],
  ["[1}", "invalid character '}' after array element"],
  ["[1,]", "invalid character ']' looking for beginning of value"],
  ["[01]", "invalid character '1' after array element"],
  ["+1", "invalid character '+' looking for beginning of value"],
  ["-a", "invalid character 'a' in numeric literal"],
  ["[1.a]", "invalid character 'a' after decimal point in numeric literal"],
  ["[1ea]", "invalid character 'a' in exponent of numeric literal"],
  ["[1e+]", "invalid character ']' in exponent of numeric literal"],
  ["tru_", "invalid character '_' in literal true (expecting 'e')"],
  ["falze", "invalid character 'z' in literal false (expecting 's')"],
  ["nil", "invalid character 'i' in literal null (expecting 'u')"],
  ['"\\x"', "invalid character 'x' in string escape code"],
  ['"\\u12G4"', "invalid character 'G' in \\u hexadecimal character escape"],
  ['"a\nb"', "invalid character '\\n' in string literal"],
  ["\u0000", "invalid character '\\x00' looking for beginning of value"],
  ["\u007f", "invalid character '\\x7f' looking for beginning of value"],
  ["\u00e9", "invalid character '\u00c3' looking for beginning of value"],
  ["\ufeff{}", "invalid character '\u00ef' looking for beginning of value"],
  ["\u{1f600}", "invalid character '\u00f0' looking for beginning of value"],
  ["'a'", "invalid character '\\'' looking for beginning of value"],
  ["\\", "invalid character '\\\\' looking for beginning of value"],
  ["[".repeat(10_001), "invalid character '[' exceeded max depth"]
])

complaints("unmarshal refuses the syntax of", (text) => Json.unmarshal(Json.any, text), [
  ["", "unexpected end of JSON input"],
  ["{", "unexpected end of JSON input"],
  ['"a', "unexpected end of JSON input"],
  ["nul", "invalid character ' ' in literal null (expecting 'l')"],
  ["-", "invalid character ' ' in numeric literal"],
  ["[1.", "invalid character ' ' after decimal point in numeric literal"],
  ['"\\u1', "invalid character ' ' in \\u hexadecimal character escape"],
  ["{} x", "invalid character 'x' after top-level value"],
  ["1 2", "invalid character '2' after top-level value"],
  ['{}"', "invalid character '\"' after top-level value"],
  ["truex", "invalid character 'x' after top-level value"]
])

complaints("decode refuses the chat", (text) => Json.decode(chat, text), [
  ["1", "json: cannot unmarshal number into Go value of type api.ChatRequest"],
  ['"x"', "json: cannot unmarshal string into Go value of type api.ChatRequest"],
  ["[]", "json: cannot unmarshal array into Go value of type api.ChatRequest"],
  ["true", "json: cannot unmarshal bool into Go value of type api.ChatRequest"],
  ['{"model":1}', into("ChatRequest.model", "number", "string")],
  ['{"MODEL":true}', into("ChatRequest.model", "bool", "string")],
  ['{"messages":"x"}', into("ChatRequest.messages", "string", "[]api.Message")],
  ['{"messages":[1]}', into("ChatRequest.messages", "number", "api.Alias")],
  ['{"messages":[{"role":1}]}', into("ChatRequest.messages.role", "number", "string")],
  ['{"messages":[{"tool_calls":[{"id":1}]}]}', into("ChatRequest.messages.tool_calls.id", "number", "string")],
  ['{"messages":[{"images":["data:image/png;base64,aGk="]}]}', "illegal base64 data at input byte 4"],
  // What a type says that reads itself ends the reading, and goes before all that was found until then.
  ['{"model":1,"messages":[{"role":2}]}', into("ChatRequest.messages.role", "number", "string")],
  [
    '{"messages":[{"role":1},"x"],"stream":2,"keep_alive":"soon"}',
    into("ChatRequest.messages.role", "number", "string")
  ],
  ['{"model":1,"stream":2}', into("ChatRequest.model", "number", "string")],
  ['{"options":[]}', into("ChatRequest.options", "array", "map[string]interface {}")],
  ['{"options":{"seed":1e999}}', into("ChatRequest.options", "number 1e999", "float64")],
  ['{"top_logprobs":1.5}', into("ChatRequest.top_logprobs", "number 1.5", "int")],
  ['{"top_logprobs":1.0}', into("ChatRequest.top_logprobs", "number 1.0", "int")],
  ['{"top_logprobs":1e3}', into("ChatRequest.top_logprobs", "number 1e3", "int")],
  ['{"top_logprobs":9223372036854775808}', into("ChatRequest.top_logprobs", "number 9223372036854775808", "int")],
  ['{"top_logprobs":"1"}', into("ChatRequest.top_logprobs", "string", "int")],
  ['{"stream":0}', into("ChatRequest.stream", "number", "bool")],
  ['{"keep_alive":"soon"}', 'time: invalid duration "soon"'],
  ['{"keep_alive":{}}', "Unsupported type: 'map[string]interface {}'"],
  ['{"keep_alive":1e999}', into("ChatRequest.keep_alive", "number 1e999", "float64")],
  ['{"tools":[{"function":{"name":[]}}]}', into("ToolFunction.tools.function.name", "array", "string")],
  ['{"tools":{}}', into("ChatRequest.tools", "object", "api.Tools")]
])

complaints("decode refuses what is nested in", (text) => Json.decode(outer, text), [
  ['{"inner":{"deep":{"nums":[1,"x"]}}}', into("Inner2.inner.deep.nums", "string", "int")],
  ['{"inner":{"tags":{"a":1}}}', into("Inner.inner.tags", "number", "string")],
  ['{"list":[{"count":1.5}]}', into("Inner.list.count", "number 1.5", "int")],
  ['{"maps":{"a":{"name":1}}}', into("Inner.maps.name", "number", "string")],
  ['{"any":["3e45",[1e999]]}', into("Outer.any", "number 1e999", "float64")],
  ['{"low":1e39}', into("Outer.low", "number 1e39", "float32")],
  ['{"top_p":-1e400}', into("Outer.top_p", "number -1e400", "float64")],
  ['{"image":[256]}', into("Outer.image", "number 256", "uint8")],
  ['{"image":1}', into("Outer.image", "number", "api.ImageData")]
])

describe("decode", () => {
  const valueOf = <A>(shape: Json.Shape<A>, text: string): A => {
    const decoded = Json.decode(shape, text)
    if (decoded.error !== undefined) assert.fail(decoded.error)
    return decoded.value
  }

  it("reads the first value and ignores what follows", () => {
    assert.deepStrictEqual(valueOf(chat, ' {"model":"a"} x'), { model: "a" })
    assert.strictEqual(valueOf(Json.any, "01"), 0)
    assert.strictEqual(valueOf(Json.any, '"a"b'), "a")
  })

  it("finds fields in upper and in lower case, the exact one first", () => {
    const both = Json.struct("Both", "main", { task: Json.string, Task: Json.string })
    assert.deepStrictEqual(valueOf(both, '{"TASK":"a","Task":"b"}'), { task: "a", Task: "b" })
    assert.deepStrictEqual(valueOf(both, '{"ta\u017f\u212a":"a"}'), { task: "a" })
    assert.deepStrictEqual(valueOf(both, '{"t\\u0061sk":"a","t\u00e4sk":"b"}'), { task: "a" })
  })

  it("ignores fields that nobody knows, whatever is in them", () => {
    assert.deepStrictEqual(valueOf(chat, '{"no":{"model":[1e999]},"model":"a","toString":1}'), { model: "a" })
  })

  it("leaves out what is null, but for raw text", () => {
    const text = '{"model":null,"messages":null,"options":null,"keep_alive":null,"format":null}'
    assert.deepStrictEqual(valueOf(chat, text), { format: "null" })
    assert.deepStrictEqual(valueOf(chat, "null"), {})
  })

  it("takes null for nothing within lists and maps", () => {
    assert.deepStrictEqual(valueOf(chat, '{"messages":[null]}'), { messages: [{}] })
    assert.deepStrictEqual(valueOf(Json.list(Json.integer, "[]int"), "[null, 2]"), [0, 2])
    assert.deepStrictEqual(valueOf(Json.map("map[string]interface {}"), '{"a":null}'), { a: null })
  })

  it("takes the last of members with one name", () => {
    assert.deepStrictEqual(valueOf(chat, '{"model":"a","Model":"b","model":null}'), { model: "b" })
    assert.deepStrictEqual(valueOf(Json.any, '{"a":1,"a":2}'), { a: 2 })
  })

  it("makes U+FFFD of half a surrogate pair", () => {
    assert.strictEqual(valueOf(Json.string, '"\\ud800\\ud83d\\ude00\\udc00\\\\ud800"'), "\ufffd\u{1f600}\ufffd\\ud800")
  })

  it("keeps a member called __proto__ a member", () => {
    const made = valueOf(Json.map("map[string]interface {}"), '{"__proto__":{"a":1}}')
    assert.deepStrictEqual(Object.keys(made), ["__proto__"])
    assert.strictEqual(made["a"], undefined)
  })

  it("reads whole numbers to the edge of 64 bits, and others to the edge of a float64", () => {
    assert.strictEqual(valueOf(Json.integer, "-9223372036854775808"), -(2 ** 63))
    assert.isTrue(Object.is(valueOf(Json.integer, "-0"), 0))
    assert.deepStrictEqual(valueOf(Json.any, '[1e308,"1e999"]'), [1e308, "1e999"])
  })

  it("keeps bytes in base64, and makes it of lists of numbers", () => {
    assert.deepStrictEqual(valueOf(outer, '{"image":"aGk="}'), { image: "aGk=" })
    assert.deepStrictEqual(valueOf(outer, '{"image":[104,105]}'), { image: "aGk=" })
  })

  it("reads ten thousand nested lists", () => {
    const text = "[".repeat(10_000) + "]".repeat(10_000)
    let depth = 0
    for (let value = valueOf(Json.any, text); Array.isArray(value); value = value[0]) depth++
    assert.strictEqual(depth, 10_000)
    assert.deepStrictEqual(valueOf(chat, `{"no":${text.slice(1, -1)}}`), {})
  })

  it("gives a type that reads itself the value and its text", () => {
    const pair = Json.custom((value, text) => ({ value: [value, text] }))
    assert.deepStrictEqual(valueOf(Json.list(pair, "[]main.Pair"), '[ {"a": 1} ,null]'), [
      [{ a: 1 }, '{"a": 1}'],
      [null, "null"]
    ])
  })

  it("infers what is decoded", () => {
    const value: { readonly model?: string; readonly options?: Readonly<Record<string, unknown>> } = valueOf(chat, "{}")
    const name: string | undefined = valueOf(outer, '{"list":[{"name":"a"}]}').list?.[0]?.name
    assert.deepStrictEqual([value, name], [{}, "a"])
  })
})

describe("encode", () => {
  it("escapes in texts and keys what could end a script", () => {
    assert.strictEqual(Json.encode("<b>&\u2028\u2029"), '"\\u003cb\\u003e\\u0026\\u2028\\u2029"')
    assert.strictEqual(Json.encode({ "<": 1 }), '{"\\u003c":1}')
  })

  it("writes other characters as Go does", () => {
    assert.strictEqual(
      Json.encode("\b\f\n\r\t\v\u0000\u007f/'\u00e9"),
      '"\\b\\f\\n\\r\\t\\u000b\\u0000\u007f/\'\u00e9"'
    )
  })

  it("writes numbers as Go does", () => {
    assert.strictEqual(
      Json.encode([1, 1.5, 1e20, 1e21, 1e-6, 1e-7]),
      "[1,1.5,100000000000000000000,1e+21,0.000001,1e-7]"
    )
  })

  it("writes bigints as numbers, and leaves out what is undefined", () => {
    const value = { at: 1_700_000_000_123_456_789n, none: undefined, list: [1n, undefined, { "<": null }], text: '"' }
    assert.strictEqual(Json.encode(value), '{"at":1700000000123456789,"list":[1,null,{"\\u003c":null}],"text":"\\""}')
    assert.strictEqual(Json.encode({ none: undefined, one: 1 }), '{"one":1}')
  })
})
