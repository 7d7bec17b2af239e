/**
 * Requests that are wrong, on every surface: what is said of each, in which words and with which status.
 */
import { askEach, chat, embedding, generate, load, scenario, type Scenario, surfaces } from "../scenario.ts"
import type { Question } from "../wire.ts"

const paths = [
  "/api/generate",
  "/api/chat",
  "/api/embed",
  "/api/embeddings",
  "/api/show",
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/embeddings",
  "/v1/messages",
  "/v1/responses"
]

/** The same body for every path. */
const everyPath = (body: unknown): Readonly<Record<string, Question>> =>
  Object.fromEntries(paths.map((path) => [path, { path, method: "POST", body }]))

/** A body that would be right on every path, but for what is changed. */
const almost = (more: object): Readonly<Record<string, Question>> =>
  everyPath({
    model: "mini-a",
    prompt: "hi",
    input: "hi",
    messages: [{ role: "user", content: "hi [[sim tokens=1]]" }],
    max_tokens: 5,
    ...more
  })

const scenarioOf = (title: string, questions: Readonly<Record<string, Question>>): Scenario =>
  scenario(title, (target) => askEach(target, questions))

const image = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

const tool = {
  type: "function",
  function: { name: "weather", description: "tells it", parameters: { type: "object" } }
}

