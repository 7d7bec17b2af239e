/**
 * The models of a program as servers and targets of a router.
 *
 * Each model is a server of its own: nobody can see whether two of them share one, and whoever knows it says so by
 * `domain`. It is called as its provider is, or as somebody has named it, and `upstream/model` tells it apart wherever
 * the router speaks of it.
 */
import type { Router } from "@spillway/core"
import { fieldsOf } from "./Fields.ts"
import { addressOf, type Model, namesOf } from "./Models.ts"
import { refusedBy } from "./Refused.ts"
import { upstreamOf, upstreamOfEach } from "./Upstream.ts"

/** A model, and what its calls are to know of it. */
export interface Target extends Pick<Router.Server, "domain" | "price" | "rate" | "slots"> {
  readonly model: Model
  /** What it is called; its provider where nothing is said, as `ollama`. */
  readonly name?: string | undefined
}

/** Where a call may go: a model, or one of which something is said. */
export type Targeted = Model | Target

/** A target, as it was named. */
export interface Named {
  /** `upstream/model`. */
  readonly id: string
  readonly model: Model
}

/** All targets of a route, its own and those that it goes over to. */
export interface All {
  readonly upstreams: Router.Options["upstreams"]
  readonly targets: ReadonlyArray<string>
  readonly overflow: ReadonlyArray<string | ReadonlyArray<string>>
  readonly named: ReadonlyArray<Named>
}

/** Names them, or throws what cannot be a target. */
export const named = (
  targets: ReadonlyArray<Targeted>,
  overflow: ReadonlyArray<Targeted | ReadonlyArray<Targeted>> = []
): All => {
  const upstreams: Record<string, Router.Server> = {}
  const all: Array<Named> = []
  const add = (path: string, given: Targeted): string => {
    const { model, name, ...said } = targetOf(path, given)
    const names = namesOf(model)
    const upstream = name ?? free(names.provider, upstreams)
    if (name !== undefined && Object.hasOwn(upstreams, name)) {
      throw refused(path, "write another name, each of them is one server", JSON.stringify(name))
    }
    const slots = said.slots ?? (isHosted(model) ? hostedSlots : "auto")
    upstreams[upstream] = { ...said, upstream: upstreamOf(model), slots }
    const id = `${upstream}/${names.name}`
    all.push({ id, model })
    return id
  }
  return {
    targets: targets.map((each, at) => add(`targets.${at}`, each)),
    overflow: overflow.map((each, at) =>
      isList(each) ? each.map((one, nth) => add(`overflow.${at}.${nth}`, one)) : add(`overflow.${at}`, each)
    ),
    upstreams,
    named: all
  }
}

const isList = (each: Targeted | ReadonlyArray<Targeted>): each is ReadonlyArray<Targeted> => Array.isArray(each)

/** The name, or the first of it with a number that nobody has. */
const free = (name: string, taken: object): string => {
  let found = name
  for (let count = 2; Object.hasOwn(taken, found); count++) found = `${name}${count}`
  return found
}

const isModel = (value: unknown): value is Model => typeof fieldsOf(value)?.["invoke"] === "function"

const targetOf = (path: string, given: Targeted): Target => {
  if (isModel(given)) return { model: given }
  const target = fieldsOf(given) as Partial<Target> | undefined
  if (isModel(target?.model)) return target as Target
  throw refused(path, "write a chat model, or { model: ... }", given === undefined ? "" : typeof given)
}

const refused = refusedBy("ChatSpillway")

/** So many at once are asked of whoever has many machines. */
const hostedSlots = 64

const providers = new RegExp(
  "^(openai|azure|anthropic|google|vertexai|gemini|mistral|groq|cohere|deepseek|xai|fireworks|together|bedrock|" +
    "openrouter)",
  "i"
)

/** Servers whose targets are whatever models calls bring along. */
export const open: Readonly<Record<"agent" | "hosted", Router.Server>> = {
  agent: { upstream: upstreamOfEach },
  hosted: { upstream: upstreamOfEach, slots: hostedSlots }
}

/** What such a model is called among them: `provider/model`. */
export const idOf = (model: Model): string => {
  const { name, provider } = namesOf(model)
  return `${provider}/${name}`.slice(0, idMax)
}

/** The router takes no name that is much longer. */
const idMax = 150

/** Whether a model runs on somebody's many machines: at an address of the world, or at no address but a provider's. */
export const isHosted = (model: Model): boolean => {
  const address = addressOf(model)
  if (address === undefined) return providers.test(namesOf(model).provider)
  const host = URL.canParse(address) ? new URL(address).hostname : address
  return !near.test(host) && host.includes(".")
}

const near =
  /^(localhost|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|\[)|\.(local|lan|internal|localhost)$/
