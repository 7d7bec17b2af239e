/**
 * What a chat model can, where several may answer: only what all of them can, and no more than the least of them.
 */
import type { ModelProfile } from "@langchain/core/language_models/profile"
import type { Fields } from "./Fields.ts"
import { insideOf, type Model, withoutBindings } from "./Models.ts"

/** The profile of all of them together; what one of them does not say is not known of any. */
export const profileOf = (models: ReadonlyArray<Model>): ModelProfile => {
  const [first, ...others] = models.map((model): Fields => insideOf(withoutBindings(model).model).profile ?? {})
  const entries = Object.entries(first ?? {}).flatMap(([name, value]) => {
    const least = others.reduce<unknown>((known, other) => leastOf(known, other[name]), value)
    return least === undefined ? [] : [[name, least] as const]
  })
  return Object.fromEntries(entries)
}

const leastOf = (one: unknown, other: unknown): unknown => {
  if (typeof one === "number" && typeof other === "number") return Math.min(one, other)
  if (one === false || other === false) return false
  return one === other ? one : undefined
}
