/**
 * What becomes of a prompt that is too long, and of an answer that would be.
 */
import { written } from "../mask.ts"
import { ask, askEach, chat, embedding, generate, type More, scenario, type Scenario, surfaces } from "../scenario.ts"

const words = (count: number): string => Array.from({ length: count }, (_, place) => `word${place}`).join(" ")

const long = (count: number): string => `${words(count)} [[sim tokens=2]]`

const within = (num_ctx: number, more: More = {}): More => ({ stream: false, options: { num_ctx }, ...more })

const turns = (count: number, length: number): ReadonlyArray<object> => [
  { role: "system", content: "be brief" },
  ...Array.from({ length: count }, (_, place) => ({
    role: place % 2 === 0 ? "user" : "assistant",
    content: `turn${place} ${words(length)}`
  })),
  { role: "user", content: "the last [[sim tokens=2]]" }
]

/** The scenarios. */
export const context: ReadonlyArray<Scenario> = [
  scenario("a prompt that is too long loses its middle", (target) =>
    askEach(target, {
      "generate, as long as it may be": generate(long(61), within(64)),
      "generate, just too long": generate(long(62), within(64)),
      "generate, far too long": generate(long(200), within(64)),
      chat: chat(long(200), within(64)),
      "chat that keeps more": chat(long(200), { stream: false, options: { num_ctx: 64, num_keep: 20 } }),
      "chat that keeps all": chat(long(200), { stream: false, options: { num_ctx: 64, num_keep: -1 } }),
      "chat in a wider one": chat(long(400), within(256))
    })
  ),
  scenario("a prompt that must not be cut is refused", (target) =>
    askEach(target, {
      chat: chat(long(300), within(64, { truncate: false })),
      "chat, streamed": chat(long(300), within(64, { truncate: false, stream: true })),
      generate: generate(long(300), within(64, { truncate: false })),
      "within what a runner rounds up to": generate(long(100), within(64, { truncate: false }))
    })
  ),
  scenario("a prompt that cannot be shifted is refused", (target) =>
    askEach(target, {
      chat: chat(long(300), within(64, { shift: false })),
      "chat, streamed": chat(long(300), within(64, { shift: false, stream: true })),
      "neither cut nor shifted": chat(long(300), within(64, { shift: false, truncate: false })),
      "an answer that reaches the end": generate("hi [[sim tokens=400 token_ms=0]]", within(64, { shift: false }))
    })
  ),
  scenario("the oldest turns are dropped, and what the system says is not", (target) =>
    askEach(target, {
      few: chat("", within(64, { messages: turns(4, 8) })),
      many: chat("", within(64, { messages: turns(9, 20) })),
      "many that must not be dropped": chat("", within(64, { messages: turns(9, 20), truncate: false })),
      "with its own template": chat("", within(64, { messages: turns(9, 20), model: "mini-j" }))
    })
  ),
  scenario("with its own template a model refuses in a chat what it cuts for generate", (target) =>
    askEach(target, {
      chat: chat(long(300), within(128, { model: "mini-j" })),
      "chat, streamed": chat(long(300), within(128, { model: "mini-j", stream: true })),
      generate: generate(long(300), within(128, { model: "mini-j" }))
    })
  ),
  scenario("every surface says that a prompt is too long", (target) =>
    askEach(
      target,
      Object.fromEntries(
        Object.entries(surfaces).flatMap(([name, of]) => [
          [name, of(long(4_200), { model: "mini-j", stream: false })],
          [`${name}, streamed`, of(long(4_200), { model: "mini-j", stream: true })]
        ])
      )
    )
  ),
  scenario("an answer is as long as it is asked to be", (target) => {
    const question = "hi [[sim tokens=20 token_ms=0]]"
    const upTo = (num_predict: number): More => ({ stream: false, options: { num_predict } })
    return askEach(target, {
      one: generate(question, upTo(1)),
      five: chat(question, upTo(5)),
      all: chat(question, upTo(20)),
      more: chat(question, upTo(30)),
      "without a limit": chat(question, upTo(-1)),
      "without a limit, in other words": chat(question, upTo(-2)),
      "nothing, with its own template": chat(question, { model: "mini-j", ...upTo(0) }),
      "v1 chat": surfaces["v1 chat"]!(question, { max_tokens: 3 }),
      "v1 chat in newer words": surfaces["v1 chat"]!(question, { max_completion_tokens: 4 }),
      "v1 completions": surfaces["v1 completions"]!(question, { max_tokens: 3 }),
      messages: surfaces.messages!(question, { max_tokens: 3 }),
      responses: surfaces.responses!(question, { max_output_tokens: 3 })
    })
  }),
  scenario("an answer without an end ends after ten contexts", (target) =>
    askEach(target, {
      generate: generate("hi [[sim text=w tokens=9999 token_ms=0]]", within(16)),
      "more than that": generate("hi [[sim text=w tokens=9999 token_ms=0]]", {
        stream: false,
        options: { num_ctx: 16, num_predict: 500 }
      }),
      "with its own template": chat("hi [[sim text=w tokens=9999 token_ms=0]]", within(16, { model: "mini-j" }))
    })
  ),
  scenario("an answer of nothing has no end, unless a model has its own template", async (target) => {
    // Not too fast: who leaves while frames wait for him can make a real server lose the slot for good.
    const question = "hi [[sim text=w tokens=99999 token_ms=2]]"
    const options = { num_ctx: 16, num_predict: 0 }
    const generated = await ask(target, generate(question, { options }), { leaveAfterBytes: 25_000 })
    const chatted = await ask(target, chat(question, { options, model: "mini-b" }), { leaveAfterBytes: 25_000 })
    const own = await ask(target, chat(question, { options, model: "mini-j" }), { leaveAfterBytes: 25_000 })
    return { generated: generated.end, chatted: chatted.end, own: written(own) }
  }),
  scenario("a vector of a text that is too long is of its beginning", (target) =>
    askEach(target, {
      cut: embedding.embed!({ input: words(300), options: { num_ctx: 64 } }),
      "not to be cut": embedding.embed!({ input: words(300), options: { num_ctx: 64 }, truncate: false }),
      "one of two": embedding.embed!({ input: ["short", words(300)], options: { num_ctx: 64 } }),
      "by the old name": embedding.embeddings!({ prompt: words(300), options: { num_ctx: 64 } })
    })
  )
]
