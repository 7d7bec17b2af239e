/**
 * What a `ChatSpillway` is told: models and what stands around them, or a router that others share.
 *
 * The names, units and defaults are those of the router, which refuses by itself what is wrong with them. A model that
 * is given its targets has a router for itself, with one route to them; and beside it the same without a retry, for
 * whoever tries again himself.
 */
// @effect-diagnostics cryptoRandomUUID:off
import type { BaseChatModelParams } from "@langchain/core/language_models/chat_models"
import { createSpillway, Options as Core, type Policy, refusal, type Router } from "@spillway/core"
import { Effect, Exit } from "effect"
import { type Fields, fieldsOf, known, textOf } from "./Fields.ts"
import type { Model } from "./Models.ts"
import { refusedBy } from "./Refused.ts"
import { type All, idOf, isHosted, type Named, named, open, type Targeted } from "./Targets.ts"

/** Who asks, where a call does not say, and how urgent it is. */
interface Asking extends Pick<Policy.About, "priority"> {
  readonly caller?: string
}

/** Models of LangChain, and what is put around them. */
export interface OverModels
  extends
    Asking,
    Router.Settings,
    Pick<Router.Route, "balance">,
    Pick<Router.Options, "preset" | "defaults" | "callers" | "anonymous" | "budgets" | "prices" | "record"> {
  /** One of these, as they have room. */
  readonly targets: ReadonlyArray<Targeted>
  /** Where those cannot: one after the other; a list stands for any of it. */
  readonly overflow?: ReadonlyArray<Targeted | ReadonlyArray<Targeted>>
  /** A router that is shared has its own targets. */
  readonly spillway?: never
  readonly model?: never
}

/** A router that is shared, and what of it is asked. */
export interface OverSpillway extends Asking {
  /** What `createSpillway` gives, or the service of an Effect program. */
  readonly spillway: Router.Outside | Router.Service
  /** A route of it, or a model at one of its servers. */
  readonly model: string
  /** All that stands around its calls is said where it is made. */
  readonly targets?: never
  readonly overflow?: never
}

/** What it is told, beside what all chat models of LangChain are. */
export type Options = (OverModels | OverSpillway) & BaseChatModelParams

/** The router behind a model, and what is asked of it. */
export interface Behind {
  readonly service: Router.Service
  /** The same for programs without Effect, where it was made for them. */
  readonly outside?: Router.Outside
  /** What is asked; and without a second try at the same target, where there is such a route. */
  readonly route: string
  readonly routeOnce: string
  readonly named: ReadonlyArray<Named>
  /** What tells its answers apart in a cache, beside the models. */
  readonly identity: Fields
  /** Who answers where the target of that route is left open. */
  readonly model?: Model
  /** By when a call is over, where that was said. */
  readonly deadline?: Policy.About["deadline"]
  /** Says that it is closed. */
  readonly closing: AbortSignal
  readonly close: () => Promise<void>
}

/** What only LangChain reads. */
const ofLangChain =
  "cache callbackManager callbacks disableStreaming maxConcurrency maxRetries metadata onFailedAttempt outputVersion " +
  "tags verbose"

const ofAsking = ["caller", "priority"]
const ofRouter = ["preset", "defaults", "callers", "anonymous", "budgets", "prices", "record"] as const
// What the router learns to read one day has to stand here too, or this does not compile.
const settings: Readonly<Record<keyof Router.Settings, true>> = {
  deadline: true,
  timeouts: true,
  retry: true,
  queue: true,
  rescue: true,
  hedge: true,
  maxTokens: true,
  context: true,
  keepLoaded: true,
  preload: true
}
const ofModels = ["targets", "overflow", "balance", ...Object.keys(settings), ...ofRouter, ...ofAsking]
const ofShared = ["spillway", "model", ...ofAsking]

const route = "chat"
const once = (name: string): string => `${name}-once`

