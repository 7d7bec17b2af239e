/**
 * A simulated model: what it is called, how large and how fast it is, and how its prompts are made.
 */
import { Effect, Schema } from "effect"
import { Options as CoreOptions, Units } from "@spillway/core"
import * as Words from "../Words.ts"
import * as Name from "./Name.ts"

const rate = Schema.Number.check(Schema.isGreaterThan(0))

/** What may be said of a model; every default stands here. */
export const Options = Schema.Struct({
  name: Schema.String,
  /**
   * How prompts are made: from Ollama's own template, by the Jinja template that lies in the model, which cuts nothing
   * and knows no loops, or of the words of the users alone. An embedding model answers with vectors.
   */
  kind: Schema.Literals(["go", "jinja", "plain", "embed"]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("go" as const))
  ),
  /** What it can beside answering. */
  can: Schema.Array(Schema.Literals(["tools", "vision", "thinking", "insert"])).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed(["tools"] as const))
  ),
  /** Its weights, which is what it takes on disk. */
  bytes: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(4_700_000_000))),
  /** What a load takes. */
  load: Units.span.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("2s"))),
  /** Tokens of the prompt, and of the answer, in a second. */
  prefill: rate.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1_000))),
  decode: rate.pipe(Schema.withDecodingDefaultKey(Effect.succeed(40))),
  /** How much slower each of two is than one by itself: the share that one more takes from the others. */
  sharing: Schema.Number.check(Schema.isGreaterThanOrEqualTo(0)).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed(0.3))
  ),
  /** The longest context it was trained for. */
  context: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(8_192))),
  /** How many tokens its answers have when nobody says: half as many to half as many more. */
  answer: Units.count.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed(60)))
})

/** A model as it was made. */
export interface Model extends Schema.Schema.Type<typeof Options> {
  /** With its tag. */
  readonly fullName: string
  readonly digest: string
  /** Whether it runs in the cloud: a name that ends so is only a name here. */
  readonly isCloud: boolean
}

/** As a name is enough, and all else has a default. */
export type Given = string | CoreOptions.Widened<typeof Options.Encoded>

/** Makes a model, or says which option is wrong. */
export const make = (given: Given): Effect.Effect<Model, CoreOptions.OptionsRefused> =>
  Effect.flatMap(
    CoreOptions.decode("Model", Options)(typeof given === "string" ? { name: given, ...guessed(given) } : given),
    (options) => {
      const fullName = Name.full(options.name)
      if (fullName !== undefined) {
        return Effect.succeed({ ...options, fullName, digest: digestOf(fullName), isCloud: Name.isCloud(fullName) })
      }
      const problem = {
        path: "name",
        read: JSON.stringify(options.name),
        expected: "write a model's name, as llama3:8b"
      }
      return Effect.fail(new CoreOptions.OptionsRefused({ of: "Model", problems: [problem] }))
    }
  )

/** What a name says of a model: that it makes vectors, how large it is, and what it can beside answering. */
const guessed = (name: string): Partial<typeof Options.Encoded> => {
  const billions = Number(/(\d+(?:\.\d+)?)b\b/i.exec(name)?.[1] ?? Number.NaN)
  const size = Number.isNaN(billions) ? {} : { bytes: Math.round(billions * 600_000_000) }
  if (/embed/i.test(name)) return { ...size, kind: "embed" }
  const can = (["thinking", "vision"] as const).filter((skill) => skills[skill].test(name))
  return can.length === 0 ? size : { ...size, can: ["tools", ...can] }
}

/** Names that are known for something. */
const skills = {
  thinking: /deepseek-r1|qwen3(?!-coder)|gpt-oss|magistral|reasoning|thinking/i,
  vision: /llava|vision|[-\d]vl\b|gemma3|moondream/i
}

const digestOf = (name: string): string =>
  Array.from({ length: 8 }, (_, part) => Words.keyOf(part, name).toString(16).padStart(8, "0")).join("")
