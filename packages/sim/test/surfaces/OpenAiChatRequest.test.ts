/** Holds what is asked at `/v1/chat/completions` to what Ollama 0.34.0 makes of it. */
import { describe, expect, it } from "vitest"
import type { Chat } from "../../src/ollama/Request.ts"
import { handler } from "../../src/surfaces/OpenAiChat.ts"
import { played } from "./played.ts"

const hello = { model: "tiny-a", messages: [{ role: "user", content: "hello there" }] }

const sent = (body: unknown) => played(handler, body).sent
const asked = (body: unknown) => played(handler, body).asked[0]

describe("a refusal", () => {
  const own = (message: string) => ({
    status: 400,
    headers: ["Content-Type: application/json; charset=utf-8"],
    packets: [
      `{"error":{"message":"${message.replaceAll('"', '\\"')}",` +
        '"type":"invalid_request_error","param":null,"code":null}}'
    ],
    isWhole: true,
    isEnded: true
  })

  it.each([
    ["", "EOF"],
    ['{"model": "tiny-a", ', "unexpected EOF"],
    ["[1]", "json: cannot unmarshal array into Go value of type openai.ChatCompletionRequest"],
    [
      '{"max_tokens":"x"}',
      "json: cannot unmarshal string into Go struct field ChatCompletionRequest.max_tokens of type int"
    ],
    ['{"model":"tiny-a","messages":[]}', "[] is too short - 'messages'"],
    ['{"messages":[{"role":"user"}]}', "invalid message content type: \\u003cnil\\u003e"],
    ['{"messages":[{"content":5}]}', "invalid message content type: float64"],
    ['{"messages":[{"content":{}}]}', "invalid message content type: map[string]interface {}"],
    ['{"messages":[{"content":[1]}]}', "invalid message format"],
    ['{"messages":[{"content":[{"type":"text"}]}]}', "invalid message format"],
    ['{"messages":[{"content":[{"type":"video"}]}]}', "invalid message format"],
    ['{"messages":[{"content":[{"type":"input_audio"}]}]}', "invalid input_audio format"],
    [
      '{"messages":[{"content":[{"type":"input_audio","input_audio":{}}]}]}',
      "invalid input_audio format: missing data"
    ],
    [
      '{"messages":[{"content":[{"type":"input_audio","input_audio":{"data":"!"}}]}]}',
      "invalid input_audio base64 data: illegal base64 data at input byte 0"
    ],
    [
      '{"messages":[{"content":[{"type":"image_url","image_url":{"url":"http://x/y.png"}}]}]}',
      "image URLs are not currently supported, please use base64 encoded data instead"
    ],
    [
      '{"messages":[{"content":[{"type":"image_url","image_url":"data:image/gif;base64,AA=="}]}]}',
      "invalid image input"
    ],
    ['{"messages":[{"content":[{"type":"image_url","image_url":"data:image/png;base64,A"}]}]}', "invalid image input"],
    [
      '{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"x"}}]}]}',
      "invalid tool call arguments"
    ],
    [
      '{"messages":[{"content":"x"}],"reasoning_effort":"silly"}',
      'invalid reasoning value: "silly" ' +
        '(must be "minimal", "low", "medium", "high", "xhigh", "ultra", "max", or "none")'
    ]
  ])("of %s says %s", (body, message) => {
    expect(sent(body)).toStrictEqual(own(message))
  })
})

describe("a request", () => {
  it("asks for what OpenAI does where nothing is said", () => {
    expect(asked(hello)).toStrictEqual({
      model: "tiny-a",
      messages: [{ role: "user", content: "hello there" }],
      tools: [],
      stream: false,
      options: { temperature: 1, top_p: 1 },
      logprobs: false,
      topLogprobs: 0
    })
  })

  it("hands on what is said about sampling, under its native name", () => {
    const body = {
      ...hello,
      max_tokens: 5,
      seed: 1,
      stop: ["a", 1, "b"],
      temperature: 0,
      top_p: 0.5,
      frequency_penalty: 0.1,
      presence_penalty: 0.2,
      logprobs: true,
      top_logprobs: 2
    }
    expect(asked(body)).toMatchObject({
      logprobs: true,
      topLogprobs: 2,
      options: {
        num_predict: 5,
        seed: 1,
        stop: ["a", "b"],
        temperature: 0,
        top_p: 0.5,
        frequency_penalty: 0.1,
        presence_penalty: 0.2
      }
    })
    expect(asked({ ...hello, stop: "x" })).toMatchObject({ options: { stop: ["x"] } })
  })

  it.each([
    ["json_object", "json"],
    [" JSON_Schema", { type: "object" }],
    ["text", undefined]
  ])("of the format %s asks for %o", (type, format) => {
    const body = { ...hello, response_format: { type, json_schema: { schema: { type: "object" } } } }
    expect((asked(body) as { format?: unknown }).format).toStrictEqual(format)
  })

  it.each([
    [{ reasoning_effort: "none" }, false],
    [{ reasoning_effort: "minimal" }, "low"],
    [{ reasoning_effort: "ultra" }, "max"],
    [{ reasoning: { effort: "high" }, reasoning_effort: "low" }, "high"],
    [{ reasoning: {}, reasoning_effort: "low" }, undefined]
  ])("with %o thinks %s", (effort, think) => {
    expect((asked({ ...hello, ...effort }) as { think?: unknown }).think).toBe(think)
  })

  it("makes a turn of each part, and holds images as they are", () => {
    const content = [
      { type: "text", text: "What is it?" },
      { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
      { type: "image_url", image_url: "data:;base64,BBBB" }
    ]
    expect(asked({ ...hello, messages: [{ role: "User", content }] })).toMatchObject({
      messages: [
        { role: "user", content: "What is it?" },
        { role: "user", content: "", images: ["AAAA"] },
        { role: "user", content: "", images: ["BBBB"] }
      ]
    })
  })

  it("names the tool that a result is of, from the call before it", () => {
    const callOf = (name: string, given: string) => ({ id: "call_1", function: { name, arguments: given } })
    const calls = [callOf("e", "null"), callOf("f", '{"a":1}')]
    const messages = [
      { role: "assistant", tool_calls: calls, reasoning: "Hm" },
      { role: "tool", tool_call_id: "call_1", content: "2" },
      { role: "tool", name: "g", content: "3" },
      { role: "tool", tool_call_id: "call_2", content: "4" },
      { role: "tool", name: "g", tool_calls: [] }
    ]
    const tools = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }]
    const toolCalls = [
      { name: "e", arguments: {} },
      { name: "f", arguments: { a: 1 } }
    ]
    const chat = asked({ ...hello, messages, tools }) as Chat
    expect(chat.tools).toStrictEqual([{ name: "f" }])
    expect(chat.messages).toStrictEqual([
      { role: "assistant", content: "", thinking: "Hm", toolCalls },
      { role: "tool", content: "2", toolName: "f" },
      { role: "tool", content: "3", toolName: "g" },
      { role: "tool", content: "4" },
      { role: "tool", content: "" }
    ])
  })
})
