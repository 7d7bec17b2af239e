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
    const calls = toolCalls.map(({ id, ...call }) => ({ ...call, given: id, id: named(id) }))
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

/** The call that is answered: the one of that name, else the first of that tool; where neither is said, the first. */
const takeFrom = (open: Array<Open>, given: string | undefined, tool: string | undefined): Open | undefined => {
  const byName = given === undefined ? -1 : open.findIndex((call) => call.given === given)
  const byTool = tool === undefined ? -1 : open.findIndex((call) => call.name === tool)
  const place = byName >= 0 ? byName : byTool >= 0 || given !== undefined || tool !== undefined ? byTool : 0
  return place < 0 ? undefined : open.splice(place, 1)[0]
}
