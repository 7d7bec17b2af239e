/**
 * Random answers in pieces, and how pieces are put together again: a wire may cut them as it likes, but must neither
 * lose nor swap any.
 */
import { Part, Summary } from "@spillway/core"
import type { Random } from "../../../core/test/laws/random.ts"
import { given } from "./Dialect.ts"
import { base64, cut, words } from "./Pieces.ts"

/** What the answers of a dialect can hold. */
export interface Says {
  /** Whether thoughts are signed or sealed. */
  readonly proofs: boolean
  readonly logprobs: boolean
  /** Whether calls come whole, with an id or without one, or in fragments: of one after the other, or of several. */
  readonly calls: "whole" | "in turn" | "at once"
  readonly refusals: boolean
  readonly timings: boolean
}

/** An answer and its end. */
export interface Answer {
  readonly parts: ReadonlyArray<Part.Part>
  readonly summary: Summary.Summary
}

/** An answer that a seed determines. */
export const answer = (random: Random, says: Says): Answer => {
  const { below } = random
  const hasLogprobs = says.logprobs && below(3) === 0
  const parts: Array<Part.Part> = []
  let calls = 0
  const one = (): void => {
    const kind = below(4)
    if (kind === 0) parts.push(...thought(random, says))
    else if (kind === 1 && says.calls === "at once") {
      const [first, second] = [call(random, calls++, says), call(random, calls++, says)]
      const most = Math.max(first.length, second.length)
      for (let at = 0; at < most; at++) parts.push(...first.slice(at, at + 1), ...second.slice(at, at + 1))
    } else if (kind === 1) parts.push(...call(random, calls++, says))
    else parts.push(...spoken(random, hasLogprobs))
  }
  for (let count = 1 + below(4); count > 0; count--) one()
  if (hasLogprobs || calls === 0) parts.push(...spoken(random, hasLogprobs))
  const finish =
    below(4) === 0 ? "length" : calls > 0 ? "tool-calls" : says.refusals && below(4) === 0 ? "refused" : "stop"
  const cached = below(2) === 0 ? 1 + below(9) : undefined
  return {
    parts,
    summary: Summary.make({
      finish,
      model: `model-${below(9)}`,
      usage: { input: 10 + below(1_000), output: 1 + below(1_000), ...given({ cached }) },
      ...(says.timings && { timings: { total: 1 + below(1e9), load: below(3), prompt: below(3), output: below(3) } })
    })
  }
}

const spoken = (random: Random, hasLogprobs: boolean): ReadonlyArray<Part.Part> =>
  cut(random, words(random)).map((text) => ({
    ...Part.text(text),
    ...(hasLogprobs && { logprobs: tokens(random, text) })
  }))

/** A token for each character, and one that is only the first bytes of it where there are several. */
const tokens = ({ below }: Random, text: string): ReadonlyArray<Part.Logprob> =>
  [...text].flatMap((character) => {
    const bytes = [...Buffer.from(character)]
    const halves = bytes.length < 3 ? [bytes] : [bytes.slice(0, 2), bytes.slice(2)]
    return halves.map((own) => {
      const isWhole = own.length === bytes.length
      const likely = {
        token: isWhole ? character : "\ufffd",
        logprob: -(1 + below(1_000)) / 7,
        ...(!isWhole && { bytes: own })
      }
      return { ...likely, top: below(3) === 0 ? [] : [likely, { token: " other", logprob: -9.5 }] }
    })
  })

const thought = (random: Random, { proofs }: Says): ReadonlyArray<Part.Part> => {
  const { below } = random
  if (proofs && below(4) === 0) return [{ ...Part.thinking(""), sealed: base64(random) }]
  const said = proofs && below(5) === 0 ? [] : cut(random, words(random)).map(Part.thinking)
  return proofs ? [...said, { ...Part.thinking(""), signature: base64(random) }] : said
}

const inputs = ["{}", '{"city":"K\u00f6ln","x":[1,2,{"y":null}]}', '{"text":"\u{1f600} \\"q\\"\\r\\n data: [DONE]"}']

const call = (random: Random, index: number, { calls }: Says): ReadonlyArray<Part.Part> => {
  const { below } = random
  const written = inputs[below(inputs.length)]!
  const first = {
    _tag: "ToolCall",
    index,
    ...((calls !== "whole" || below(2) === 0) && { id: `call_${below(1e6)}_${index}` }),
    name: `tool_${below(5)}`
  } as const
  if (calls === "whole") return [{ ...first, arguments: written }]
  const rest = cut(random, written).map((each) => ({ _tag: "ToolCall", index, arguments: each }) as const)
  return below(2) === 0 ? [{ ...first, arguments: "" }, ...rest] : [{ ...first, ...rest[0]! }, ...rest.slice(1)]
}

/** The parts put together: those of one kind in a row, and the fragments of each call where the first of them came. */
export const joined = (parts: ReadonlyArray<Part.Part>): ReadonlyArray<unknown> => {
  const whole: Array<Part.Part> = []
  for (const part of parts) {
    const at =
      part._tag === "ToolCall"
        ? whole.findIndex((each) => each._tag === part._tag && each.index === part.index)
        : whole.length - 1
    const one = at < 0 ? undefined : together(whole[at]!, part)
    if (one === undefined) whole.push(part)
    else whole[at] = one
  }
  const calls = whole.filter((part) => part._tag === "ToolCall")
  return whole.map((part) => {
    if (part._tag === "Text") return { ...part, ...given({ logprobs: part.logprobs?.map(bare) }) }
    if (part._tag !== "ToolCall") return part
    // Which number a call has is its wire's own business, as long as no other has it.
    return { ...part, index: calls.indexOf(part), arguments: JSON.parse(part.arguments || "{}") as unknown }
  })
}

/** One part of two; nothing where they are two. */
const together = (one: Part.Part, other: Part.Part): Part.Part | undefined => {
  if (one._tag === "ToolCall" && other._tag === "ToolCall") {
    return { ...one, ...other, arguments: one.arguments + other.arguments }
  }
  if (one._tag === "Text" && other._tag === "Text") {
    const logprobs = [...(one.logprobs ?? []), ...(other.logprobs ?? [])]
    return { ...Part.text(one.text + other.text), ...(logprobs.length > 0 && { logprobs }) }
  }
  // A thought is over once it is signed or sealed.
  if (one._tag !== "Thinking" || other._tag !== "Thinking") return undefined
  const isOver = one.signature !== undefined || one.sealed !== undefined || other.sealed !== undefined
  return isOver ? undefined : { ...one, ...other, text: one.text + other.text }
}

/** Bytes are told only where a token is no whole character, or by whoever tells them always. */
const bare = ({ top, ...own }: Part.Logprob) => ({ ...withBytes(own), top: top.map(withBytes) })

const withBytes = (likelihood: Part.Likelihood) => ({
  ...likelihood,
  bytes: likelihood.bytes ?? [...Buffer.from(likelihood.token)]
})
