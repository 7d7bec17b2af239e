/**
 * Guards the model of an agent, call by call.
 *
 * The model that a request brings, or those that are named, stand behind a `ChatSpillway` of one router; so the guards
 * are the router's, and hold for whatever models come. None of them is ever taken for another: two of one name may have
 * two keys. What a run has spent stands in its own
 * messages, so that it is right after an interrupt and in any process, and no counter is kept.
 */
import { AIMessage, type BaseMessage, HumanMessage } from "@langchain/core/messages"
import { Options as Core, refusal, SpillwayError, Tokens, Units } from "@spillway/core"
import { Result } from "effect"
import { type AgentMiddleware, createMiddleware } from "langchain"
import { ChatSpillway } from "./ChatSpillway.ts"
import { type Fields, fieldsOf, known, numberOf } from "./Fields.ts"
import { turnsOf } from "./Messages.ts"
import { type Model, withoutBindings } from "./Models.ts"
import { around, type OverModels, type OverSpillway } from "./Options.ts"

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
        return await handler({
          ...request,
          model: guarded(model as Model) as ChatSpillway,
          ...known({ modelSettings: settings })
        })
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
      if (said[0] !== undefined) throw refused(said[0], "", "write it where the agent's ChatSpillway is made")
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
