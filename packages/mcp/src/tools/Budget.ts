/**
 * `budget`: what whoever asks may still spend.
 */
import { Effect } from "effect"
import type { Door } from "../Door.ts"
import { budgetOf } from "../Resources.ts"
import { listOf, looking, property, type Tool } from "../Tool.ts"

/** The tool. */
export const budget = (door: Door): Tool<{}> => ({
  name: "budget",
  title: "See the budget",
  description: "What you, and all together, may still spend. No budgets: none is set, though rates may limit you.",
  input: { type: "object", properties: {}, additionalProperties: false },
  output: {
    type: "object",
    properties: {
      caller: property("string"),
      budgets: listOf({
        budget: { enum: ["total", "each"] },
        unit: { enum: ["usd", "tokens"] },
        limit: property("number"),
        spent: property("number"),
        reserved: property("number"),
        unsettled: property("number"),
        remaining: property("number"),
        turns_in_ms: property("number")
      })
    },
    required: ["caller", "budgets"]
  },
  annotations: looking,
  run: (_, { caller }) => Effect.map(budgetOf(door, caller), (data) => ({ data }))
})