/** The router that these options say, or throws what is wrong with them. */
export const behind = (options: Options): Behind => {
  if (typeof options !== "object" || options === null) throw refused("", "write { targets: [a chat model] }")
  if (isShared(options)) return shared(options)
  const { targets, ...rest } = options
  if (!Array.isArray(targets) || targets.length === 0)
    throw refused("targets", "write a list of one chat model or more")
  const all = named(targets, overflowIn(rest))
  const outside = routerOf(rest, all.upstreams, all, { [route]: all.targets })
  const { close, service } = outside
  const names = { route, routeOnce: once(route), named: all.named, identity: identityOf(rest) }
  return { service, outside, ...names, ...deadlineIn(rest), ...closingOf(close) }
}

const deadlineIn = ({ deadline, defaults }: Router.Settings & Pick<Router.Options, "defaults">) =>
  known({ deadline: deadline ?? defaults?.deadline }) as Pick<Behind, "deadline">

/** Whoever waits before the router hears of its end as well. */
const closingOf = (close: () => Promise<void>): Pick<Behind, "closing" | "close"> => {
  const closed = new AbortController()
  return {
    closing: closed.signal,
    close: () => {
      closed.abort(refusal({ _tag: "Unavailable" }))
      return close()
    }
  }
}

const isShared = (options: Options): options is OverSpillway & BaseChatModelParams =>
  "spillway" in options && options.spillway !== undefined

/** How an answer is bounded makes another answer of it. */
const identityOf = ({ context, defaults, maxTokens }: Router.Settings & Pick<Router.Options, "defaults">): Fields => ({
  // A call may say the same names.
  bounds: known({ maxTokens: maxTokens ?? defaults?.maxTokens, context: context ?? defaults?.context })
})

/** Throws what of the options means nothing, and what was meant. */
const checkNames = (options: object, names: ReadonlyArray<string>): void => {
  const problems = Object.entries(known(options)).flatMap(([name]) =>
    names.includes(name) || ofLangChain.split(" ").includes(name)
      ? []
      : [{ path: name, read: "", expected: `unknown: ${Core.meant(name, names)}` }]
  )
  if (problems.length > 0) throw new Core.OptionsRefused({ of: "ChatSpillway", problems })
}

const priorities: ReadonlyArray<unknown> = ["low", "normal", "high", undefined]

const checkAsking = ({ caller, priority }: Asking): void => {
  if (caller !== undefined && textOf(caller) === undefined) throw refused("caller", "write the name of who asks")
  if (!priorities.includes(priority)) throw refused("priority", "write low or normal or high")
}

/** What stands around a model that each call brings along. */
export interface Around {
  /** The same as if that were its only target. */
  readonly of: (model: Model) => Behind
}

/** The one router around whatever models calls bring along: its limits hold for all of them. */
export const around = (options: Omit<OverModels, "targets"> & BaseChatModelParams): Around => {
  const all = named([], overflowIn(options))
  const targets = Object.fromEntries(Object.keys(open).map((name) => [name, [`${name}/*`]]))
  const outside = routerOf(options, { ...all.upstreams, ...open }, all, targets)
  const { close, service } = outside
  const closing = closingOf(close)
  return {
    of: (model) => {
      const [name, id] = [isHosted(model) ? "hosted" : "agent", idOf(model)]
      const target = { id: `${name}/${id}`, model }
      const names = { route: target.id, routeOnce: `${once(name)}/${id}`, named: [target, ...all.named] }
      return { service, outside, ...names, model, identity: identityOf(options), ...deadlineIn(options), ...closing }
    }
  }
}

const overflowIn = ({ overflow }: Pick<OverModels, "overflow">): OverModels["overflow"] => {
  if (overflow !== undefined && !Array.isArray(overflow)) throw refused("overflow", "write a list of chat models")
  return overflow
}

