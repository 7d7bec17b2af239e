/**
 * What each dialect cannot carry, by its page: a wire says so, and nothing is sent.
 */
import { Question } from "@spillway/core"
import type { Content } from "./Dialect.ts"

/** A question, and the name of the reason why it is not sent. */
export interface Row {
  readonly title: string
  readonly question: Question.Question
  readonly reason: "Unsupported" | "BadRequest"
}

const model = "claude-sonnet-4-5"

const row = (title: string, reason: Row["reason"], content: Content, settings?: Question.Settings): Row => ({
  title,
  reason,
  question: Question.make(model, content, settings)
})

const chat = (
  title: string,
  reason: Row["reason"],
  messages: ReadonlyArray<Question.Message>,
  settings?: Question.Settings
): Row => row(title, reason, { kind: "chat", messages }, settings)

const hello: ReadonlyArray<Question.Message> = [{ role: "user", text: "hello" }]

const png = { base64: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB" }

const shows = (role: Question.Message["role"], image: Question.Image): ReadonlyArray<Question.Message> => {
  if (role !== "tool") return [...hello, { role, text: "look", images: [image] }, ...hello]
  const call = { id: "c1", name: "f", arguments: "{}" }
  return [
    ...hello,
    { role: "assistant", text: "", toolCalls: [call] },
    { role, text: "look", toolCallId: "c1", images: [image] }
  ]
}

const pictures: ReadonlyArray<readonly [string, Question.Image]> = [
  ["bytes that are none", { bytes: new Uint8Array([1, 2, 3]) }],
  ["base64 of a BMP", { base64: Buffer.from("BM\x1e\0\0\0").toString("base64") }],
  ["an address that holds a TIFF", { url: `data:image/tiff;base64,${Buffer.from("II*\0").toString("base64")}` }],
  ["an address that holds an SVG as it is written", { url: "data:image/svg+xml,<svg/>" }]
]

const noPictures: ReadonlyArray<Row> = pictures.map(([title, image]) =>
  chat(`${title} in the place of a picture`, "BadRequest", shows("user", image))
)

const noObjects: ReadonlyArray<Row> = ["{", "[1]", "null", "7", '"a"', "{} {}"].map((written) =>
  chat(`the arguments ${written}`, "BadRequest", [
    ...hello,
    { role: "assistant", text: "", toolCalls: [{ id: "c1", name: "f", arguments: written }] },
    { role: "tool", text: "42", toolCallId: "c1" }
  ])
)

const unasked: ReadonlyArray<Row> = [
  chat("an answer of a tool that nobody has called", "BadRequest", [
    ...hello,
    { role: "tool", text: "42", toolCallId: "c1", toolName: "f" }
  ]),
  chat("an answer to another call", "BadRequest", [
    ...hello,
    { role: "assistant", text: "", toolCalls: [{ id: "c1", name: "f", arguments: "{}" }] },
    { role: "tool", text: "42", toolCallId: "c2" }
  ])
]

const picture = (role: Question.Message["role"]): Row =>
  chat(`a picture in a turn of the ${role}`, "Unsupported", shows(role, png))

const suffix = row("a suffix", "Unsupported", { kind: "generate", prompt: "a", suffix: "z" })

/** The table of each dialect, by its name. */
export const rows: Readonly<Record<string, ReadonlyArray<Row>>> = {
  Ollama: [
    chat("a picture by its address", "Unsupported", shows("user", { url: "https://example.com/a.png" })),
    ...noObjects,
    ...(["required", { name: "f" }] as const).map((toolChoice) =>
      row(`that a tool must be called: ${JSON.stringify(toolChoice)}`, "Unsupported", {
        kind: "chat",
        messages: hello,
        tools: [{ name: "f", parameters: { type: "object" } }],
        toolChoice
      })
    ),
    ...[0, -1, Number.NaN].map((maxTokens) => chat(`a bound of ${maxTokens}`, "BadRequest", hello, { maxTokens }))
  ],
  OpenAI: [
    suffix,
    picture("system"),
    picture("assistant"),
    picture("tool"),
    ...noPictures,
    ...["xml", 7, true, []].map((format) =>
      row(`the format ${JSON.stringify(format)}`, "BadRequest", { kind: "chat", messages: hello, format })
    ),
    ...unasked
  ],
  Anthropic: [
    row("vectors", "Unsupported", { kind: "embed", inputs: ["a"] }),
    suffix,
    chat("a seed", "Unsupported", hello, { seed: 0 }),
    chat("likelihoods", "Unsupported", hello, { logprobs: 0 }),
    row("JSON without a schema", "Unsupported", { kind: "chat", messages: hello, format: "json" }),
    ...[1, 1_024].map((maxTokens) =>
      chat(`thinking within ${maxTokens} tokens`, "BadRequest", hello, { think: true, maxTokens })
    ),
    picture("system"),
    picture("assistant"),
    ...noPictures,
    ...noObjects,
    ...unasked
  ]
}
