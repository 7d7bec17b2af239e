/**
 * Bodies that a server would not take, one for each rule that a reference holds a wire to: a rule that cannot go red is
 * none.
 */
import { mediaTypeOf } from "./Dialect.ts"

/** A body, and what is wrong with it. */
export type Planted = readonly [rule: RegExp, body: object]

const user = { role: "user", content: "hello" }
const jpeg = Buffer.from("\xff\xd8\xff\xe0", "latin1").toString("base64")
const open = { type: "object", properties: { a: {} } }

const ollama = { model: "a", truncate: false, messages: [user] }

const openAi = { model: "a", stream: true, stream_options: { include_usage: true }, messages: [user] }
const called = (id: string) => ({
  role: "assistant",
  content: null,
  tool_calls: [{ id, type: "function", function: { name: "f", arguments: "{}" } }]
})
const tool = (id: string) => ({ role: "tool", tool_call_id: id, content: "42" })
const schema = (strict: boolean) => ({ type: "json_schema", json_schema: { name: "a", schema: open, strict } })

const anthropic = { model: "a", max_tokens: 2_048, stream: true, messages: [user] }
const use = (id: string) => ({ role: "assistant", content: [{ type: "tool_use", id, name: "f", input: {} }] })
const result = (id: string) => ({ type: "tool_result", tool_use_id: id, content: "42" })
const results = (...ids: ReadonlyArray<string>) => ({ role: "user", content: ids.map(result) })
const system = { role: "system", content: "be kind" }
const answer = { role: "assistant", content: "hi" }
const turns = (...messages: ReadonlyArray<object>) => ({ ...anthropic, messages })
const image = (media_type: string) => ({ type: "image", source: { type: "base64", media_type, data: jpeg } })

/** Those of each dialect, by its name. */
export const planted: Readonly<Record<string, ReadonlyArray<Planted>>> = {
  Ollama: [
    [/no stream/, { ...ollama, stream: false }],
    [/may be cut/, { ...ollama, truncate: true }],
    [/no field "num_ctx"/, { ...ollama, options: { num_ctx: 9 } }],
    [/num_predict is not from 1/, { ...ollama, options: { num_predict: 0 } }],
    [/no base64/, { ...ollama, messages: [{ ...user, images: [`data:image/jpeg;base64,${jpeg}`] }] }],
    [/no arguments/, { ...ollama, messages: [{ ...user, tool_calls: [{ function: { name: "f", arguments: "{}" } }] }] }]
  ],
  OpenAI: [
    [/nobody asked for the usage/, { ...openAi, stream_options: {} }],
    [/two bounds/, { ...openAi, max_tokens: 1, max_completion_tokens: 1 }],
    [/goes with logprobs/, { ...openAi, top_logprobs: 2 }],
    [/more than four stops/, { ...openAi, stop: ["a", "b", "c", "d", "e"] }],
    [/tools has fewer than 1/, { ...openAi, tools: [] }],
    [/goes with tools/, { ...openAi, tool_choice: "auto" }],
    [/no field "reasoning_content"/, { ...openAi, messages: [{ ...answer, reasoning_content: "hm" }] }],
    [/answers nothing that was called/, { ...openAi, messages: [user, tool("c")] }],
    [/comes before the answers/, { ...openAi, messages: [called("c"), user] }],
    [/calls have no answers/, { ...openAi, messages: [user, called("c")] }],
    [/longer than 40/, { ...openAi, messages: [called("c".repeat(41)), tool("c".repeat(41))] }],
    [/must not have a part image_url/, { ...openAi, messages: [{ role: "system", content: [{ type: "image_url" }] }] }],
    [
      new RegExp(`is ${mediaTypeOf(jpeg)}, and not image/png`),
      {
        ...openAi,
        messages: [{ ...user, content: [{ type: "image_url", image_url: { url: `data:image/png;base64,${jpeg}` } }] }]
      }
    ],
    [/not strict is called so/, { ...openAi, response_format: schema(true) }]
  ],
  Anthropic: [
    [/max_tokens is required/, { ...anthropic, max_tokens: undefined }],
    [/text that says nothing/, turns({ ...user, content: " \n" })],
    [/text that says nothing/, turns({ ...user, content: [{ type: "text", text: "" }] })],
    [/must not have a block image/, turns(user, { ...answer, content: [image("image/jpeg")] })],
    [/is image\/jpeg, and not image\/png/, turns({ ...user, content: [image("image/png")] })],
    [/a signature is no text/, turns(user, { ...answer, content: [{ type: "thinking", thinking: "hm" }] })],
    [
      /calls of a, b are open/,
      turns(user, { ...answer, content: [...use("a").content, ...use("b").content] }, results("a"))
    ],
    [/calls of a are open/, turns(user, use("a"), user)],
    [/results of a, and calls of {2}are open/, turns(user, answer, results("a"))],
    [/come too late/, turns(user, use("a"), results("a"), results("b"))],
    [/behind something else/, turns(user, use("a"), { ...user, content: [{ type: "text", text: "x" }, result("a")] })],
    [/"a\.b" is no id/, turns(user, use("a.b"), results("a.b"))],
    [/two calls a/, turns(user, use("a"), results("a"), use("a"), results("a"))],
    [/nothing answers a/, turns(user, use("a"))],
    [/must follow a 'user'/, turns(user, answer, system, answer)],
    [/must precede an 'assistant'/, turns(user, system, user)],
    [/budget_tokens is not from 1024/, { ...anthropic, thinking: { type: "enabled", budget_tokens: 1_023 } }],
    [/budget_tokens is not from 1024/, { ...anthropic, thinking: { type: "enabled", budget_tokens: 2_048 } }],
    [/effort goes with/, { ...anthropic, output_config: { effort: "low" } }],
    [/input_schema is no object/, { ...anthropic, tools: [{ name: "f", input_schema: {} }] }],
    [/goes with tools/, { ...anthropic, tool_choice: { type: "auto" } }],
    [/only space/, { ...anthropic, stop_sequences: ["\n"] }]
  ]
}
