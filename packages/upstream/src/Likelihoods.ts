/**
 * How likely each token was, in the one form that all servers have who tell it.
 */
import { Part, type SpillwayError } from "@spillway/core"
import { type Fields, isVector, listOf, textOf } from "./Fields.ts"
import { type Asked, unsupported } from "./Wire.ts"

/** What a list of tokens says; nothing where there is none. */
const likelihoodsOf = (list: unknown): ReadonlyArray<Part.Logprob> | undefined => {
  if (!Array.isArray(list) || list.length === 0) return undefined
  return listOf(list).map((each) => ({ ...likelihoodOf(each), top: listOf(each["top_logprobs"]).map(likelihoodOf) }))
}

const likelihoodOf = ({ bytes, logprob, token }: Fields): Part.Likelihood => ({
  token: textOf(token) ?? "",
  // No number is what is all but impossible.
  logprob: typeof logprob === "number" && Number.isFinite(logprob) ? logprob : -9_999,
  ...(isVector(bytes) && { bytes })
})

/** The words of one answer, each piece with its likelihoods. */
export class Words {
  private readonly asked: Asked
  private isFirst = true

  constructor(asked: Asked) {
    this.asked = asked
  }

  /** Hands out a piece; or says that its likelihoods were asked for, and this server does not know them. */
  say(text: string, list: unknown, emit: (part: Part.Part) => void): SpillwayError | undefined {
    const { logprobs: wanted } = this.asked.question.settings
    const logprobs = wanted === undefined ? undefined : likelihoodsOf(list)
    if (text === "" && logprobs === undefined) return undefined
    if (this.isFirst && wanted !== undefined && logprobs === undefined) {
      return unsupported("how likely its tokens are", this.asked)
    }
    this.isFirst = false
    emit(logprobs === undefined ? Part.text(text) : { ...Part.text(text), logprobs })
    return undefined
  }
}