/** The router of these options, with a route to each of these targets, and one to them without a retry. */
const routerOf = (
  options: Omit<OverModels, "targets"> & BaseChatModelParams,
  upstreams: All["upstreams"],
  { overflow }: Pick<All, "overflow">,
  targets: Readonly<Record<string, ReadonlyArray<string>>>
): Router.Outside => {
  checkNames(options, ofModels)
  checkAsking(options)
  const { caller: _caller, overflow: _overflow, priority: _priority, ...rest } = options
  const own = Object.fromEntries(Object.entries(rest).filter(([name]) => !ofLangChain.split(" ").includes(name)))
  const router = known(Object.fromEntries(ofRouter.map((name) => [name, own[name]]))) as Partial<Router.Options>
  for (const name of ofRouter) delete own[name]
  const main = { ...own, ...(overflow.length > 0 && { overflow }) }
  const { retry = router.defaults?.retry } = rest
  const routes: Record<string, Router.Route> = {}
  for (const [name, ids] of Object.entries(targets)) {
    routes[name] = { ...main, targets: ids }
    routes[once(name)] = { ...main, targets: ids, retry: Object.assign({}, retry, { attempts: 1 }) }
  }
  return made({ ...router, ...asOne(router, Object.keys(routes)), upstreams, routes })
}

/** Whoever may ask by the one may ask by the other, and both are one in a record. */
const asOne = ({ callers, record }: Partial<Router.Options>, all: ReadonlyArray<string>): Partial<Router.Options> => {
  const asking = Object.entries(callers ?? {}).map(([name, caller]) => {
    const may = fieldsOf(caller)?.["routes"]
    return [name, Array.isArray(may) && may.includes(route) ? { ...caller, routes: [...may, ...all] } : caller]
  })
  return {
    ...(callers !== undefined && { callers: Object.fromEntries(asking) }),
    ...(typeof record === "function" && {
      record: (told) => record(isOf(all, told.model) ? { ...told, route, model: route } : told)
    })
  }
}

/** Whether a model that was asked for is one of these routes, or a model of one of them. */
const isOf = (routes: ReadonlyArray<string>, model: string | undefined): boolean =>
  model !== undefined && routes.some((name) => model === name || model.startsWith(`${name}/`))

/** Makes the router; what is wrong is told once, and at the place where it was written. */
const made = (options: Router.Options): Router.Outside => {
  try {
    return createSpillway(options)
  } catch (error) {
    if (!(error instanceof Core.OptionsRefused)) throw error
    const [first = route] = Object.keys(options.routes ?? {})
    const isToldTwice = (path: string) => path.startsWith("routes.") && path.split(".")[1] !== first
    const problems = error.problems.filter(({ path }) => !isToldTwice(path))
    const told = problems.map((each) => ({ ...each, path: each.path.replace(/^routes\.[^.]*\.?/, "") }))
    throw new Core.OptionsRefused({ of: "ChatSpillway", problems: told })
  }
}

const shared = (options: OverSpillway): Behind => {
  checkNames(options, ofShared)
  checkAsking(options)
  const { model, spillway } = options
  if (typeof model !== "string" || model === "") throw refused("model", "write the name of a route, or of a model")
  if (typeof spillway !== "object" || spillway === null || !("ask" in spillway)) {
    throw refused("spillway", "write what createSpillway gives")
  }
  const service = "service" in spillway ? spillway.service : spillway
  const meant = meantBy(model, service)
  if (meant !== undefined) throw refused("model", `did you mean ${meant}?`, JSON.stringify(model))
  const identity = { router: numberOfRouter(service) }
  // Who shares it does not end it for the others.
  const closing = closingOf(() => Promise.resolve())
  const outside = "service" in spillway && { outside: spillway }
  return { service, ...outside, route: model, routeOnce: model, named: [], identity, ...closing }
}

/** The route whose name that nearly is, where no server has a model of just that name. */
const meantBy = (model: string, { status }: Router.Service): string | undefined => {
  const told = Effect.runSyncExit(status)
  if (Exit.isFailure(told) || model.includes("/")) return undefined
  const { routes, upstreams } = told.value
  const names = routes.map(({ name }) => name)
  const isThere = upstreams.some(({ models }) => models.some((name) => name === model || name === `${model}:latest`))
  return isThere || names.includes(model) ? undefined : Core.nearest(model, names)
}

/** Routes of one name may lead anywhere: a cache that outlives a router must not take it for the next one. */
const numberOfRouter = (service: Router.Service): string => {
  const number = numbers.get(service) ?? globalThis.crypto.randomUUID()
  numbers.set(service, number)
  return number
}

const numbers = new WeakMap<Router.Service, string>()

const refused = refusedBy("ChatSpillway")
