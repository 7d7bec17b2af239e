/** Holds what is asked at `/v1/responses` to what Ollama 0.34.0 makes of it. */
import { describe, expect, it } from "vitest"
import type { Chat } from "../../src/ollama/Request.ts"
import { handler } from "../../src/surfaces/OpenAiResponses.ts"
import { played } from "./played.ts"

const hello = { model: "tiny-a", input: "hello there" }

const sent = (body: unknown) => played(handler, body).sent
const asked = (body: unknown) => played(handler, body).asked[0]

describe("a refusal", () => {
  const error = (message: string, code: string | null = null): string =>
    `{"error":${JSON.stringify({ message, type: "invalid_request_error", param: null, code })}}`

  it.each([
    ["", "missing request body"],
    ['{"model": "tiny-a", "x": ', "invalid Responses request: unexpected end of JSON input"],
    ["[1]", "invalid Responses request: json: cannot unmarshal array into Go value of type map[string]json.RawMessage"],
    ['{"input":"x"}', "model is required"],
    ['{"model":5}', "model is required"],
    ['{"model":"a"}', "input is required"],
    [
      '{"model":"a","input":5}',
      "input must be a string or array: json: cannot unmarshal number into Go value of type []json.RawMessage"
    ],
    [
      '{"model":"a","input":"x","stream":5}',
      "invalid stream value: json: cannot unmarshal number into Go value of type bool"
    ],
    [
      '{"model":"a","input":"x","tools":5}',
      "invalid tools: json: cannot unmarshal number into Go value of type []openai.ResponsesTool"
    ],
    ['{"model":"a","input":[{"type":"compaction"}]}', "invalid compaction item"],
    [
      '{"model":"a","input":[{"type":"compaction","encrypted_content":"x"}]}',
      "unsupported compaction item: encrypted_content is not an Ollama payload"
    ]
  ])("bears a code before the body is read as a request: %s", (body, message) => {
    expect(sent(body)).toMatchObject({
      status: 400,
      headers: ["Content-Type: application/json; charset=utf-8"],
      packets: [error(message, "invalid_request_error")]
    })
  })

  it.each([
    [{ input: [{}] }, "input[0]: input item missing required 'type' field"],
    [{ input: [{ type: "x" }] }, 'input[0]: unknown input item type: "x"'],
    [
      { input: [{ role: "user", content: 5 }] },
      "input[0]: content must be a string or array: " +
        "json: cannot unmarshal number into Go value of type []json.RawMessage"
    ],
    [{ input: [{ role: "user", content: [{ type: "x" }] }] }, "input[0]: content[0]: unknown content type: x"],
    [{ input: [{ role: "user", content: [{ type: "input_file" }] }] }, "file inputs are not currently supported"],
    [
      { input: [{ role: "user", content: [{ type: "input_image", image_url: "http://x" }] }] },
      "image URLs are not currently supported, please use base64 encoded data instead"
    ],
    [
      { input: [{ type: "function_call_output", call_id: " " }] },
      "input[0]: function output call_id must not be empty"
    ],
    [{ input: [{ type: "function_call_output" }] }, "input[0]: standalone function output is missing name"],
    [
      { input: [{ type: "function_call_output", call_id: "x", output: [{ type: "x" }] }] },
      "input[0]: output[0]: unknown content type: x"
    ],
    [
      { input: [{ type: "function_call", arguments: "x" }] },
      "failed to parse function call arguments: invalid character 'x' looking for beginning of value"
    ],
    [
      { input: "x", tools: [{ parameters: { type: 5 } }] },
      "failed to unmarshal tool parameters: " +
        "json: cannot unmarshal number into Go struct field ToolFunctionParameters.type of type string"
    ],
    [
      { input: "x", tools: [{ type: "tool_search", execution: "server" }] },
      'tool_search execution "server" is not supported; use client execution'
    ]
  ])("bears none after that: %o", (body, message) => {
    expect(sent({ model: "a", ...body })).toMatchObject({
      status: 400,
      headers: ["Content-Type: application/json; charset=utf-8"],
      packets: [error(message)]
    })
  })
})

describe("a request", () => {
  it("asks for a temperature and nothing else of its own", () => {
    expect(asked(hello)).toStrictEqual({
      model: "tiny-a",
      messages: [{ role: "user", content: "hello there" }],
      tools: [],
      stream: false,
      options: { temperature: 1 }
    })
  })

  it("hands on what is said about the answer", () => {
    const text = { format: { type: "json_schema", schema: { type: "object" } } }
    const body = { ...hello, text, top_p: 0.5, temperature: 0, max_output_tokens: 3, reasoning: { effort: "high" } }
    expect(asked({ ...body, stream: true, instructions: "Be brief." })).toMatchObject({
      stream: true,
      format: { type: "object" },
      think: "high",
      options: { temperature: 0, top_p: 0.5, num_predict: 3 },
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "hello there" }
      ]
    })
  })

  it("gathers what was thought, said and called into turns", () => {
    const input = [
      { role: "Developer", content: "a" },
      { type: "reasoning", encrypted_content: "Hm" },
      { type: "function_call", call_id: "1", name: "f", arguments: '{"a":1}' },
      { type: "function_call", call_id: "2", name: "g" },
      {
        role: "assistant",
        content: [
          { type: "output_text", text: "So " },
          { type: "output_text", text: "be it" }
        ]
      },
      { type: "function_call_output", call_id: "1", output: [{ type: "input_text", text: "b" }] },
      { type: "function_call_output", name: "h", output: "c" },
      { role: "user", content: [{ type: "input_image", image_url: "data:image/png;base64,AAAA" }] },
      { type: "agent_message", author: "x", recipient: "y", content: [{ type: "input_text", text: "d" }] },
      { type: "web_search_call", id: "ws_1" },
      { type: "reasoning", encrypted_content: "Ah" }
    ]
    const toolCalls = [
      { name: "f", arguments: { a: 1 } },
      { name: "g", arguments: {} }
    ]
    expect(asked({ ...hello, input })).toMatchObject({
      messages: [
        { role: "developer", content: "a" },
        { role: "assistant", content: "So be it", thinking: "Hm", toolCalls },
        { role: "tool", content: "b" },
        { role: "tool", content: "c", toolName: "h" },
        { role: "user", content: "", images: ["AAAA"] },
        { role: "user", content: 'Agent message from "x" to "y":\nd' },
        { role: "assistant", content: "", thinking: "Ah" }
      ]
    })
  })

  it("thinks a thought once", () => {
    const turn = { role: "assistant", content: "a" }
    const input = [{ type: "reasoning", encrypted_content: "Hm" }, turn, turn]
    expect((asked({ ...hello, input }) as Chat).messages).toStrictEqual([{ ...turn, thinking: "Hm" }, turn])
  })

  it("names the tools as the model knows them, and the built-in ones once", () => {
    const tools = [
      { type: "web_search" },
      { type: "function", name: "web_search" },
      { type: "function", name: "f", parameters: { type: "object", properties: { a: { type: ["string", "null"] } } } },
      { type: "namespace", name: "files", tools: [{ name: "read" }, { name: "_write" }, { name: "files_list" }] }
    ]
    const named = ["web_search", "f", "files.read", "files_write", "files_list"].map((name) => ({ name }))
    expect(asked({ ...hello, tools })).toMatchObject({ tools: named })
  })
})
