/**
 * A question never shows its words, however it is printed.
 *
 * Every place of a question that can hold words holds the same secret here, and every way of printing that a log, an
 * error or a trace takes is tried on it.
 */
import { inspect } from "node:util"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Formatter, Logger, Redacted } from "effect"
import { Question, Tokens } from "@spillway/core"

const secret = "my-secret-words"
const image = Buffer.from(secret).toString("base64")

const questions: ReadonlyArray<Question.Question> = [
  Question.make("model", {
    kind: "chat",
    messages: [
      { role: "system", text: secret, images: [{ base64: image }, { bytes: Buffer.from(secret) }, { url: secret }] },
      { role: "assistant", text: "", thinking: secret, toolCalls: [{ id: secret, name: secret, arguments: secret }] },
      { role: "tool", text: secret, toolCallId: secret, toolName: secret }
    ],
    tools: [{ name: secret, description: secret, parameters: { description: secret } }],
    format: { title: secret },
    stop: [secret]
  }),
  Question.make("model", { kind: "generate", prompt: secret, suffix: secret, images: [{ base64: image }] }),
  Question.make("model", { kind: "embed", inputs: [secret, secret] }),
  Question.chat("model", secret)
]

const printed = (value: unknown): ReadonlyArray<string> => [
  String(value),
  JSON.stringify(value),
  JSON.stringify(value, null, 2),
  inspect(value),
  inspect(value, { depth: Infinity, showHidden: true, getters: true }),
  Formatter.format(value),
  Formatter.formatJson(value),
  Cause.pretty(Cause.fail(value)),
  Cause.pretty(Cause.die(value)),
  inspect(Exit.fail(value), { depth: Infinity }),
  String(Exit.die(value)),
  JSON.stringify(Cause.fail({ asked: value }))
]

describe("a question", () => {
  it("shows no word of its content, however it is printed", () => {
    for (const question of questions) {
      for (const text of [...printed(question), ...printed([question]), ...printed(new Map([["asked", question]]))]) {
        assert.notInclude(text, secret)
        assert.notInclude(text, image)
        assert.notInclude(text, Buffer.from(secret).toString("hex"))
        assert.notMatch(text, /109, ?121, ?45/)
      }
    }
  })

  it.effect("shows no word of its content in a log, where its shape can be read", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const loggers = [Logger.formatLogFmt, Logger.formatJson, Logger.formatSimple].map((logger) =>
        Logger.map(logger, (line) => void lines.push(line))
      )
      yield* Effect.log("asked", questions[0]).pipe(
        Effect.annotateLogs("question", questions[0]),
        Effect.provide(Logger.layer(loggers))
      )
      assert.lengthOf(lines, 3)
      for (const line of lines) {
        assert.notInclude(line, secret)
        assert.include(line, "<redacted:content>")
      }
    })
  )

  it("keeps its words for the wire that asks for them", () => {
    const content = Redacted.value(questions[1]!.content)
    assert.strictEqual(content.kind === "generate" && content.prompt, secret)
  })

  it("has a loggable half with its shape and without a place for content", () => {
    const loggable = Question.loggable(questions[0]!)
    expectTypeOf(loggable).toEqualTypeOf<Question.Loggable>()
    assert.hasAllKeys(loggable, ["kind", "model", "settings", "prompt", "bytes", "images", "tools"])
    assert.deepInclude(loggable, { kind: "chat", model: "model", settings: {}, images: 3, tools: 1 })
    assert.notInclude(JSON.stringify(loggable), secret)
  })

  it("says in that half how its model is kept, where a route has said so", () => {
    const kept = { context: 2_048, loadedFor: Duration.minutes(30) }
    assert.deepStrictEqual(Question.loggable({ ...questions[0]!, kept }).kept, kept)
    for (const question of questions) assert.notProperty(question, "kept")
  })

  it("counts the words of every place that holds some, and images besides", () => {
    const long = "many words that have to be read ".repeat(50)
    const bare = Question.chat("model", "").prompt.likely
    const places: ReadonlyArray<Question.Content> = [
      { kind: "chat", messages: [{ role: "user", text: long }] },
      { kind: "chat", messages: [{ role: "assistant", text: "", thinking: long }] },
      { kind: "chat", messages: [{ role: "assistant", text: "", toolCalls: [{ name: "f", arguments: long }] }] },
      { kind: "chat", messages: [], tools: [{ name: "f", description: long, parameters: {} }] },
      { kind: "generate", prompt: long },
      { kind: "generate", prompt: "", suffix: long },
      { kind: "embed", inputs: ["", long] }
    ]
    for (const content of places) {
      const { prompt } = Question.make("model", content)
      assert.isAbove(prompt.likely, bare + 100, JSON.stringify(Object.keys(content)))
      assert.isAtLeast(prompt.most, prompt.likely)
    }
    const pictured = Question.make("model", { kind: "generate", prompt: "", images: [{ url: "a" }, { url: "b" }] })
    assert.strictEqual(pictured.images, 2)
    assert.isAbove(pictured.prompt.likely, Tokens.ofText("").likely)
  })

  it("may come to its prompt and at most the bound of its answer", () => {
    const question = Question.chat("model", "How many?", { maxTokens: 100 })
    const { likely, most } = question.prompt
    assert.deepStrictEqual(Question.tokens(question), { likely, most: most + 100 })
    assert.deepStrictEqual(Question.tokens(Question.chat("model", "How many?")), { likely, most })
  })

  it("is a conversation of one turn, or of those given", () => {
    const turn = { role: "user", text: "How many?" } as const
    for (const asked of ["How many?", [turn]]) {
      const chat = Question.chat("model", asked)
      assert.strictEqual(chat.kind, "chat")
      assert.deepStrictEqual(Redacted.value(chat.content), { kind: "chat", messages: [turn] })
    }
  })

  it("comes to the tokens of exactly its words, each turn and each input on lines of its own", () => {
    const calls = [
      { name: "add", arguments: "{1,2}" },
      { name: "sum", arguments: "{3}" }
    ]
    const contents: ReadonlyArray<readonly [Question.Content, string]> = [
      [{ kind: "generate", prompt: "one" }, "one"],
      [{ kind: "generate", prompt: "one", suffix: "two" }, "onetwo"],
      [{ kind: "embed", inputs: ["one", "two"] }, "one\ntwo"],
      [
        {
          kind: "chat",
          messages: [
            { role: "user", text: "one" },
            { role: "tool", text: "two" }
          ]
        },
        "user\none\ntool\ntwo"
      ],
      [
        { kind: "chat", messages: [{ role: "assistant", text: "one", thinking: "hm", toolCalls: calls }] },
        "assistant\nonehmadd{1,2}sum{3}"
      ]
    ]
    for (const [content, words] of contents) {
      assert.deepStrictEqual(Question.make("model", content).prompt, Tokens.ofText(words), words)
    }
  })

  it("counts a picture by its size where it holds one, and as one that cannot be read where it does not", () => {
    const picture = Uint8Array.from([...Buffer.from("GIF89a"), 64, 0, 64, 0])
    const small = Tokens.ofImage(picture)
    assert.notDeepEqual(small, Tokens.ofImage(""))
    for (const [picked, tokens] of [
      [{ bytes: picture }, small],
      [{ base64: Buffer.from(picture).toString("base64") }, small],
      [{ url: "https://example.com/a.gif" }, Tokens.ofImage("")]
    ] as const) {
      const asked = Question.make("model", { kind: "generate", prompt: "one", images: [picked] })
      assert.deepStrictEqual(asked.prompt, Tokens.add(Tokens.ofText("one"), tokens))
    }
  })
})
