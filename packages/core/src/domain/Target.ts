/**
 * Where a question can be sent: one model on one upstream, written `upstream/model`.
 *
 * Targets of one failure domain fail together. A domain is the upstream itself unless named otherwise, and all cloud
 * models of one Ollama share one: they are answered elsewhere, by a service that is up or down as a whole.
 */
import { Result } from "effect"
import type { Price } from "./Price.ts"

/** One model on one upstream. */
export interface Target {
  /** `upstream/model`: how files, records and headers name it. */
  readonly id: string
  readonly upstream: string
  readonly model: string
  readonly domain: string
  /** Absent where nobody has said what it costs: that is not the same as free. */
  readonly price?: Price
}

/** What could not be read as a target. */
export interface TargetRefused {
  readonly _tag: "TargetRefused"
  readonly read: string
  readonly expected: string
}

/** Whether Ollama answers this model from its cloud, by its name; or by that of a target that it is on. */
export const isCloudModel = (model: string): boolean => model.endsWith("cloud") && /[:-]cloud$/.test(model)

/** What all cloud models of the upstream of such a target are called together. */
export const cloudOf = (target: string): string => {
  const slash = target.indexOf("/")
  return slash < 0 ? target : `${target.slice(0, slash)}:cloud`
}

/** Makes a target. */
export const make = (given: {
  readonly upstream: string
  readonly model: string
  readonly domain?: string
  readonly price?: Price
}): Target => ({
  id: `${given.upstream}/${given.model}`,
  upstream: given.upstream,
  model: given.model,
  domain: isCloudModel(given.model) ? cloudOf(`${given.upstream}/`) : (given.domain ?? given.upstream),
  ...(given.price === undefined ? {} : { price: given.price })
})

/** Reads `upstream/model`; the model may itself hold slashes. */
export const parse = (read: string): Result.Result<Target, TargetRefused> => {
  const slash = read.indexOf("/")
  return slash > 0 && slash < read.length - 1 && !/\s/.test(read)
    ? Result.succeed(make({ upstream: read.slice(0, slash), model: read.slice(slash + 1) }))
    : Result.fail({ _tag: "TargetRefused", read, expected: "an upstream, a slash and a model, as in gpu1/llama3.1:8b" })
}

/**
 * What a server said, without the name of the model that was asked, with or without its registry and its tag: a name
 * may speak of tools or vision by itself.
 */
export const withoutModel = (said: string, model: string): string => {
  const name = untagged(model.slice(model.lastIndexOf("/") + 1)).toLowerCase()
  return said.replace(/[^\s"'`,/()]+/g, (word) => (untagged(word).toLowerCase() === name ? "" : word))
}

/** The name of a model without its tag. */
export const untagged = (model: string): string => model.replace(/:.*$/, "")
