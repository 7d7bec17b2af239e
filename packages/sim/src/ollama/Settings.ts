/**
 * The options of a request, read as Ollama reads them: the type of each is checked, what is not known is ignored.
 */

const types: Readonly<Record<string, "integer" | "float32" | "boolean" | "array">> = {
  num_keep: "integer",
  seed: "integer",
  num_predict: "integer",
  top_k: "integer",
  repeat_last_n: "integer",
  num_ctx: "integer",
  num_batch: "integer",
  num_gpu: "integer",
  main_gpu: "integer",
  num_thread: "integer",
  draft_num_predict: "integer",
  top_p: "float32",
  min_p: "float32",
  typical_p: "float32",
  temperature: "float32",
  repeat_penalty: "float32",
  presence_penalty: "float32",
  frequency_penalty: "float32",
  use_mmap: "boolean",
  stop: "array"
}

/** Those of a runner, beside its context: another value loads the model anew. What is left to the server does not. */
const launched = ["num_batch", "num_gpu", "main_gpu", "num_thread", "draft_num_predict", "use_mmap"] as const

/** What a server decides by itself, which is the same as saying nothing. */
const automatic: Readonly<Record<string, number>> = { num_batch: 512, num_gpu: -1, num_thread: 0, draft_num_predict: 0 }

/** The options that matter here. */
export interface Settings {
  readonly context: number | undefined
  readonly keep: number
  readonly predict: number
  readonly stop: ReadonlyArray<string>
  readonly others: Readonly<Record<string, number | boolean | undefined>>
}

/** Reads options, or says which is wrong. */
export const read = (options: Readonly<Record<string, unknown>>): Settings | { readonly error: string } => {
  for (const [name, value] of Object.entries(options)) {
    const type = types[name]
    if (type === undefined || value === null || value === undefined) continue
    if (type === "array" && Array.isArray(value) && value.some((each) => typeof each !== "string")) {
      return { error: `option "${name}" must be of an array of strings` }
    }
    if (!isOf(type, value)) return { error: `option "${name}" must be of type ${type}` }
  }
  const number = (name: string): number | undefined => {
    const value = options[name]
    return typeof value === "number" ? Math.trunc(value) : undefined
  }
  const others: Record<string, number | boolean | undefined> = {}
  for (const name of launched) {
    const value = name === "use_mmap" ? (options[name] as boolean | null | undefined) : number(name)
    if (value !== undefined && value !== null && value !== automatic[name]) others[name] = value
  }
  return {
    context: number("num_ctx"),
    keep: number("num_keep") ?? 4,
    predict: number("num_predict") ?? -1,
    stop: (options.stop as ReadonlyArray<string> | null | undefined) ?? [],
    others
  }
}

const isOf = (type: "integer" | "float32" | "boolean" | "array", value: unknown): boolean =>
  type === "array" ? Array.isArray(value) : typeof value === (type === "boolean" ? "boolean" : "number")
