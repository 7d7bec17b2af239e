/** Holds what is asked at `/v1/messages` to what Ollama 0.34.0 makes of it. */
import { describe, expect, it } from "vitest"
import { handler } from "../../src/surfaces/Messages.ts"
import { frames, played, said } from "./played.ts"

const hello = { model: "tiny-a", messages: [{ role: "user", content: "hello there" }], max_tokens: 5 }
const streamed = { ...hello, stream: true }

const sent = (body: unknown) => played(handler, body).sent
const asked = (body: unknown) => played(handler, body).asked[0]

/** The input tokens that the first event of a stream tells. */
const estimate = (body: unknown): number => {
  const [start = ""] = played(handler, body, { answer: frames(said("a")) }).sent.packets
  return Number(/"input_tokens":(\d+)/.exec(start)?.[1])
}

describe("a refusal", () => {
  it.each([
    ["", "EOF"],
    ['{"model": "tiny-a", ', "unexpected EOF"],
    ["[1]", "json: cannot unmarshal array into Go value of type anthropic.MessagesRequest"],
    ['{"max_tokens":3}', "model is required"],
    ['{"model":"a","messages":[{}]}', "unexpected end of JSON input"],
    ['{"model":"a"}', "max_tokens is required and must be positive"],
    ['{"model":"a","max_tokens":3}', "messages is required"],
    [
      '{"model":"a","max_tokens":3,"messages":[{"content":5}]}',
      "json: cannot unmarshal number into Go struct field MessagesRequest.messages of type []anthropic.ContentBlock"
    ],
    ['{"model":"a","max_tokens":3,"messages":[{"content":[{"type":"image"}]}]}', "invalid image source"],
    [
      '{"model":"a","max_tokens":3,"messages":[{"content":[{"type":"image","source":{"type":"url"}}]}]}',
      "invalid image source type: url. Only base64 images are supported."
    ],
    [
      '{"model":"a","max_tokens":3,"messages":[{"content":[{"type":"image","source":{"type":"base64","data":"A"}}]}]}',
      "invalid base64 image data: illegal base64 data at input byte 0"
    ],
    [
      '{"model":"a","max_tokens":3,"messages":[{"content":[{"type":"tool_use"}]}]}',
      "tool_use block missing required 'id' field"
    ],
    [
      '{"model":"a","max_tokens":3,"messages":[{"content":[{"type":"tool_use","id":"x"}]}]}',
      "tool_use block missing required 'name' field"
    ],
    [
      '{"model":"a","max_tokens":3,"messages":[{"content":[{"type":"tool_result","content":[{"type":"image"}]}]}]}',
      "invalid tool_result image source"
    ]
  ])("of %s says %s", (body, message) => {
    const error = `"error":{"type":"invalid_request_error","message":"${message}"}`
    expect(sent(body)).toStrictEqual({
      status: 400,
      headers: ["Content-Type: application/json; charset=utf-8"],
      packets: [`{"type":"error",${error},"request_id":"req_0000010f0000001fabcdef01"}`],
      isWhole: true,
      isEnded: true
    })
  })
})

describe("a request", () => {
  it("asks only for what it says, and for no thinking that the model cannot do", () => {
    expect(asked(hello)).toStrictEqual({
      model: "tiny-a",
      messages: [{ role: "user", content: "hello there" }],
      tools: [],
      stream: false,
      options: { num_predict: 5 },
      relaxed: true
    })
  })

  it("hands on what is said about sampling, under its native name", () => {
    expect(asked({ ...hello, temperature: 0, top_p: 0.5, top_k: 3, stop_sequences: ["a"] })).toMatchObject({
      options: { num_predict: 5, temperature: 0, top_p: 0.5, top_k: 3, stop: ["a"] }
    })
  })

  it.each([
    [{ thinking: { type: "enabled", budget_tokens: 5 } }, true],
    [{ thinking: { type: "disabled" }, output_config: { effort: "high" } }, false],
    [{ thinking: { type: "adaptive" }, output_config: { effort: " XHigh" } }, "high"],
    [{ output_config: { effort: "low" } }, "low"],
    [{ output_config: { effort: "silly" } }, undefined]
  ])("with %o thinks %s", (more, think) => {
    expect((asked({ ...hello, ...more }) as { think?: unknown }).think).toBe(think)
  })

  it("puts the results of tools before what the user says with them, and the system first", () => {
    const image = { type: "image", source: { type: "base64", data: "AAAA" } }
    const messages = [
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "Hm" },
          { type: "tool_use", id: "call_1", name: "f", input: { a: 1 } }
        ]
      },
      {
        role: "user",
        content: [
          { type: "text", text: "And " },
          image,
          { type: "text", text: "this?" },
          { type: "tool_result", tool_use_id: "call_1", content: [{ type: "text", text: "2" }, image] },
          { type: "tool_result", tool_use_id: "call_2", content: "3" }
        ]
      }
    ]
    const system = [{ type: "text", text: "Be " }, 5, { type: "text", text: "brief." }]
    expect(asked({ ...hello, system, messages })).toMatchObject({
      messages: [
        { role: "system", content: "Be brief." },
        { role: "assistant", content: "", thinking: "Hm", toolCalls: [{ name: "f", arguments: { a: 1 } }] },
        { role: "tool", content: "2", images: ["AAAA"] },
        { role: "tool", content: "3" },
        { role: "user", content: "And this?", images: ["AAAA"] }
      ]
    })
  })

  it("drops a tool that has the name of the built-in search beside it", () => {
    const tools = [{ type: "web_search_20250305", name: "web_search" }, { name: "web_search" }, { name: "f" }]
    expect(asked({ ...hello, tools })).toMatchObject({ tools: [{ name: "web_search" }, { name: "f" }] })
    expect(asked({ ...hello, tools: tools.slice(1) })).toMatchObject({ tools: [{ name: "web_search" }, { name: "f" }] })
  })

  it.each([
    ["of one token where it says less", { messages: [{ role: "", content: "" }] }, 1],
    ["by its bytes", { messages: [{ role: "user", content: "ééé there" }] }, 4],
    ["with its system", { system: "Be brief." }, 6],
    ["with a system in parts", { system: [{ type: "text", text: "Be brief." }] }, 6],
    [
      "with what was thought",
      { messages: [{ role: "user", content: [{ type: "thinking", thinking: "12345678" }] }] },
      3
    ],
    [
      "with the whole of a tool's result",
      { messages: [{ role: "user", content: [{ type: "tool_result", is_error: false, content: "2" }] }] },
      10
    ]
  ])("is estimated %s", (_, more, tokens) => {
    expect(estimate({ ...streamed, ...more })).toBe(tokens)
  })

  it("is estimated with its tools as they were written", () => {
    const schema = '{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}'
    const content = JSON.stringify('call [[sim repeat=1 tokens=1 text={"name":"f","parameters":{"a":"x"}}]]')
    const turns = `[{"role": "user", "content": ${content}}]`
    const tools = `[{"name": "f", "input_schema": ${schema}}]`
    const body = `{"model":"tiny-a","messages":${turns},"max_tokens":50,"tools":${tools},"stream":true}`
    expect(estimate(body)).toBe(38)
  })
})
