/**
 * Says in the words of the command line why a simulated server did not start.
 */
import type { Server } from "@spillway/sim"
import { Refused } from "../Refused.ts"

/** What was used wrongly ends with 2, a port that cannot be had with 1. */
export const refusalOf = (error: Server.StartRefused): Refused =>
  error._tag === "ListenRefused"
    ? new Refused({ sentence: listening(error), code: 1 })
    : new Refused({ sentence: wrong(error), code: 2 })

const wrong = (error: Exclude<Server.StartRefused, Server.ListenRefused>): string => {
  if (error._tag === "FaultRefused") return `--fault: ${error.message}`
  const problems = error.problems.map(({ expected, path, read }) => {
    const what = read === "" ? expected : `read ${read}, ${expected}`
    return `${placeOf(error.of, path)}: ${what}`
  })
  return problems.join("; ")
}

const placeOf = (of: string, path: string): string => {
  if (of === "Model") return "--models"
  return of === "Fault" ? `--fault, ${path}` : flagOf(path)
}

/** The flag that sets an option. */
export const flagOf = (option: string): string => `--${flags[option] ?? option}`

const flags: Readonly<Record<string, string>> = {
  queueMax: "max-queue",
  modelsMax: "max-loaded",
  keepAlive: "keep-alive"
}

const listening = ({ address, code, message }: Server.ListenRefused): string => {
  const why = reasons[code]
  return why === undefined ? message : `${address} ${why}`
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "is taken, perhaps by an Ollama: stop that one, or take another port with --port (0 takes a free one).",
  EACCES: "is not for everybody: take a port from 1024 on with --port.",
  EADDRNOTAVAIL: "is no address of this machine: take another one with --host.",
  ENOTFOUND: "cannot be found: take another address with --host."
}
