/**
 * The models of both sides: for a real Ollama the smallest GGUF files that it takes, with no weights that could run.
 *
 * A server reads only the head of such a file, since what would read the weights is replaced by a script. Four are
 * enough: two that are alike, so that one can push the other out, one for vectors, and one whose template lies in the
 * file, which Ollama leaves to the runner.
 */

/** What a model is called. */
export type ModelName = "mini-a" | "mini-b" | "mini-e" | "mini-j"

/** One model, and what kind of template it has. */
export interface Model {
  readonly name: ModelName
  readonly kind: "plain" | "embed" | "jinja"
  /** What Ollama's own template is; without one the runner is asked to apply the one in the file. */
  readonly template: string | undefined
}

/** In the order in which a server lists them. */
export const models: ReadonlyArray<Model> = [
  { name: "mini-a", kind: "plain", template: "{{ .Prompt }}" },
  { name: "mini-b", kind: "plain", template: "{{ .Prompt }}" },
  { name: "mini-e", kind: "embed", template: "{{ .Prompt }}" },
  { name: "mini-j", kind: "jinja", template: undefined }
]

/** How many numbers a vector has. */
export const embeddingLength = 64

/** The longest context that a model was trained for. */
const contextLength = 8_192

/** The file of a model. */
export const file = (model: Model): Buffer => {
  const seed = models.indexOf(model) + 1
  const entries = [
    entry("general.architecture", type.text, text("llama")),
    entry("general.name", type.text, text(model.name)),
    entry("general.file_type", type.u32, u32(1)),
    ...Object.entries(numbers).map(([key, value]) => entry(`llama.${key}`, type.u32, u32(value))),
    entry("llama.attention.layer_norm_rms_epsilon", type.f32, f32(1e-5)),
    ...(model.kind === "embed" ? [entry("llama.pooling_type", type.u32, u32(1))] : []),
    entry("tokenizer.ggml.model", type.text, text("llama")),
    entry("tokenizer.ggml.tokens", type.list, list(type.text, ["<unk>", "<s>", "</s>"].map(text))),
    entry("tokenizer.ggml.scores", type.list, list(type.f32, [0, 0, 0].map(f32))),
    entry("tokenizer.ggml.token_type", type.list, list(type.i32, [2, 3, 3].map(u32))),
    ...(model.kind === "jinja" ? [entry("tokenizer.chat_template", type.text, text(jinja))] : [])
  ]
  const tensor = Buffer.concat([text("token_embd.weight"), u32(2), u64(embeddingLength), u64(3), u32(0), u64(0)])
  const head = Buffer.concat([Buffer.from("GGUF"), u32(3), u64(1), u64(entries.length), ...entries, tensor])
  // Weights begin at a multiple of 32, and are what makes two models differ.
  const gap = Buffer.alloc((32 - (head.length % 32)) % 32)
  return Buffer.concat([head, gap, Buffer.alloc(embeddingLength * 3 * 4, seed)])
}

const jinja = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"

const numbers = {
  context_length: contextLength,
  embedding_length: embeddingLength,
  block_count: 1,
  feed_forward_length: 32,
  "attention.head_count": 2,
  "attention.head_count_kv": 2,
  "rope.dimension_count": 16,
  vocab_size: 3
}

/** The types that a GGUF file knows, by their numbers. */
const type = { u32: 4, i32: 5, f32: 6, text: 8, list: 9 }

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

const f32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return bytes
}

const text = (value: string): Buffer => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)])

const list = (of: number, values: ReadonlyArray<Buffer>): Buffer =>
  Buffer.concat([u32(of), u64(values.length), ...values])

const entry = (key: string, of: number, value: Buffer): Buffer => Buffer.concat([text(key), u32(of), value])
