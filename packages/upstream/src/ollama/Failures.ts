/**
 * What an Ollama's errors mean: the one place that knows its statuses and its sentences.
 *
 * Many of its failures share a status, and two that share it can mean the opposite: a 429 passes with the next answer
 * or lasts for hours, a 400 is the caller's mistake or the cloud's, a 500 is a wrong option or a model that died. Its
 * words tell them apart. What no row names is not retried.
 */
import type { SpillwayError } from "@spillway/core"
import { type Fields, fieldsOf, numberOf, objectIn, textOf } from "../Fields.ts"
import * as Meaning from "../Meaning.ts"
import { beside, refusedBy } from "../Refusals.ts"
import type { About, Refused } from "../Wire.ts"

/** What an error says; in the midst of an answer its status is 200. */
export const said = (object: Fields, about: About, refused?: Refused): SpillwayError => {
  const more = beside(object, about, refused)
  const sentence =
    textOf(object["error"]) ?? (object["error"] === undefined ? more.body : JSON.stringify(object["error"]))
  return Meaning.errorOf(rows, { status: refused?.status ?? 200, sentence, ...more, ...lengthsIn(sentence) }, about)
}

/** What an answer that is none says. */
export const refused = refusedBy({ isError: (object) => "error" in object, said })

/** What llama-server says of a prompt that is too long, in JSON within the error. */
const lengthsIn = (sentence: string): Pick<Meaning.Said, "tokens" | "context"> => {
  const nested = fieldsOf(objectIn(sentence)?.["error"])
  const tokens = numberOf(nested?.["n_prompt_tokens"])
  const context = numberOf(nested?.["n_ctx"])
  return { ...(tokens !== undefined && { tokens }), ...(context !== undefined && { context }) }
}

const noMemory =
  /out of memory|cudaMalloc failed|failed to allocate|(not enough|insufficient) memory|out[-_]of[-_](device_)?memory/i

const noLoad = new RegExp(
  "process has terminated|timed out waiting for (llama|the )|unable to load|failed to load|invalid file magic|" +
    "requires more system memory|exceeds file size|^EOF$|^invalid type: \\d+$",
  "i"
)

/** In order: the first that fits is what it means. */
const rows: ReadonlyArray<Meaning.Row> = [
  { statuses: [429], says: /usage limit|quota|upgrade (for|to)/i, means: Meaning.quotaSpent },
  ...Meaning.usual,
  { says: /waiting for a concurrent request slot/i, means: Meaning.limited, isPlain: true },
  { says: /^context canceled$/, means: Meaning.cut },
  { says: noMemory, means: ({ target }) => ({ _tag: "OutOfMemory", target }) },
  {
    says: /exceed_context_size_error|exceeds the (available )?context|longer than the context/i,
    means: Meaning.contextTooLong,
    isPlain: true
  },
  {
    says: /model .{0,200}not found|^model is required$|manifest: file does not exist/i,
    means: Meaning.modelNotFound,
    isPlain: true
  },
  // It asks somebody else, for the words of a model in the cloud or for a model, and does not reach him.
  { says: /no such host|dial tcp/, means: Meaning.unreachable },
  { says: /does not support|no multimodal|not supported|start it with `--embeddings/i, means: Meaning.unsupported },
  { says: noLoad, means: ({ target }) => ({ _tag: "LoadFailed", target }) },
  // The cloud now and then reads only half of a request, and a daemon dies in one that was right.
  { statuses: [400], says: /unexpected EOF/, means: Meaning.unreachable },
  { says: /unmarshalling/, means: (about) => Meaning.malformed(about, "what it could not read itself") },
  {
    says: /unexpected EOF|unexpectedly stopped|no longer running|error reading .{0,100}response|POST predict|: EOF$/,
    means: ({ parts, target }) => ({ _tag: "RunnerDied", target, parts: parts() })
  },
  { says: /no slots available|server busy|llm busy|overloaded/i, means: Meaning.overloaded, isPlain: true },
  { says: /must be of type|invalid format|invalid (JSON )?schema/i, means: Meaning.badRequest },
  ...Meaning.otherwise,
  // Whatever broke said so in plain text, as the cloud does.
  { statuses: [500], says: /^internal server error\b|^<|^$|^null$/i, means: Meaning.overloaded }
]
