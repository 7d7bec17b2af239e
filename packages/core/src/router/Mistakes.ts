/**
 * What is wrong with the options of a router that no guard sees by itself: a route that goes where there is nothing, a
 * key or a word that means nothing, a kind that it has not.
 */
import { Effect } from "effect"
import { shown } from "../domain/Notation.ts"
import { meant, nearest, OptionsRefused, type Problem } from "../domain/Options.ts"
import * as Target from "../domain/Target.ts"
import { shortOf } from "./Health.ts"
import { type Caller, type Options, presets, type Route } from "./Options.ts"

const guards = ["deadline", "timeouts", "retry", "queue", "rescue", "hedge"]
const settings = [...guards, "maxTokens", "context", "keepLoaded", "preload"]
const keys = {
  options: ["upstreams", "routes", "preset", "defaults", "callers", "anonymous", "budgets", "prices", "record"],
  route: [...settings, "targets", "overflow", "balance"],
  defaults: [...settings, "breaker", "dwell", "health"],
  server: ["upstream", "slots", "domain", "price", "rate"],
  caller: ["rate", "burst", "tokens", "weight", "priority", "overflow", "deadline", "routes"]
} as const

const choices: Readonly<Record<string, ReadonlyArray<unknown>>> = {
  balance: ["forecast", "least-busy", "round-robin"],
  preset: Object.keys(presets),
  rescue: ["resume", "whole", "off"],
  priority: ["low", "normal", "high"]
}

const isObject = (given: unknown): boolean => typeof given === "object" && given !== null

/** What is wrong with them, if anything. */
export const refusalOf = (options: Options): OptionsRefused | undefined => {
  const problems = isObject(options) ? problemsOf(options) : [nothing]
  return problems.length === 0 ? undefined : new OptionsRefused({ of: "Spillway", problems })
}

const nothing: Problem = { path: "", read: "", expected: "write what there is to ask, as { upstreams: ... }" }

const notTaking: Problem = { path: "record", read: "", expected: "write a function that takes each record" }

const problemsOf = (options: Options): ReadonlyArray<Problem> => {
  const upstreams = Object.keys(options.upstreams ?? {})
  const routes = Object.keys(options.routes ?? {})
  const callers = Object.entries(options.callers ?? {}).map(([name, caller]): readonly [string, Caller] => [
    `callers.${name}`,
    caller
  ])
  const { anonymous = {} } = options
  if (anonymous !== "refuse") callers.push(["anonymous", anonymous])
  return [
    ...keysIn("", options, keys.options),
    ...(upstreams.length === 0 ? [{ path: "upstreams", read: "", expected: "missing: name one that answers" }] : []),
    ...Object.entries(options.upstreams ?? {}).flatMap(([name, upstream]) => ofUpstream(name, upstream)),
    ...(options.record === undefined || typeof options.record === "function" ? [] : [notTaking]),
    ...keysIn("defaults", options.defaults ?? {}, keys.defaults),
    ...Object.entries(options.routes ?? {}).flatMap(([name, route]) => ofRoute(`routes.${name}`, route, upstreams)),
    ...differing(options),
    ...ofPrices(options, upstreams),
    ...callers.flatMap(([path, caller]) => ofCaller(path, caller, routes))
  ]
}

/** A model that two routes want with different contexts would be loaded anew for every other question. */
const differing = ({ defaults, routes }: Options): ReadonlyArray<Problem> => {
  const contexts = new Map<string, readonly [context: unknown, route: string]>()
  return Object.entries(routes ?? {}).flatMap(([name, route]) => {
    const { context = defaults?.context, targets = [] } = Object(route) as Partial<Route>
    if (context === undefined || !Array.isArray(targets)) return []
    return (targets as ReadonlyArray<string>).flatMap((target) => {
      const model = typeof target === "string" ? shortOf(target) : ""
      const [known, other] = contexts.get(model) ?? [context, name]
      contexts.set(model, [known, other])
      if (known === context) return []
      const expected = `write ${String(known)}, as routes.${other} has for ${target}`
      return [{ path: `routes.${name}.context`, read: JSON.stringify(context), expected }]
    })
  })
}

/**
 * A price of a model at a server that there is none of would price nothing. The names of models hold slashes too
 * (`qwen/qwen3-8b`), so that such a name is taken for a mistake only where a server has nearly that one.
 */
const ofPrices = ({ prices, routes }: Options, upstreams: ReadonlyArray<string>): ReadonlyArray<Problem> => {
  const all = Object.values(routes ?? {}).flatMap((route) => {
    const { overflow, targets } = Object(route) as Partial<Route>
    return [targets, overflow].flat(2)
  })
  const models = all.map((target) => String(target).slice(String(target).indexOf("/") + 1))
  return Object.keys(prices ?? {}).flatMap((name) => {
    const [upstream = "", model] = name.split(/\/(.*)/)
    if (model === undefined || upstreams.includes(upstream) || models.includes(name)) return []
    if (model !== "*" && nearest(upstream, upstreams) === undefined) return []
    return [{ path: `prices.${name}`, read: "", expected: `no such upstream: ${meant(upstream, upstreams)}` }]
  })
}

