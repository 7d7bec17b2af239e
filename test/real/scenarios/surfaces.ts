/**
 * The same question on every surface: OpenAI's and Anthropic's shapes, made of what the native one says.
 */
import { lastOf, written } from "../mask.ts"
import { ask, askEach, chat, embedding, everywhere, generate, scenario, type Scenario, surfaces } from "../scenario.ts"

const short = "hello there [[sim tokens=3]]"

/** The scenarios. */
export const onSurfaces: ReadonlyArray<Scenario> = [
  scenario("every surface has its own shape", (target) => askEach(target, everywhere(short))),
  scenario("every surface says that an answer was cut", (target) =>
    askEach(target, {
      ...everywhere("hello there [[sim tokens=9]]", {
        max_tokens: 4,
        max_output_tokens: 4,
        options: { num_predict: 4 }
      })
    })
  ),
  scenario("every surface has an answer to an answer of no tokens", (target) =>
    askEach(target, everywhere("hello [[sim tokens=0]]"))
  ),
  scenario("every surface shapes what a model with its own template says", (target) =>
    askEach(target, everywhere(short, { model: "mini-j" }))
  ),
  scenario("a prompt is shown as the model would read it, also one whose answer has begun", (target) => {
    const messages = [
      { role: "user", content: "How high?" },
      { role: "assistant", content: "It is " }
    ]
    const shown = { messages, _debug_render_only: true, truncate: false }
    return askEach(target, {
      chat: chat("", shown),
      "by its own template": chat("", { ...shown, model: "mini-j" }),
      "not as a stream": chat("", { ...shown, stream: false }),
      "with an end": chat("", { ...shown, messages: [...messages, { role: "user", content: "Well?" }] }),
      generate: generate("How high?", { _debug_render_only: true })
    })
  }),
  scenario("usage comes in a stream where it is wanted", (target) =>
    askEach(target, {
      "v1 chat": surfaces["v1 chat"]!(short, { stream: true, stream_options: { include_usage: true } }),
      "v1 completions": surfaces["v1 completions"]!(short, { stream: true, stream_options: { include_usage: true } }),
      "not wanted": surfaces["v1 chat"]!(short, { stream: true, stream_options: { include_usage: false } })
    })
  ),
  scenario("what was read before is counted apart", (target) => {
    const long = "one two three four five [[sim tokens=2]]"
    return askEach(target, {
      first: chat(long, { stream: false }),
      again: chat(long, { stream: false }),
      "v1 chat": surfaces["v1 chat"]!(long),
      messages: surfaces.messages!(long),
      responses: surfaces.responses!(long),
      "another end": chat("one two three and more [[sim tokens=2]]", { stream: false })
    })
  }),
  scenario("stop words end an answer before they are said", async (target) => {
    const question = "hello [[sim text=w tokens=9]]"
    return askEach(target, {
      generate: generate(question, { stream: false, options: { stop: ["w3"] } }),
      chat: chat(question, { stream: false, options: { stop: ["w2", "w5"] } }),
      "v1 chat": surfaces["v1 chat"]!(question, { stop: "w3" }),
      "v1 completions": surfaces["v1 completions"]!(question, { stop: ["w1"] }),
      messages: surfaces.messages!(question, { stop_sequences: ["w4"] })
    })
  }),
  scenario("vectors on /v1", (target) =>
    askEach(target, {
      one: embedding["v1 embeddings"]!({}),
      several: embedding["v1 embeddings"]!({ input: ["one", "two words"] }),
      "in base64": embedding["v1 embeddings"]!({ encoding_format: "base64" }),
      "in another form": embedding["v1 embeddings"]!({ encoding_format: "hex" }),
      dimensions: embedding["v1 embeddings"]!({ dimensions: 4 }),
      "of nothing": embedding["v1 embeddings"]!({ input: "" }),
      "of a model of words": embedding["v1 embeddings"]!({ model: "mini-a" }),
      "natively of a model of words": embedding.embed!({ model: "mini-a" })
    })
  ),
  scenario("words of a model of vectors", (target) => askEach(target, everywhere("hello", { model: "mini-e" }))),
  scenario("models on /v1", (target) =>
    askEach(target, {
      all: { path: "/v1/models" },
      one: { path: "/v1/models/mini-a" },
      unknown: { path: "/v1/models/nobody" }
    })
  ),
  scenario("how likely the tokens were", (target) =>
    askEach(target, {
      generate: generate(short, { stream: false, logprobs: true }),
      "generate, with others": generate(short, { logprobs: true, top_logprobs: 2 }),
      chat: chat(short, { stream: false, logprobs: true, top_logprobs: 1 }),
      "v1 chat": surfaces["v1 chat"]!(short, { logprobs: true, top_logprobs: 2 }),
      "v1 chat, streamed": surfaces["v1 chat"]!(short, { stream: true, logprobs: true })
    })
  ),
  scenario("a system, several turns, and parts of content", (target) => {
    const messages = [
      { role: "system", content: "be brief" },
      { role: "user", content: "one" },
      { role: "assistant", content: "two" },
      { role: "user", content: short }
    ]
    const parts = [{ role: "user", content: [{ type: "text", text: short }] }]
    return askEach(target, {
      chat: chat("", { messages, stream: false }),
      "generate with a system": generate(short, { system: "be brief", stream: false }),
      "v1 chat": { path: "/v1/chat/completions", body: { model: "mini-a", messages } },
      "v1 chat in parts": { path: "/v1/chat/completions", body: { model: "mini-a", messages: parts } },
      "messages in parts": {
        path: "/v1/messages",
        body: { model: "mini-a", max_tokens: 9, system: "be brief", messages: parts }
      },
      responses: {
        path: "/v1/responses",
        body: { model: "mini-a", instructions: "be brief", input: [{ role: "user", content: short }] }
      }
    })
  }),
  scenario("a conversation goes on from its tokens", async (target) => {
    const first = await ask(target, generate("one two [[sim tokens=3]]", { stream: false }))
    const { context } = lastOf(first)
    const next = await ask(target, generate("more [[sim tokens=2]]", { stream: false, context }))
    return { first: written(first), next: written(next) }
  }),
  scenario("an answer in a format", (target) =>
    askEach(target, {
      json: chat("hello [[sim tokens=30]]", { stream: false, format: "json" }),
      schema: generate("hello", { stream: false, format: { type: "object", properties: { a: { type: "integer" } } } }),
      "v1 chat": surfaces["v1 chat"]!("hello [[sim tokens=30]]", { response_format: { type: "json_object" } })
    })
  )
]
