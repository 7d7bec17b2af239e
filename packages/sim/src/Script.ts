/**
 * What becomes of one answer: how long it is, how fast it comes, and how it breaks.
 *
 * A request can script itself by a marker in its prompt, `[[sim tokens=9 token_ms=20 die_after=2]]`, so that a test
 * says what it wants where it asks for it. The runner that stands in for a real Ollama's reads the same marker, which
 * is how both can be asked the same question.
 */

/** How one answer goes. A place is a number of tokens that came before. */
export interface Script {
  /** How many tokens it has, where nothing stops it earlier. */
  readonly tokens?: number
  /** The time of one token of the answer, and of the prompt, in place of what the model takes. */
  readonly tokenMillis?: number
  readonly promptMillis?: number
  /** What it says, in place of its own words: token `n` is `" text<n>"`, or with `repeat` just `text`. */
  readonly text?: string
  readonly repeat?: boolean
  /** Why it says that it stopped. */
  readonly stop?: "eos" | "limit"
  /** The runner dies; falls silent; ends the answer without saying so; sends a line that nobody can read. */
  readonly dieAfter?: number
  readonly hangAfter?: number
  readonly endAfter?: number
  readonly garbageAfter?: number
  /** The runner refuses with a status. */
  readonly status?: number
  /** The tool that is called in place of saying anything, and its arguments as JSON without spaces. */
  readonly tool?: string
  readonly arguments?: string
  /** How many tokens are thought before the answer. */
  readonly thinking?: number
  /** Whether the place at which it breaks was drawn: an answer that is over before it breaks at its end. */
  readonly isDrawn?: boolean
}

const names = {
  tokens: "tokens",
  token_ms: "tokenMillis",
  prompt_ms: "promptMillis",
  text: "text",
  repeat: "repeat",
  stop: "stop",
  die_after: "dieAfter",
  hang_after: "hangAfter",
  end_after: "endAfter",
  garbage_after: "garbageAfter",
  status: "status",
  tool: "tool",
  arguments: "arguments",
  thinking: "thinking"
} as const satisfies Record<string, keyof Script>

const words = new Set<string>(["text", "stop", "tool", "arguments"])

/** A status that says no, or a number of tokens or milliseconds that somebody could live to see. */
const isSensible = (name: string, value: number): boolean =>
  name === "status" ? value >= 400 && value <= 599 : value >= 0 && value <= (name.endsWith("Millis") ? 3_600_000 : 1e9)

/** The script that stands in a prompt; without a marker, nothing. What is no key, or no value of it, is not read. */
export const read = (prompt: string): Script => {
  // Nearly every prompt has none.
  if (!prompt.includes("[[sim ")) return {}
  const script: Record<string, unknown> = {}
  for (const [, marker = ""] of prompt.matchAll(/\[\[sim ([^\]]*)\]\]/g)) {
    for (const [, key = "", value = ""] of marker.matchAll(/(\w+)=(\S+)/g)) {
      if (!(key in names)) continue
      const name = names[key as keyof typeof names]
      if (words.has(name)) script[name] = value
      else if (name === "repeat") script[name] = value !== "0"
      else if (isSensible(name, Number(value))) script[name] = Number(value)
    }
  }
  return script
}