/** What is unknown of these keys, or no choice where there are only so many. */
const keysIn = (path: string, given: object, names: ReadonlyArray<string>): ReadonlyArray<Problem> => {
  if (!isObject(given)) {
    return [{ path, read: JSON.stringify(given), expected: `write an object of ${names.join(", ")}` }]
  }
  return Object.entries(given).flatMap(([name, value]) => {
    const at = path === "" ? name : `${path}.${name}`
    if (!names.includes(name)) return [{ path: at, read: "", expected: `unknown: ${meant(name, names)}` }]
    const allowed = choices[name]
    if (allowed === undefined || allowed.includes(value)) return []
    return [{ path: at, read: JSON.stringify(value), expected: `write ${allowed.join(" or ")}` }]
  })
}

const answering = "write what answers there, or { upstream: ... }"

const ofUpstream = (name: string, upstream: unknown): ReadonlyArray<Problem> => {
  const path = `upstreams.${name}`
  if (name === "" || name.includes("/")) {
    return [{ path, read: JSON.stringify(name), expected: "write a name without a slash" }]
  }
  if (typeof upstream === "function" || Effect.isEffect(upstream)) return []
  if (!isObject(upstream)) return [{ path, read: JSON.stringify(upstream), expected: "write what answers there" }]
  const given = upstream as object
  if ("upstream" in given) return keysIn(path, given, keys.server)
  // What answers may have more of its own: only what answers nothing has a key too many.
  if ("call" in given) return []
  const near = Object.keys(given).find((key) => nearest(key, ["upstream", "call"]) !== undefined)
  return [{ path, read: "", expected: near === undefined ? answering : `${answering}: it has ${near}` }]
}

const ofRoute = (path: string, route: Route, upstreams: ReadonlyArray<string>): ReadonlyArray<Problem> => {
  const problems = [...keysIn(path, route, keys.route)]
  if (!isObject(route)) return problems
  const { overflow = [], targets } = route as Partial<Route>
  const isList = Array.isArray(targets) && targets.length > 0
  if (!isList) {
    problems.push({ path: `${path}.targets`, read: "", expected: "write a list of one or more, as gpu1/llama3.1:8b" })
  }
  if (!Array.isArray(overflow) || overflow.some((each) => each.length === 0)) {
    problems.push({ path: `${path}.overflow`, read: "", expected: "write a list of targets, or of lists of them" })
  }
  const all = [isList ? targets : [], Array.isArray(overflow) ? overflow : []].flat(2) as ReadonlyArray<string>
  for (const [index, target] of all.entries()) {
    const read = JSON.stringify(target)
    const parsed = Target.parse(typeof target === "string" ? target : "")
    if (parsed._tag === "Failure") problems.push({ path, read, expected: `write ${parsed.failure.expected}` })
    else if (!upstreams.includes(parsed.success.upstream)) {
      problems.push({ path, read, expected: `no such upstream: ${meant(parsed.success.upstream, upstreams)}` })
    } else if (all.indexOf(target) < index) problems.push({ path, read, expected: "name each target once" })
  }
  return problems
}

const ofCaller = (path: string, caller: Caller, routes: ReadonlyArray<string>): ReadonlyArray<Problem> => {
  const problems = [...keysIn(path, caller, keys.caller)]
  if (!isObject(caller)) return problems
  const { burst, overflow, rate, routes: own = [], weight } = caller
  if (overflow !== undefined && overflow !== "never") {
    problems.push({
      path: `${path}.overflow`,
      read: JSON.stringify(overflow),
      expected: "write never, or leave it out"
    })
  }
  if (burst !== undefined && rate === undefined) {
    problems.push({ path: `${path}.burst`, read: "", expected: "write a rate beside it, as 10/min" })
  }
  if (weight !== undefined && path === "anonymous") {
    problems.push({
      path: `${path}.weight`,
      read: "",
      expected: "write it at callers that are named: all others have 1"
    })
  } else if (weight !== undefined && !(Number.isFinite(weight) && weight > 0)) {
    problems.push({ path: `${path}.weight`, read: shown(weight), expected: "write a number above 0" })
  }
  for (const route of own) {
    const close = nearest(route, routes)
    if (routes.includes(route) || close === undefined) continue
    problems.push({ path: `${path}.routes`, read: JSON.stringify(route), expected: `did you mean ${close}?` })
  }
  return problems
}
