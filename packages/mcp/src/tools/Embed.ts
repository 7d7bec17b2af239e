/**
 * `embed`: vectors of texts.
 *
 * Every number of them is read by the model that asked, so only so many are answered: who needs more has a program, and
 * another door.
 */
import { Part, Question, refusal } from "@spillway/core"
import { Clock, Effect } from "effect"
import * as Calling from "../Calling.ts"
import { type Door, misasked, modelOf } from "../Door.ts"
import { NothingYet, type Refusal } from "../Refused.ts"
import { type Asking, property, type Said, type Tool } from "../Tool.ts"
import * as Wire from "../Wire.ts"

/** What it takes. */
export interface Given {
  readonly input: ReadonlyArray<string>
  readonly model?: string
}

/** The tool. */
export const embed = (door: Door): Tool<Given> => ({
  name: "embed",
  title: "Make vectors",
  description: `Embedding vectors of texts, at most ${numbersMax.toLocaleString("en")} numbers in all.`,
  input: {
    type: "object",
    properties: {
      input: { type: "array", items: property("string"), minItems: 1, maxItems: 256 },
      model: property("string")
    },
    required: ["input"],
    additionalProperties: false
  },
  output: {
    type: "object",
    properties: {
      model: property("string"),
      target: property("string"),
      dims: property("integer"),
      vectors: { type: "array", items: { type: "array", items: property("number") } },
      latency_ms: property("number")
    },
    required: ["model", "dims", "vectors"]
  },
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  run: (given, asking) => run(door, given, asking)
})

const run = (door: Door, given: Given, asking: Asking): Effect.Effect<Said, Refusal> =>
  Effect.gen(function* () {
    const model = yield* modelOf(door, given.model, "embed")
    const question = Question.make(model, { kind: "embed", inputs: given.input })
    const clock = yield* Clock.Clock
    const begun = clock.currentTimeMillisUnsafe()
    const called = yield* Effect.mapError(Calling.ask(door, question, asking), misasked("embed"))
    const vectors = Part.vectorsOf(called.parts)
    const dims = vectors[0]?.length ?? 0
    if (dims * vectors.length > numbersMax) {
      const read = `${vectors.length} texts with ${dims} numbers each`
      const expected = `at most ${Math.max(Math.floor(numbersMax / dims), 1)} texts for this model`
      return yield* refusal({ _tag: "BadRequest", field: "input", read, expected })
    }
    const { failed, summary, target = "" } = called
    // Half of the vectors would be taken for all of them.
    if (summary === undefined) {
      return yield* failed ?? new NothingYet({ stage: "answer", target, startsIn: undefined, waited: door.patience })
    }
    const name = (summary.model ?? model).slice(0, Wire.nameMax)
    const latency = clock.currentTimeMillisUnsafe() - begun
    return {
      words: [`${vectors.length} ${vectors.length === 1 ? "vector" : "vectors"} of ${dims} numbers by ${name}`],
      data: { model: name, target, dims, vectors, latency_ms: latency }
    }
  })

/** More would fill the context of whoever reads them. */
const numbersMax = 16_384
