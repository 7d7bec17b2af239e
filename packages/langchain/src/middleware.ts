/**
 * Guards the model of an agent, call by call.
 *
 * The model that a request brings, or those that are named, stand behind a `ChatSpillway` of one router; so the guards
 * are the router's, and hold for whatever models come. None of them is ever taken for another: two of one name may have
 * two keys. What a run has spent stands in its own answers, so that it is right after an interrupt and in any process.
 */
import { AIMessage } from "@langchain/core/messages"
import { SpillwayError } from "@spillway/core"
import { type AgentMiddleware, createMiddleware } from "langchain"
import { ChatSpillway } from "./ChatSpillway.ts"
import { boundIn } from "./Asked.ts"
import { type Fields, fieldsOf, known } from "./Fields.ts"
import { type Model, withoutBindings } from "./Models.ts"
import { around, type OverModels, type OverSpillway } from "./Options.ts"
import { refusedBy } from "./Refused.ts"
import { Purse, type Request } from "./Purse.ts"

/** What is put around an agent's model; where no targets are named it is the agent's own. */
export type Options = ((Omit<OverModels, "targets"> & Partial<Pick<OverModels, "targets">>) | OverSpillway) & {
  /** What becomes of a refusal: it is thrown, or ends the run with a message that says what it says. */
  readonly onRefusal?: "throw" | "end"
  /** What one run may spend, from a user's turn to its answer: `50k tok`, or `$0.50`. */
  readonly runBudget?: string
}

/** Makes it. */
export const spillwayMiddleware = (options: Options = {}): AgentMiddleware => {
  const { onRefusal = "throw", runBudget, ...rest } = options
  if (onRefusal !== "throw" && onRefusal !== "end") {
    throw refused("onRefusal", "write throw or end", JSON.stringify(onRefusal))
  }
  const purse = runBudget === undefined ? undefined : new Purse(runBudget)
  const guarded = guardedBy(rest)
  return createMiddleware({
    name: "SpillwayMiddleware",
    wrapModelCall: async (request, handler) => {
      try {
        const { model, modelSettings } = request
        const left = purse?.leftFor(request as Request)
        const bounds = [left?.tokens, boundIn(Object(modelSettings) as Fields)].filter((bound) => bound !== undefined)
        const settings =
          left?.tokens === undefined ? modelSettings : { ...modelSettings, maxTokens: Math.min(...bounds) }
        const guard = guarded(model as Model) as ChatSpillway
        const answer = await handler({ ...request, model: guard, ...known({ modelSettings: settings }) })
        return purse === undefined ? answer : purse.noted(answer, left!.spent)
      } catch (thrown) {
        const error = refusalIn(thrown)
        if (error === undefined || onRefusal === "throw") throw thrown
        const { code } = error.failure
        return new AIMessage({ content: error.message, response_metadata: { spillway: { refused: code } } })
      }
    }
  }) as AgentMiddleware
}

/** A model of an agent, as it is guarded. Each call is answered by the very model that its request has brought. */
const guardedBy = (rest: Omit<Options, "onRefusal" | "runBudget">): ((model: Model) => Model) => {
  if ("spillway" in rest || "targets" in rest) {
    const all = new ChatSpillway(rest as OverModels | OverSpillway)
    return () => all
  }
  const said = Object.keys(known(rest))
  const asking = rest as Omit<OverModels, "targets">
  const { of } = around(asking)
  const each = new WeakMap<Model, ChatSpillway>()
  return (model) => {
    if (withoutBindings(model).model instanceof ChatSpillway) {
      if (said[0] !== undefined) throw refused(said[0], "write it where the agent's ChatSpillway is made")
      return model
    }
    const made = each.get(model) ?? new ChatSpillway({ ...asking, targets: [model] }, of(model))
    each.set(model, made)
    return made
  }
}

/** A refusal of ours, through whatever other guards have put around it. */
const refusalIn = (thrown: unknown): SpillwayError | undefined => {
  let error = thrown
  for (let count = 0; count < causesMax && !(error instanceof SpillwayError); count++)
    error = fieldsOf(error)?.["cause"]
  return error instanceof SpillwayError && error.failure.class === "refusal" ? error : undefined
}

const causesMax = 5

const refused = refusedBy("spillwayMiddleware")
