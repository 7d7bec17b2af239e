/**
 * Holds what a tool is given to its schema, and says what is wrong with it as any other refusal is said.
 *
 * A schema is compiled once and serves all sessions. What was read is told by its kind alone, unless it is a number: it
 * may be what somebody says to a model.
 */
import { Options, refusal, type SpillwayError } from "@spillway/core"
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js"
import { Result } from "effect"
import type { Schema } from "./Tool.ts"

/** What somebody has given, if it is what the schema wants. */
export type Check = (given: unknown) => Result.Result<never, SpillwayError>

/** Compiles a schema. */
export const check = (schema: Schema): Check => {
  const validate = compiler.compile(schema)
  return (given) =>
    validate(given) ? Result.succeed(given as never) : Result.fail(refusedBy(validate.errors![0]!, given))
}

const compiler = new Ajv2020({ strict: false, validateSchema: false, verbose: true })

const refusedBy = (error: ErrorObject, given: unknown): SpillwayError => {
  const { keyword, params, parentSchema } = error
  const path = error.instancePath
    .slice(1)
    .split("/")
    .filter((step) => step !== "")
  const read = path.reduce<unknown>((value, step) => (value as Record<string, unknown>)[step], given)
  if (keyword === "required") return bad([...path, params["missingProperty"] as string], "missing", "given")
  if (keyword === "additionalProperties") {
    const name = params["additionalProperty"] as string
    const { properties = {} } = parentSchema as { readonly properties?: object }
    const near = Options.nearest(name, Object.keys(properties))
    const expected = `${near === undefined ? "" : `${near}, or `}left out, since there is no such argument`
    return bad([...path, name], "given", expected)
  }
  // Where a number is wanted it says nothing else.
  const isOutside = typeof read === "number" && keyword in bounds
  const isWord = typeof read === "string" && keyword === "enum"
  return bad(path, isOutside ? String(read) : isWord ? "another word" : `of type ${kindOf(read)}`, expectedBy(error))
}

const bad = (path: ReadonlyArray<string>, read: string, expected: string): SpillwayError => {
  // Names come from callers too.
  const field = path.length === 0 ? "arguments" : path.join(".").slice(0, fieldMax)
  return refusal({ _tag: "BadRequest", field, read, expected })
}

const fieldMax = 64

const expectedBy = ({ keyword, message = "", params }: ErrorObject): string => {
  if (keyword === "enum") return `one of ${(params["allowedValues"] as ReadonlyArray<unknown>).join(", ")}`
  const bound = bounds[keyword]
  if (bound !== undefined) return `${bound} ${params["limit"] as number}`
  return message.replace(/^must (be|match) /, "")
}

const bounds: Readonly<Record<string, string>> = {
  minimum: "at least",
  maximum: "at most",
  minItems: "of a length of at least",
  maxItems: "of a length of at most"
}

const kindOf = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "array" : value === undefined ? "nothing" : typeof value
