/**
 * What one run of an agent may spend, from a user's turn to its answer, and what it has spent so far.
 *
 * Each answer says what its run has spent up to it. The last one is enough then: a history that was made shorter on the
 * way has forgotten nothing, and no process has to remember anything.
 */
import { AIMessage, type BaseMessage, HumanMessage } from "@langchain/core/messages"
import { refusal, Units } from "@spillway/core"
import { Result } from "effect"
import { questionOf } from "./Asked.ts"
import { type Fields, fieldsOf, listOf, numberOf } from "./Fields.ts"
import { refusedBy } from "./Refused.ts"

/** What a model is asked in a run. */
export interface Request {
  readonly messages: ReadonlyArray<BaseMessage>
  readonly systemMessage?: BaseMessage | undefined
  readonly tools?: ReadonlyArray<unknown> | undefined
}

/** What a run has spent, in its own unit, and how many tokens its next answer may have, where it is counted in them. */
export interface Left {
  readonly spent: number
  readonly tokens?: number
}

/** The budget of each run. */
export class Purse {
  private readonly written: string
  private readonly amount: number
  private readonly unit: "tokens" | "micros"

  constructor(written: string) {
    const read = Units.amount.parse(written)
    if (Result.isFailure(read)) {
      throw refusedBy("spillwayMiddleware")("runBudget", "write 50k tok, or $0.50", JSON.stringify(written))
    }
    this.written = written
    this.amount = read.success.amount
    this.unit = read.success.unit === "tokens" ? "tokens" : "micros"
  }

  /** What is left for an answer, or throws that there is nothing. */
  leftFor({ messages, systemMessage, tools }: Request): Left {
    const spent = this.spentIn(messages)
    if (spent >= this.amount) throw this.refused()
    if (this.unit !== "tokens") return { spent }
    const all = systemMessage === undefined ? messages : [systemMessage, ...messages]
    const { prompt } = questionOf("", { messages: all, options: { tools } })
    const tokens = this.amount - spent - prompt.likely
    if (tokens < 1) throw this.refused()
    return { spent, tokens }
  }

  /** The same answer, which says what its run has spent with it. */
  noted<A>(answer: A, before: number): A {
    if (AIMessage.isInstance(answer)) return this.marked(answer, before) as A
    const messages = listOf(fieldsOf(answer)?.["messages"])
    const at = messages.findIndex((message) => AIMessage.isInstance(message))
    if (at < 0) return answer
    return { ...answer, messages: messages.with(at, this.marked(messages[at] as AIMessage, before)) }
  }

  private marked(answer: AIMessage, before: number): AIMessage {
    const own = this.costOf(answer)
    // What nobody has priced is refused with the next question.
    if (own === undefined) return answer
    const spillway = {
      ...fieldsOf((answer.response_metadata as Fields)["spillway"]),
      run: { [this.unit]: before + own }
    }
    const response_metadata = { ...answer.response_metadata, spillway }
    return Object.assign(Object.create(Object.getPrototypeOf(answer)), answer, { response_metadata })
  }

  private spentIn(messages: ReadonlyArray<BaseMessage>): number {
    let spent = 0
    for (const message of messages.slice(messages.findLastIndex(isTurn) + 1)) {
      const cost = this.costOf(message)
      const { run, target } = fieldsOf((message.response_metadata as Fields)["spillway"]) ?? {}
      if (cost === undefined) {
        throw refusal({ _tag: "Unpriced", model: typeof target === "string" ? target : "an answer of this run" })
      }
      spent = numberOf(fieldsOf(run)?.[this.unit]) ?? spent + cost
    }
    return spent
  }

  /** Nothing where that is not known: what nobody has priced may have cost anything. */
  private costOf(message: BaseMessage): number | undefined {
    const { total_tokens: tokens } = fieldsOf((message as AIMessage).usage_metadata) ?? {}
    if (this.unit === "tokens") return numberOf(tokens) ?? 0
    const { costUsd, target } = fieldsOf((message.response_metadata as Fields)["spillway"]) ?? {}
    const dollars = numberOf(costUsd)
    if (dollars !== undefined) return Math.ceil(dollars * 1e6)
    return typeof target === "string" || numberOf(tokens) !== undefined ? undefined : 0
  }

  private refused() {
    const instead = "begin another one with the next turn of the user, or raise runBudget."
    return refusal({ _tag: "BudgetSpent", budget: `this run (${this.written})`, instead })
  }
}

/** What a user has said begins a run; what a history was summed up in does not. */
const isTurn = (message: BaseMessage): boolean =>
  HumanMessage.isInstance(message) && message.additional_kwargs["lc_source"] === undefined
