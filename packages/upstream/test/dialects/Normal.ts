/**
 * What is the same in two questions although it is written differently, and what each dialect leaves out by its page.
 *
 * `carried` is the law of each wire: it says of a question what arrives on the other side, so that whatever it does not
 * name has to arrive untouched. `plain` takes what is only a manner of writing out of both sides before they are
 * compared.
 */
import type { Part, Question } from "@spillway/core"
import { levelOf } from "./Anthropic.ts"
import { budgeted } from "./Asking.ts"
import { type Asked, given, mediaTypeOf } from "./Dialect.ts"

type Messages = ReadonlyArray<Question.Message>

/** What arrives of a question where it was sent in the language of that name. */
export const carried: Readonly<Record<string, (asked: Asked) => Asked>> = {
  /** Thoughts are one text, and what is sealed has none. Tools that must not be called are not told. */
  Ollama: (asked) => {
    const { messages, toolChoice, tools, ...content } = asked.content
    const told = toolChoice === "none" ? undefined : tools
    return { ...asked, content: { ...content, messages: messages.map(withWords), ...given({ tools: told }) } }
  },

  /** To think without saying how much is the middle; thoughts stay behind. */
  OpenAI: (asked) => thinking(withMessages(asked, asked.content.messages.map(withoutThoughts))),

  /** The same, for a server that takes thoughts back, as words. */
  "OpenAI with thoughts": (asked) => thinking(withMessages(asked, asked.content.messages.map(withWords))),

  /**
   * The answer has a bound. A budget to think within is cut to half of that. Of thoughts only those that are signed or
   * sealed are sent; turns in which there is nothing are not, and those of one speaker in a row are one.
   */
  Anthropic: ({ content, model, settings }) => {
    const { maxTokens = 4_096, think, ...rest } = settings
    const kept = content.messages.map(withProof).filter(isThere)
    const messages = merged(kept)
    const level = think === undefined ? undefined : levelled(model, think, maxTokens)
    return {
      model,
      content: { ...content, messages },
      settings: { ...rest, maxTokens, ...given({ think: level }) }
    }
  }
}

const withMessages = (asked: Asked, messages: Messages): Asked => ({
  ...asked,
  content: { ...asked.content, messages }
})

const thinking = (asked: Asked): Asked =>
  asked.settings.think === true ? { ...asked, settings: { ...asked.settings, think: "medium" } } : asked

const withoutThoughts = ({ thinking: _thinking, ...rest }: Question.Message): Question.Message => rest

const withWords = (turn: Question.Message): Question.Message => {
  const words = thoughtsOf(turn).map((thought) => ("text" in thought ? thought.text : ""))
  return { ...withoutThoughts(turn), ...(words.length > 0 && { thinking: words.join("") }) }
}

const withProof = (turn: Question.Message): Question.Message => {
  const proven = thoughtsOf(turn).filter((thought) => "sealed" in thought || thought.signature !== undefined)
  return { ...withoutThoughts(turn), ...(proven.length > 0 && { thinking: proven }) }
}

const isThere = (turn: Question.Message): boolean =>
  turn.role === "tool" || says(turn) || hasThoughts(turn) || (turn.images ?? []).length > 0

/** Turns of one speaker in a row as one; but a thought behind words begins another. */
const merged = (messages: Messages): Messages => {
  const kept: Array<Question.Message> = []
  for (const turn of messages) {
    const before = kept.at(-1)
    const isOne = before?.role === turn.role && (turn.role === "user" || turn.role === "assistant")
    if (before === undefined || !isOne || (hasThoughts(turn) && says(before))) kept.push(turn)
    else kept[kept.length - 1] = both(before, turn)
  }
  return kept
}

const hasThoughts = (turn: Question.Message): boolean => thoughtsOf(turn).length > 0

const says = ({ text, toolCalls = [] }: Question.Message): boolean => text !== "" || toolCalls.length > 0

const both = (one: Question.Message, other: Question.Message): Question.Message => ({
  role: one.role,
  text: one.text + other.text,
  images: [...(one.images ?? []), ...(other.images ?? [])],
  thinking: [...thoughtsOf(one), ...thoughtsOf(other)],
  toolCalls: [...(one.toolCalls ?? []), ...(other.toolCalls ?? [])]
})

const budgets = { low: 2_048, medium: 8_192, high: 16_384 }

/** The models before Claude 4.6 are told how many tokens they may think, or nothing; all others how hard. */
const levelled = (model: string, think: NonNullable<Question.Settings["think"]>, maxTokens: number) => {
  if (!budgeted.includes(model)) return think
  if (think === false) return undefined
  const budget = budgets[think === true ? "medium" : think]
  return levelOf(Math.max(1_024, Math.min(budget, Math.floor(maxTokens / 2))))
}

const thoughtsOf = ({ thinking: thoughts = [] }: Question.Message): ReadonlyArray<Part.Thought> =>
  typeof thoughts === "string" ? (thoughts === "" ? [] : [{ text: thoughts }]) : thoughts

/** A question without its manner of writing. */
export const plain = ({ content, model, settings }: Asked): unknown => {
  const pairs = pairsOf(content.messages)
  const { format, stop, toolChoice, tools = [] } = content
  return {
    model,
    settings: given({ ...settings }),
    messages: content.messages.map((turn, index) => ({
      role: turn.role,
      text: turn.text,
      images: (turn.images ?? []).map(pictureOf),
      thoughts: thoughtsOf(turn),
      calls: (turn.toolCalls ?? []).map(({ arguments: written, name }) => ({ name, arguments: valueIn(written) })),
      ...(turn.role === "tool" && { answers: pairs[index] })
    })),
    tools: tools.map((tool) => given({ ...tool })),
    ...given({ toolChoice, format, stop })
  }
}

/** Which call each turn of a tool answers, and of what name: by its id, by its name, or the first that is open. */
const pairsOf = (messages: Messages) => {
  const open: Array<{ readonly id: string | undefined; readonly name: string; readonly place: number }> = []
  let calls = 0
  return messages.map(({ role, toolCallId, toolCalls = [], toolName }) => {
    for (const { id, name } of toolCalls) open.push({ id, name, place: calls++ })
    if (role !== "tool") return undefined
    const byId = open.findIndex(({ id }) => id === toolCallId)
    const byName = open.findIndex(({ id, name }) => id === undefined && name === toolName)
    const found = toolCallId !== undefined ? byId : byName >= 0 ? byName : 0
    const [answered] = open.splice(Math.max(found, 0), found < 0 ? 0 : 1)
    return answered === undefined ? "nothing" : { place: answered.place, name: answered.name }
  })
}

/** A picture is its bytes, or its address. */
const pictureOf = (image: Question.Image): unknown => {
  const inline = "url" in image ? /^data:[^,]*;base64,(.*)$/.exec(image.url)?.[1] : undefined
  if ("url" in image && inline === undefined) return image.url
  const data =
    "bytes" in image ? Buffer.from(image.bytes).toString("base64") : "base64" in image ? image.base64 : inline!
  return { mediaType: mediaTypeOf(data), data }
}

const valueIn = (written: string): unknown => {
  try {
    return JSON.parse(written || "{}")
  } catch {
    return written
  }
}
