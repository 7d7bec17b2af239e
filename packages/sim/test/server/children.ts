/**
 * Servers in processes of their own, as a test sees them.
 */
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type * as Server from "../../src/Server.ts"
import type { Held } from "./alone.ts"
import { control, quick, until } from "./running.ts"
import { ask } from "./wire.ts"

const alone = fileURLToPath(new URL("alone.ts", import.meta.url))
/** The model that is asked, as fast as can be. */
export const model = "mini"
/** One of its own for those who are to leave: all answers of a model keep step with the slowest. */
export const slow = "slow"
/** One that is never loaded. */
export const never = "never"

/** A server in a process of its own. */
export class Alone {
  readonly url: string
  readonly port: number
  exit: number | string | undefined
  private readonly child: ChildProcess

  private constructor(child: ChildProcess, url: string) {
    this.child = child
    this.url = url
    this.port = Number(new URL(url).port)
    child.on("exit", (code, signal) => {
      this.exit = code ?? signal ?? "unknown"
    })
  }

  static async start(options: Server.Options): Promise<Alone> {
    const given = { models: [quick(model), quick(slow)], parallel: 64, ...options }
    const child = fork(alone, [JSON.stringify(given)], { execArgv: ["--expose-gc"] })
    const server = new Alone(child, await heard<string>(child))
    for (const name of given.models.map((each) => (typeof each === "string" ? each : each.name)).slice(0, 2)) {
      if (name !== never) await ask(server.port, "/api/chat", { model: name, messages: [] }, 5_000)
    }
    return server
  }

  async held(): Promise<Held> {
    const answer = heard<Held>(this.child)
    this.child.send("tell")
    return await answer
  }

  /** How many connections it has. */
  async connections(): Promise<number> {
    const { resources } = await this.held()
    return resources.filter((each) => each === "TCPSocketWrap").length
  }

  /** How many answers are made. */
  async running(): Promise<number> {
    const { value } = await control(this.url, "GET", "/models")
    return (value.models ?? []).reduce((sum, { running }) => sum + Number(running), 0)
  }

  async stop(): Promise<void> {
    const answer = heard<string>(this.child)
    this.child.send("stop")
    await answer
  }

  kill(): void {
    this.child.kill("SIGKILL")
  }
}

const heard = <A>(child: ChildProcess): Promise<A> =>
  new Promise((resolve, reject) => {
    const ended = (code: unknown): void => reject(new Error(`The server has ended by itself with ${String(code)}`))
    child.once("exit", ended)
    child.once("message", (message) => {
      child.off("exit", ended)
      resolve(message as A)
    })
  })

/** A question to the fast model. */
export const chatOf = (content: string, more: Readonly<Record<string, unknown>> = {}) => ({
  model,
  messages: [{ role: "user", content }],
  ...more
})

/** A question with two seconds of an answer. */
export const slowly = chatOf("hi [[sim tokens=500 token_ms=4]]", { model: slow })

/** How many connections are left when no more of them end. */
export const settled = async (server: Alone): Promise<number> => {
  await until(async () => (await server.connections()) === 0, 1_000).catch(() => 0)
  return await server.connections()
}

/** Starts several at once, since it is the first load that takes long. */
export const startAll = async <Name extends string>(
  all: Readonly<Record<Name, Server.Options>>
): Promise<Record<Name, Alone>> => {
  const given = Object.entries<Server.Options>(all)
  const started = await Promise.all(given.map(async ([name, options]) => [name, await Alone.start(options)] as const))
  return Object.fromEntries(started) as Record<Name, Alone>
}