/** The scenarios. */
export const bad: ReadonlyArray<Scenario> = [
  scenarioOf("what is no JSON is refused", everyPath('{"model": "mini-a", nonsense')),
  scenarioOf("half an object is refused", everyPath('{"model": "mini-a", "prompt": "hi')),
  scenarioOf("an array is refused", everyPath([1, 2])),
  scenarioOf("a text is refused", everyPath('"hello"')),
  scenarioOf("no body is refused", everyPath(undefined)),
  scenarioOf("an empty object is refused", everyPath({})),
  scenarioOf("a model without a name is refused", almost({ model: "" })),
  scenarioOf("a model that is no text is refused", almost({ model: 7 })),
  scenarioOf("a name that no model can have is refused", almost({ model: "a b/c!!" })),
  scenarioOf("a model that is not there is refused", almost({ model: "nobody" })),
  scenarioOf("a tag that is not there is refused", almost({ model: "mini-a:7b" })),
  scenarioOf("a stream that is no truth value is refused", almost({ stream: "yes" })),
  scenarioOf("texts that are numbers are refused", almost({ prompt: 5, input: 5, messages: 5 })),
  scenarioOf("turns of the wrong shape are refused", {
    "a role that is a number": chat("", { messages: [{ role: 1, content: "hi" }] }),
    "content that is a number": chat("", { messages: [{ role: "user", content: 1 }] }),
    "a turn that is a text": chat("", { messages: ["hi"] }),
    "v1 chat: content that is a number": surfaces["v1 chat"]!("", { messages: [{ role: "user", content: 1 }] }),
    "v1 chat: a part of no known type": surfaces["v1 chat"]!("", {
      messages: [{ role: "user", content: [{ type: "song" }] }]
    }),
    "messages: a part of no known type": surfaces.messages!("", {
      messages: [{ role: "user", content: [{ type: "song" }] }]
    }),
    "messages: no limit": {
      path: "/v1/messages",
      body: { model: "mini-a", messages: [{ role: "user", content: "hi" }] }
    },
    "v1 chat: no messages": { path: "/v1/chat/completions", body: { model: "mini-a" } },
    "messages: no messages": { path: "/v1/messages", body: { model: "mini-a", max_tokens: 5 } },
    "responses: no input": { path: "/v1/responses", body: { model: "mini-a" } }
  }),
  scenario("a way to think that is none is refused", async (target) => {
    await load(target)
    return askEach(target, {
      "a word": chat("hi", { think: "sometimes" }),
      "a number": chat("hi", { think: 3 }),
      "a model that cannot": chat("hi", { think: true }),
      "a model that cannot, for generate": generate("hi", { think: "high" }),
      "not to think": chat("hi [[sim tokens=1]]", { think: false, stream: false }),
      "v1 chat": surfaces["v1 chat"]!("hi [[sim tokens=1]]", { reasoning_effort: "sometimes" }),
      "v1 chat, high": surfaces["v1 chat"]!("hi [[sim tokens=1]]", { reasoning_effort: "high" }),
      responses: surfaces.responses!("hi [[sim tokens=1]]", { reasoning: { effort: "high" } })
    })
  }),
  scenarioOf("a time to stay that is none is refused", {
    "a word": generate("hi", { keep_alive: "soon" }),
    "a truth value": chat("hi", { keep_alive: true }),
    "an empty text": chat("hi [[sim tokens=1]]", { keep_alive: "", stream: false }),
    "an object": embedding.embed!({ keep_alive: {} })
  }),
  scenarioOf("an option of the wrong type is refused", {
    "a number as text": generate("hi", { options: { num_ctx: "many" } }),
    "a fraction for a whole": generate("hi [[sim tokens=1]]", { stream: false, options: { top_k: 1.5 } }),
    "a text for a list": chat("hi", { options: { stop: "x" } }),
    "a list of numbers": chat("hi", { options: { stop: [1] } }),
    "a number for a truth value": chat("hi", { options: { use_mmap: 1 } }),
    "options that are a list": chat("hi", { options: [] }),
    "of vectors": embedding.embed!({ options: { num_ctx: "many" } }),
    "an option that nobody knows": chat("hi [[sim tokens=1]]", { stream: false, options: { flavour: "mint" } }),
    "v1 chat: temperature": surfaces["v1 chat"]!("hi", { temperature: "warm" }),
    "v1 chat: max_tokens": surfaces["v1 chat"]!("hi", { max_tokens: "few" }),
    "v1 chat: stop": surfaces["v1 chat"]!("hi [[sim tokens=1]]", { stop: 5 }),
    "messages: max_tokens": surfaces.messages!("hi", { max_tokens: -1 })
  }),
  scenario("a format that is none is refused", async (target) => {
    await load(target)
    return askEach(target, {
      "a word": chat("hi", { format: "yaml" }),
      "a word, not streamed": generate("hi", { format: "yaml", stream: false }),
      "a number": chat("hi", { format: 5, stream: false }),
      "a list": generate("hi", { format: [1], stream: false }),
      "an empty text": chat("hi [[sim tokens=1]]", { format: "", stream: false }),
      nothing: chat("hi [[sim tokens=1]]", { format: null, stream: false }),
      "with its own template": chat("hi", { model: "mini-j", format: "yaml", stream: false })
    })
  }),
  scenario("likelihoods that nobody can tell are refused", async (target) => {
    await load(target)
    return askEach(target, {
      "too many": chat("hi", { logprobs: true, top_logprobs: 21 }),
      "fewer than none": generate("hi", { logprobs: true, top_logprobs: -1 }),
      "others without their own": chat("hi [[sim tokens=1]]", { top_logprobs: 2, stream: false }),
      "v1 chat: too many": surfaces["v1 chat"]!("hi", { logprobs: true, top_logprobs: 21 })
    })
  }),
  scenarioOf("tools that a model cannot use are refused", {
    chat: chat("hi", { tools: [tool] }),
    "chat, not streamed": chat("hi", { tools: [tool], stream: false }),
    "with its own template": chat("hi", { model: "mini-j", tools: [tool] }),
    "no tools": chat("hi [[sim tokens=1]]", { tools: [], stream: false }),
    "v1 chat": surfaces["v1 chat"]!("hi", { tools: [tool] }),
    messages: surfaces.messages!("hi", { tools: [{ name: "weather", input_schema: { type: "object" } }] }),
    responses: surfaces.responses!("hi", { tools: [{ type: "function", name: "weather", parameters: {} }] })
  }),
  scenarioOf("images for a model that reads only words are refused", {
    chat: chat("hi", { messages: [{ role: "user", content: "hi", images: [image] }] }),
    "chat, not streamed": chat("hi", { messages: [{ role: "user", content: "hi", images: [image] }], stream: false }),
    "no image at all": chat("hi", { messages: [{ role: "user", content: "hi", images: ["???"] }] }),
    generate: generate("hi", { images: [image] }),
    "v1 chat": surfaces["v1 chat"]!("hi", {
      messages: [
        { role: "user", content: [{ type: "image_url", image_url: { url: `data:image/png;base64,${image}` } }] }
      ]
    }),
    "v1 chat: an address": surfaces["v1 chat"]!("hi", {
      messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "https://example.com/a.png" } }] }]
    })
  }),
  scenarioOf("what a model cannot do is refused", {
    "fill in": generate("hi", { suffix: "there" }),
    "raw with a system": generate("hi [[sim tokens=1]]", { raw: true, system: "be brief", stream: false }),
    "raw with a template": generate("hi", { raw: true, template: "{{ .Prompt }}" }),
    "a template that is none": generate("hi", { template: "{{ .Nonsense" }),
    "vectors of a number": embedding.embed!({ input: 5 }),
    "vectors of numbers": embedding.embed!({ input: [1, 2] }),
    "vectors of an object": embedding.embed!({ input: {} }),
    "vectors of nothing": { path: "/api/embed", body: { model: "mini-e" } }
  }),
  scenarioOf("other things are refused", {
    "copy of nobody": { path: "/api/copy", body: { source: "nobody", destination: "somebody" } },
    "copy to a bad name": { path: "/api/copy", body: { source: "mini-a", destination: "a b!!" } },
    "delete of nobody": { path: "/api/delete", method: "DELETE", body: { model: "nobody" } },
    "delete of a bad name": { path: "/api/delete", method: "DELETE", body: { model: "a b!!" } }
  })
]
