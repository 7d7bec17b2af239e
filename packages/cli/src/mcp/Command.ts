/**
 * `spillway mcp`: the door for agents, over standard input and output or over HTTP.
 *
 * What it is made of is loaded only when it runs: a client waits for it to start.
 */
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"

const text = (name: string, metavar: string, what: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(what))

const flags = {
  ollama: text("ollama", "URL", "An Ollama ($OLLAMA_HOST, or http://127.0.0.1:11434)").pipe(Flag.optional),
  openai: text("openai", "URL", "An OpenAI-shaped server").pipe(Flag.optional),
  openaiKey: text("openai-key", "VARIABLE", "The environment variable that holds its key").pipe(Flag.optional),
  models: text("model", "NAME", "A model that may be asked, the first one by default; several times (all)").pipe(
    Flag.atLeast(0)
  ),
  caller: text("caller", "NAME", "What whoever asks is called (default)").pipe(Flag.optional),
  patience: text("patience", "SPAN", "How long a client waits for an answer, and a little less (50s)").pipe(
    Flag.optional
  ),
  admin: Flag.Boolean("admin").pipe(
    Flag.withoutNegation,
    Flag.withDescription("Also the tools that drain servers and close breakers, for whoever comes in"),
    Flag.withDefault(false)
  ),
  http: Flag.Boolean("http").pipe(
    Flag.withoutNegation,
    Flag.withDescription("Listen for many clients over HTTP, and not to one over standard input"),
    Flag.withDefault(false)
  ),
  port: Flag.Int("port").pipe(
    Flag.withDescription("Where it listens; 0 takes a free port (11436)"),
    Flag.filter(
      (port) => port >= 0 && port <= 65_535,
      () => "write a port from 0 to 65535"
    ),
    Flag.optional
  ),
  host: text("host", "ADDRESS", "The address it listens on (127.0.0.1)").pipe(Flag.optional),
  allowedHosts: text("allow-host", "NAME", "What else this server is called; may be given several times").pipe(
    Flag.atLeast(0)
  ),
  keys: text("key", "CALLER=VARIABLE", "A caller, and the environment variable that holds his key; several times").pipe(
    Flag.atLeast(0)
  )
}

/** What was given. */
export type Given = Command.Command.Config.Infer<typeof flags>

/** The command with its flags. */
export const mcp = Command.make("mcp", flags, (given) =>
  Effect.flatMap(
    Effect.promise(() => import("./Serve.ts")),
    ({ serve }) => serve(given)
  )
).pipe(
  Command.withDescription("Guarded models for agents, over the Model Context Protocol"),
  Command.withExamples([
    { command: "spillway mcp", description: "As a client's configuration starts it, before the local Ollama" },
    { command: "spillway mcp --model llama3.1:8b --caller editor" },
    { command: "spillway mcp --http --key ann=ANN_KEY", description: "For many clients, each with a key" }
  ])
)
