/**
 * Guards the model of an agent, call by call.
 *
 * The model that a request brings, or those that are named, stand behind a `ChatSpillway`, one for all calls of an
 * agent; so the guards are the router's, and are the same as everywhere. What a run has spent stands in its own
 * messages, so that it is right after an interrupt and in any process, and no counter is kept.
 */
import { AIMessage, type BaseMessage, HumanMessage } from "@langchain/core/messages"
import { Options as Core, refusal, SpillwayError, Tokens, Units } from "@spillway/core"
import { Result } from "effect"
import { type AgentMiddleware, createMiddleware } from "langchain"
import { ChatSpillway } from "./ChatSpillway.ts"
import { type Fields, fieldsOf, known, numberOf } from "./Fields.ts"
import { turnsOf } from "./Messages.ts"
import { insideOf, type Model, namesOf } from "./Models.ts"
import type { OverModels, OverSpillway } from "./Options.ts"

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
    throw refused("onRefusal", JSON.stringify(onRefusal), "write throw or end")
  }
  const purse = runBudget === undefined ? undefined : purseOf(runBudget)
  const guarded = guardedBy(rest)
  return createMiddleware({
    name: "SpillwayMiddleware",
    wrapModelCall: async (request, handler) => {
      try {
        const { messages, model, modelSettings } = request
        const bound = purse?.(messages)
        const settings = bound === undefined ? modelSettings : { ...modelSettings, maxTokens: bound }
        return await handler({ ...request, model: guarded(model as Model), ...known({ modelSettings: settings }) })
      } catch (thrown) {
        const error = refusalIn(thrown)
        if (error === undefined || onRefusal === "throw") throw thrown
        const { code } = error.failure
        return new AIMessage({ content: error.message, response_metadata: { spillway: { refused: code } } })
      }
    }
  }) as AgentMiddleware
}

/** A model of an agent, as it is guarded: once for each, so that what is known of it is kept. */
const guardedBy = (rest: Omit<Options, "onRefusal" | "runBudget">): ((model: Model) => ChatSpillway) => {
  if ("spillway" in rest || "targets" in rest) {
    const all = new ChatSpillway(rest as OverModels | OverSpillway)
    return () => all
  }
  const each = new WeakMap<object, ChatSpillway>()
  const later = new Map<string, Model>()
  return (model) => {
    if (model instanceof ChatSpillway) return model
    const key = sameOf(model, later)
    const made = each.get(key) ?? new ChatSpillway({ ...rest, targets: [key] })
    each.set(key, made)
    return made
  }
}

/** An agent whose model is a name makes it anew for each call: the first one of that name stands for all of them. */
const sameOf = (model: Model, later: Map<string, Model>): Model => {
  if (insideOf(model)._getModelInstance === undefined) return model
  const { name, provider } = namesOf(model)
  const first = later.get(`${provider}/${name}`) ?? model
  if (later.size < laterMax) later.set(`${provider}/${name}`, first)
  return first
}

const laterMax = 100

/** A refusal of ours, through whatever other guards have put around it. */
const refusalIn = (thrown: unknown): SpillwayError | undefined => {
  let error = thrown
  for (let count = 0; count < causesMax && !(error instanceof SpillwayError); count++)
    error = fieldsOf(error)?.["cause"]
  return error instanceof SpillwayError && error.failure.class === "refusal" ? error : undefined
}

const causesMax = 5

/** What one run has left: how many tokens its next answer may have, or nothing where that is not counted in them. */
const purseOf = (written: string): ((messages: ReadonlyArray<BaseMessage>) => number | undefined) => {
  const read = Units.amount.parse(written)
  if (Result.isFailure(read)) throw refused("runBudget", JSON.stringify(written), "write 50k tok, or $0.50")
  const { amount, unit } = read.success
  const spent = () => refusal({ _tag: "BudgetSpent", budget: `this run (${written})` })
  return (messages) => {
    const answers = messages.slice(messages.findLastIndex((message) => HumanMessage.isInstance(message)) + 1)
    const used = answers.reduce((sum, message) => sum + (unit === "tokens" ? tokensIn(message) : microsIn(message)), 0)
    if (used >= amount) throw spent()
    if (unit !== "tokens") return undefined
    const left = amount - used - promptOf(messages)
    if (left < 1) throw spent()
    return left
  }
}

const tokensIn = (message: BaseMessage): number => numberOf((message as AIMessage).usage_metadata?.total_tokens) ?? 0

/** What nobody has priced may have cost anything. */
const microsIn = ({ response_metadata: told }: BaseMessage): number => {
  const { costUsd, target } = fieldsOf((told as Fields)["spillway"]) ?? {}
  const dollars = numberOf(costUsd)
  if (typeof target === "string" && dollars === undefined) throw refusal({ _tag: "Unpriced", model: target })
  return Math.ceil((dollars ?? 0) * 1e6)
}

const promptOf = (messages: ReadonlyArray<BaseMessage>): number =>
  turnsOf(messages).reduce((sum, { text }) => sum + Tokens.ofText(text).likely, 0)

const refused = (path: string, read: string, expected: string): Core.OptionsRefused =>
  new Core.OptionsRefused({ of: "spillwayMiddleware", problems: [{ path, read, expected }] })
