/**
 * Which conversation a question goes on with, told from how it begins.
 *
 * A server that has read the turns before need not read them again, and nobody says which those were: so two questions
 * of one caller are of one conversation where they begin alike. What is kept of that is a number, and no word.
 */
import { Redacted } from "effect"
import type { Question } from "../domain/Question.ts"

/** The conversation of a question of somebody; nothing for what has no words of its own. */
export const conversationOf = (question: Question, caller: string): string | undefined => {
  const number = numberOf(question)
  return number === undefined ? undefined : `${caller}\u0000${number}`
}

const numberOf = (question: Question): number | undefined => {
  const content = Redacted.value(question.content)
  if (content.kind === "embed") return undefined
  if (content.kind === "generate") return hashed(content.prompt, begin)
  let number = begin
  for (const { role, text } of content.messages) {
    number = hashed(text, number)
    // What follows the first word of its user is what makes it longer.
    if (role === "user") return number
  }
  return number
}

/** FNV-1a over the first of it: what differs later only is as good as the same. */
const hashed = (text: string, from: number): number => {
  let number = from
  const end = Math.min(text.length, lettersMax)
  for (let at = 0; at < end; at++) number = Math.imul(number ^ text.charCodeAt(at), 0x01000193)
  return number >>> 0
}

const begin = 0x811c9dc5

const lettersMax = 1_024
