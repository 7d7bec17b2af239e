/**
 * Puts every call of a tool and its answer under one name, for servers that tell them by nothing else.
 *
 * A conversation may come from a server that names no calls, that counts them anew in each turn, or whose names another
 * one refuses. The names mean nothing beyond the conversation, so that whatever does not fit is named afresh, on both
 * sides.
 */
import type { Question } from "@spillway/core"

/** A call of a tool that has a name. */
export interface Called {
  readonly id: string
  readonly name: string
  readonly arguments: string
}

/** A turn in which every call, and every answer to one, has a name. */
export type Turn = Omit<Question.Message, "toolCalls" | "toolCallId"> & {
  readonly toolCalls: ReadonlyArray<Called>
  readonly toolCallId: string | undefined
}

/** A call that nothing has answered yet. */
interface Open extends Called {
  /** As the conversation names it. */
  readonly given: string | undefined
  readonly turn: number
}

/** The turns, all named; nothing where an answer belongs to no call. Names that do not have the form are replaced. */
export const paired = (messages: ReadonlyArray<Question.Message>, form: RegExp): ReadonlyArray<Turn> | undefined => {
  const taken = new Set(messages.flatMap(({ toolCalls = [] }) => toolCalls.map(({ id }) => id)))
  const used = new Set<string>()
  const open: Array<Open> = []
  let count = 0
  const fresh = (): string => {
    const id = `call_${count++}`
    return taken.has(id) ? fresh() : id
  }
  const named = (given: string | undefined): string => {
    const id = given === undefined || used.has(given) || !form.test(given) ? fresh() : given
    used.add(id)
    return id
  }
  const turns: Array<Turn> = []
  for (const message of messages) {
    const { role, toolCallId: given, toolCalls = [], toolName, ...rest } = message
    const calls = toolCalls.map(({ id, ...call }) => ({ ...call, given: id, id: named(id), turn: turns.length }))
    open.push(...calls)
    const answered = role === "tool" ? takeFrom(open, given, toolName) : undefined
    if (role === "tool" && answered === undefined) return undefined
    turns.push({
      role,
      ...rest,
      ...(toolName !== undefined && { toolName }),
      toolCalls: calls,
      toolCallId: answered?.id
    })
  }
  return turns
}

/** The call that is answered: the one of that name, or the first of that tool; where neither is said, the first. */
const takeFrom = (open: Array<Open>, given: string | undefined, tool: string | undefined): Open | undefined => {
  // A server that counts its calls anew in each turn means the last of that name.
  const last = given === undefined ? undefined : open.findLast((call) => call.given === given)
  const named = last && open.find((call) => call.given === given && call.turn === last.turn)
  const fits = open.filter((call) => (tool === undefined ? given === undefined : call.name === tool))
  // Whoever gives no name is more likely to answer a call that has none.
  const found = named ?? fits.find((call) => call.given === undefined) ?? fits[0]
  if (found !== undefined) open.splice(open.indexOf(found), 1)
  return found
}
