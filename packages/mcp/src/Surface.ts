/**
 * Everything that a client sees, made once and shared by all sessions: tools with their compiled schemas, resources,
 * and a few lines on how to use them.
 *
 * Their order is always the same, so that a client's cache of them stays good.
 */
import { Effect } from "effect"
import * as Arguments from "./Arguments.ts"
import type { Door } from "./Door.ts"
import type { Journal } from "./Journal.ts"
import * as Refused from "./Refused.ts"
import * as Resources from "./Resources.ts"
import type { Asking, Said, Tool } from "./Tool.ts"
import { budget } from "./tools/Budget.ts"
import { embed } from "./tools/Embed.ts"
import { generate } from "./tools/Generate.ts"
import { health } from "./tools/Health.ts"
import { listModels } from "./tools/ListModels.ts"
import { resetBreaker } from "./tools/ResetBreaker.ts"
import { setUpstream } from "./tools/SetUpstream.ts"

/** A tool as it is listed. */
export interface Listed extends Pick<Tool, "name" | "title" | "description" | "annotations"> {
  readonly inputSchema: Tool["input"]
  readonly outputSchema: Tool["output"]
}

/** What a tool came to, as a client is told. */
export type Result = Refused.Refused | Answered

/** An answer. */
export interface Answered {
  readonly content: ReadonlyArray<{ readonly type: "text"; readonly text: string }>
  readonly structuredContent: Said["data"]
}

/** What a client sees. */
export interface Surface {
  readonly journal: Journal
  readonly instructions: string
  readonly tools: ReadonlyArray<Listed>
  readonly resources: ReadonlyArray<Resources.Resource>
  /** Runs a tool; nothing where there is none of that name. */
  readonly call: (name: string, given: unknown, asking: Asking) => Effect.Effect<Result> | undefined
}

/** What is offered beside what everybody has. */
export interface Options {
  /** Whether whoever comes in may take servers out of service, and close breakers. */
  readonly admin?: boolean
}

/** Makes it. */
export const make = (door: Door, { admin = false }: Options = {}): Surface => {
  const usual: ReadonlyArray<Tool> = [generate(door), embed(door), listModels(door), health(door), budget(door)]
  const tools = admin ? [...usual, setUpstream(door), resetBreaker(door)] : usual
  const known = new Map(tools.map((tool) => [tool.name, { tool, check: Arguments.check(tool.input) }]))
  return {
    journal: door.journal,
    instructions,
    tools: tools.map(({ annotations, description, input, name, output, title }) => ({
      name,
      title,
      description,
      inputSchema: input,
      outputSchema: output,
      annotations
    })),
    resources: Resources.all(door),
    call: (name, given, asking) => {
      const found = known.get(name)
      if (found === undefined) return undefined
      const run = Effect.flatMap(Effect.fromResult(found.check(given)), (read) => found.tool.run(read, asking))
      return answered(run)
    }
  }
}

/** Whatever becomes of it, a client hears of it. */
const answered = (run: Effect.Effect<Said, Refused.Refusal>): Effect.Effect<Result> =>
  Effect.map(Effect.exit(run), (exit) => {
    if (exit._tag === "Failure") return Refused.refused(Refused.errorOf(exit.cause))
    const { data, words = [JSON.stringify(data)] } = exit.value
    return { content: words.map((text) => ({ type: "text", text })), structuredContent: data }
  })

const instructions = [
  "Spillway asks models for you: local ones first, others where those cannot.",
  "generate waits for its turn and retries by itself, so never ask twice at once for the same.",
  "An error ends with its code, whether coming back helps (retryable), and when (retry_after_ms): not sooner.",
  "Where it says no for longer, answer yourself; health tells when that has changed."
].join("\n")
