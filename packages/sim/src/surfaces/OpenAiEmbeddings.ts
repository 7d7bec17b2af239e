/**
 * `/v1/embeddings`: OpenAI's vectors, translated to the native `/api/embed` and back.
 *
 * An empty text is one text here, where the native endpoint takes it for none; an empty list is refused.
 */
import type { Handler } from "../Exchange.ts"
import * as Float from "../go/Float.ts"
import * as Json from "../go/Json.ts"
import type { Daemon, Embedded } from "../ollama/Daemon.ts"
import type { Said } from "../ollama/Frame.ts"
import * as Name from "../ollama/Name.ts"
import { pass, refuse } from "./OpenAiErrors.ts"
import { option } from "./OpenAiParts.ts"

/** Answers `POST /v1/embeddings`. */
export const handler =
  (daemon: Daemon): Handler =>
  (asked, reply) => {
    const decoded = Json.decode(request, asked.body)
    if (decoded.error !== undefined) return refuse(reply, decoded.error)
    const { dimensions, encoding_format: encoding = "", input: given, model = "" } = decoded.value
    if (!["", "float", "base64"].includes(encoding.toLowerCase())) {
      const supported = "Supported values: ['float', 'base64']."
      return refuse(reply, `Invalid value for 'encoding_format' = ${encoding}. ${supported}`)
    }
    if (given === undefined || given === null || (Array.isArray(given) && given.length === 0)) {
      return refuse(reply, "invalid input")
    }
    const input: ReadonlyArray<unknown> = Array.isArray(given) ? given : [given]
    if (!input.every((each) => typeof each === "string")) {
      return pass(reply, misnamed(model) ?? { status: 400, message: "invalid input type" })
    }
    daemon.embed({ model, input, options: {}, ...option("dimensions", dimensions || undefined) }, reply, (embedded) => {
      if ("status" in embedded) return pass(reply, embedded)
      const body = Json.encode(listOf(model, embedded, encoding.toLowerCase() === "base64" ? base64Of : floatsOf))
      reply.whole(200, [["Content-Type", "application/json"]], `${body}\n`)
    })
  }

const request = Json.struct("EmbedRequest", "openai", {
  input: Json.any,
  model: Json.string,
  dimensions: Json.integer,
  encoding_format: Json.string
})

/** What the native endpoint says of a name before it looks at the input. */
const misnamed = (model: string): Said | undefined => {
  if (model === "") return { status: 404, message: "model '' not found" }
  return Name.full(model) === undefined ? { status: 400, message: "invalid model name" } : undefined
}

const listOf = (model: string, { metrics, vectors }: Embedded, encode: (vector: ReadonlyArray<number>) => unknown) => ({
  object: "list",
  data: vectors.map((vector, index) => ({ object: "embedding", embedding: encode(vector), index })),
  model,
  usage: { prompt_tokens: metrics.promptEvalCount, total_tokens: metrics.promptEvalCount }
})

/** Four bytes for each, the lowest first. */
const base64Of = (vector: ReadonlyArray<number>): string => {
  const bytes = Buffer.alloc(vector.length * 4)
  for (const [index, each] of vector.entries()) bytes.writeFloatLE(each, index * 4)
  return bytes.toString("base64")
}

/** As few digits as tell one from the next in single precision. */
const floatsOf = (vector: ReadonlyArray<number>): ReadonlyArray<number> => vector.map(Float.shortest)
