/**
 * Random questions: conversations of all kinds of turns, with whatever a dialect has a place for.
 *
 * They are questions that its server would take: calls are answered at once, in any order, and a tool that has to be
 * called is there. What is nothing is asked for often (no words, the seed 0, no temperature), since that is what
 * careless code forgets.
 */
import type { Part, Question } from "@spillway/core"
import type { Random } from "../../../core/test/laws/random.ts"
import { type Asked, given } from "./Dialect.ts"
import { base64, bytesOf, words } from "./Pieces.ts"

/** What a dialect has a place for, by its page. */
export interface Carries {
  readonly imagesIn: ReadonlyArray<Question.Message["role"]>
  readonly imagesByAddress: boolean
  readonly seed: boolean
  readonly logprobs: boolean
  /** JSON without a schema. */
  readonly json: boolean
  /** Whether a tool can be one that has to be called. */
  readonly forcedTools: boolean
  /** Whether the system may speak anywhere, and not only first, or between the user and the assistant. */
  readonly systemAnywhere: boolean
  /** Whether its server takes a temperature and a choice of the tool only where nobody thinks. */
  readonly thinksAlone: boolean
}

/** What both have a place for. */
export const both = (one: Carries, other: Carries): Carries => ({
  imagesIn: one.imagesIn.filter((role) => other.imagesIn.includes(role)),
  imagesByAddress: one.imagesByAddress && other.imagesByAddress,
  seed: one.seed && other.seed,
  logprobs: one.logprobs && other.logprobs,
  json: one.json && other.json,
  forcedTools: one.forcedTools && other.forcedTools,
  systemAnywhere: one.systemAnywhere && other.systemAnywhere,
  thinksAlone: one.thinksAlone || other.thinksAlone
})

/** The models that are told how many tokens they may think. */
export const budgeted = ["claude-3-7-sonnet-20250219", "claude-opus-4-1", "claude-sonnet-4-5-20250929"]

const models = [...budgeted, "claude-opus-4-6", "claude-sonnet-5", "claude-haiku-5-5"]

const names = ["get_weather", "look-up", "f", "Search2", "send_mail"]

/** A question that a seed determines. */
export const question = (random: Random, carries: Carries): Asked => {
  const { below } = random
  const one = <A>(...of: ReadonlyArray<A>): A => of[below(of.length)]!
  const sometimes = (percent: number): boolean => below(100) < percent
  const tools = sometimes(60) ? names.slice(0, below(4)).map((name) => toolOf(random, name)) : undefined
  const think = sometimes(40) ? one<Question.Settings["think"]>(true, false, "low", "medium", "high") : undefined
  const isAlone = carries.thinksAlone && think !== undefined && think !== false
  const sampling = isAlone ? 0 : below(4)
  const forced = carries.forcedTools && !isAlone ? ["required" as const, { name: names[0]! }] : []
  const choice = one<Question.ToolChoice>("auto", "none", ...forced)
  const format = sometimes(25) ? (carries.json && sometimes(40) ? "json" : one<unknown>(...schemas)) : undefined
  return {
    model: one(...models),
    content: {
      kind: "chat",
      messages: conversation(random, carries),
      ...given({
        tools,
        toolChoice: tools !== undefined && tools.length > 0 && sometimes(60) ? choice : undefined,
        format,
        stop: sometimes(25) ? stops.slice(0, 1 + below(4)) : undefined
      })
    },
    settings: given({
      maxTokens: sometimes(60) ? (isAlone ? 1_025 + below(one(900, 60_000)) : 1 + below(one(2, 9_000))) : undefined,
      temperature: sampling === 1 ? one(0, 0.25, 1) : undefined,
      topP: sampling === 2 ? one(0, 0.9, 1) : undefined,
      seed: carries.seed && sometimes(40) ? one(0, 7, 4_294_967_295) : undefined,
      think,
      logprobs: carries.logprobs && sometimes(30) ? below(21) : undefined
    })
  }
}

const stops = ["END", "\n\nHuman:", "\u{1f6d1}", '"}']

const schemas = [
  { type: "object", properties: { a: { type: "string" } }, required: ["a"], additionalProperties: false },
  { type: "object", properties: { a: { type: "string" } }, additionalProperties: false },
  { type: "object", properties: {}, required: [], additionalProperties: false },
  {
    type: "object",
    properties: {
      "fran\u00e7ais": {
        type: "array",
        items: { type: "object", properties: { b: { type: "integer" } }, required: [] }
      }
    },
    required: ["fran\u00e7ais"],
    additionalProperties: false
  }
]

