/**
 * What a `ChatSpillway` is told: models and what stands around them, or a router that others share.
 *
 * The names, units and defaults are those of the router, which refuses by itself what is wrong with them. A model that
 * is given its targets has a router for itself, with one route to them; and beside it the same without a retry, for
 * whoever tries again himself.
 */
import type { BaseChatModelParams } from "@langchain/core/language_models/chat_models"
import { createSpillway, Options as Core, type Policy, type Router } from "@spillway/core"
import { fieldsOf, known } from "./Fields.ts"
import { type Named, named, type Targeted } from "./Targets.ts"

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
}

/** A router that is shared, and what of it is asked. */
export interface OverSpillway extends Asking {
  /** What `createSpillway` gives, or the service of an Effect program. */
  readonly spillway: Router.Outside | Router.Service
  /** A route of it, or a model at one of its servers. */
  readonly model: string
}

/** What it is told, beside what all chat models of LangChain are. */
export type Options = (OverModels | OverSpillway) & BaseChatModelParams

/** The router behind a model, and what is asked of it. */
export interface Behind {
  readonly service: Router.Service
  /** What is asked; and without a second try at the same target, where there is such a route. */
  readonly route: string
  readonly routeOnce: string
  readonly named: ReadonlyArray<Named>
  readonly close: () => Promise<void>
}

/** What only LangChain reads. */
const ofLangChain =
  "cache callbackManager callbacks disableStreaming maxConcurrency maxRetries metadata onFailedAttempt outputVersion " +
  "tags verbose"

const ofRouter = ["preset", "defaults", "callers", "anonymous", "budgets", "prices", "record"] as const

const route = "chat"
const routeOnce = "chat-once"

/** The router that these options say, or throws what is wrong with them. */
export const behind = (options: Options): Behind => {
  if (typeof options !== "object" || options === null) throw refused("", "write { targets: [a chat model] }")
  if ("spillway" in options) return shared(options)
  if (!Array.isArray(options.targets)) throw refused("targets", "write a list of one chat model or more")
  const { caller: _caller, overflow, priority: _priority, targets, ...rest } = options
  if (overflow !== undefined && !Array.isArray(overflow)) throw refused("overflow", "write a list of chat models")
  const all = named(targets, overflow)
  const own = Object.fromEntries(Object.entries(rest).filter(([name]) => !ofLangChain.split(" ").includes(name)))
  const router = known(Object.fromEntries(ofRouter.map((name) => [name, own[name]]))) as Partial<Router.Options>
  for (const name of ofRouter) delete own[name]
  const main = { ...own, targets: all.targets, ...(all.overflow.length > 0 && { overflow: all.overflow }) }
  const { retry = router.defaults?.retry } = rest
  const once = { ...main, retry: Object.assign({}, retry, { attempts: 1 }) }
  const routes = { [route]: main, [routeOnce]: once }
  const { close, service } = made({ ...router, ...asOne(router), upstreams: all.upstreams, routes })
  return { service, route, routeOnce, named: all.named, close }
}

/** Whoever may ask by the one may ask by the other, and both are one in a record. */
const asOne = ({ callers, record }: Partial<Router.Options>): Partial<Router.Options> => {
  const asking = Object.entries(callers ?? {}).map(([name, caller]) => {
    const may = fieldsOf(caller)?.["routes"]
    return [name, Array.isArray(may) && may.includes(route) ? { ...caller, routes: [...may, routeOnce] } : caller]
  })
  return {
    ...(callers !== undefined && { callers: Object.fromEntries(asking) }),
    ...(typeof record === "function" && {
      record: (told) => record(told.route === routeOnce ? { ...told, route, model: route } : told)
    })
  }
}

/** Makes the router; what is wrong is told once, and at the place where it was written. */
const made = (options: Router.Options): Router.Outside => {
  try {
    return createSpillway(options)
  } catch (error) {
    if (!(error instanceof Core.OptionsRefused)) throw error
    const problems = error.problems.filter(({ path }) => !path.startsWith(`routes.${routeOnce}`))
    const told = problems.map((each) => ({ ...each, path: each.path.replace(/^routes\.chat\.?/, "") }))
    throw new Core.OptionsRefused({ of: "ChatSpillway", problems: told })
  }
}

const shared = ({ model, spillway }: OverSpillway): Behind => {
  if (typeof model !== "string" || model === "") throw refused("model", "write the name of a route, or of a model")
  if (typeof spillway !== "object" || spillway === null || !("ask" in spillway)) {
    throw refused("spillway", "write what createSpillway gives")
  }
  const service = "service" in spillway ? spillway.service : spillway
  // Who shares it does not end it for the others.
  return { service, route: model, routeOnce: model, named: [], close: () => Promise.resolve() }
}

const refused = (path: string, expected: string): Core.OptionsRefused =>
  new Core.OptionsRefused({ of: "ChatSpillway", problems: [{ path, read: "", expected }] })