const toolOf = ({ below }: Random, name: string): Question.Tool => ({
  name,
  ...(below(2) === 0 && { description: `Does ${name}, "quoted", \u6f22\u5b57.` }),
  parameters: schemas[below(schemas.length)]
})

const conversation = (random: Random, carries: Carries): ReadonlyArray<Question.Message> => {
  const { below } = random
  const sometimes = (percent: number): boolean => below(100) < percent
  const turn = (role: Question.Message["role"], mayBeSilent = true): Question.Message => {
    const text = mayBeSilent && sometimes(15) ? "" : words(random)
    const images = carries.imagesIn.includes(role) && sometimes(20) ? imagesOf(random, carries) : undefined
    return { role, text, ...given({ images }) }
  }
  const messages: Array<Question.Message> = []
  for (let count = below(3); count > 0; count--) messages.push(turn("system"))
  const interruption = (isFree: boolean): void => {
    if (isFree && sometimes(15)) messages.push(turn("system"))
  }
  for (let count = below(4); count > 0; count--) {
    do {
      messages.push(turn("user"))
      interruption(carries.systemAnywhere)
    } while (sometimes(20))
    interruption(!carries.systemAnywhere && messages.at(-1)?.text !== "")
    do {
      const thinking = sometimes(40) ? thoughts(random) : undefined
      const toolCalls = sometimes(40) ? calls(random) : undefined
      const isNext = messages.at(-1)?.role === "system" && !carries.systemAnywhere
      messages.push({ ...turn("assistant", !isNext), ...given({ thinking, toolCalls }) })
      messages.push(...answers(random, toolCalls ?? [], () => turn("tool")))
      interruption(carries.systemAnywhere)
    } while (sometimes(20))
  }
  // A conversation may also end with what a tool has answered.
  if (messages.at(-1)?.role !== "tool" || sometimes(70)) messages.push(turn("user", false))
  interruption(true)
  return messages
}

const thoughts = (random: Random): string | ReadonlyArray<Part.Thought> => {
  const { below } = random
  if (below(3) === 0) return below(4) === 0 ? "" : words(random)
  return Array.from({ length: 1 + below(3) }, () => {
    const kind = below(4)
    if (kind === 0) return { sealed: base64(random) }
    if (kind === 1) return { text: words(random) }
    return { text: below(5) === 0 ? "" : words(random), signature: base64(random) }
  })
}

type Calls = NonNullable<Question.Message["toolCalls"]>

const ids = ["call_abc123", "toolu_01A09q90qw90lq917835lq9", "functions.f:0", "7d3|fc_68", "\u00e4"]

/** Some with ids and some without; one that came earlier may come again. */
const calls = ({ below }: Random): Calls => {
  const hasIds = below(3)
  const own = ids.slice(below(3))
  return Array.from({ length: 1 + below(3) }, (_, index) => {
    const id = hasIds === 0 || (hasIds === 1 && below(2) === 0) ? undefined : own[index]!
    return { ...given({ id }), name: names[below(names.length)]!, arguments: written[below(written.length)]! }
  })
}

const written = ["", "{}", '{"city":"K\u00f6ln"}', '{ "a" : [ 1, { "b": null } ],\r\n"c": "\\ud83d\\ude00 \\"x\\"" }']

/** An answer to each call, in any order where ids or names tell which is which. */
const answers = (random: Random, toolCalls: Calls, turn: () => Question.Message): ReadonlyArray<Question.Message> => {
  const nameless = toolCalls.filter(({ id }) => id === undefined).map(({ name }) => name)
  const isTold = new Set(nameless).size === nameless.length
  const order = isTold && random.below(2) === 0 ? toolCalls.toReversed() : toolCalls
  return order.map(({ id, name }) => {
    const isNamed = (id === undefined && order !== toolCalls) || random.below(2) === 0
    return { ...turn(), ...given({ toolCallId: id }), ...(isNamed && { toolName: name }) }
  })
}

const imagesOf = (random: Random, { imagesByAddress }: Carries): ReadonlyArray<Question.Image> =>
  Array.from({ length: 1 + random.below(2) }, () => {
    const { bytes, mediaType } = bytesOf(random)
    const data = Buffer.from(bytes).toString("base64")
    const form = random.below(imagesByAddress ? 4 : 3)
    if (form === 0) return { bytes }
    if (form === 1) return { base64: data }
    return { url: form === 2 ? `data:${mediaType};base64,${data}` : "https://example.com/a%20b.png?x=1&y=%C3%A4" }
  })
