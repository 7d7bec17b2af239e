/**
 * What a few flags say of servers and models, as the options of a router.
 *
 * The models that are named are all that can be asked, the first of them where nothing else is said; without any,
 * whatever is there can be asked by its name.
 */
import { type Router, Units } from "@spillway/core"
import { Gate } from "@spillway/mcp"
import { Ollama, OpenAi } from "@spillway/upstream"
import { type Duration, Option, Result } from "effect"
import { Refused } from "../Refused.ts"

/** What was given. */
export interface Given {
  readonly ollama: Option.Option<string>
  readonly openai: Option.Option<string>
  readonly openaiKey: Option.Option<string>
  readonly models: ReadonlyArray<string>
}

/** The environment of the process. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The options, or what is wrong with the flags. */
export const optionsOf = (given: Given, environment: Environment): Result.Result<Router.Options, Refused> => {
  const named = Option.map(given.openaiKey, nameOf)
  const key = Option.flatMap(named, (name) => Option.fromUndefinedOr(environment[name]))
  if (Option.isSome(named) && Option.isNone(key)) {
    return Result.fail(wrong("--openai-key names no environment variable that is set: write its name, not the key."))
  }
  if (Option.isSome(named) && Option.isNone(given.openai)) {
    return Result.fail(wrong("--openai-key is for a server: name it with --openai, as https://api.openai.com/v1."))
  }
  const nameless = given.models.find((model) => /\s|^$|\/$/.test(model))
  if (nameless !== undefined) {
    const read = JSON.stringify(nameless.slice(0, 64))
    return Result.fail(wrong(`--model ${read} is no name of a model: write it as llama3.1:8b, or ollama/llama3.1:8b.`))
  }
  const isOllama = Option.isSome(given.ollama) || Option.isNone(given.openai)
  const url = hostOf(Option.getOrElse(given.ollama, () => environment["OLLAMA_HOST"] ?? ""))
  const upstreams: Router.Options["upstreams"] = {
    ...(isOllama && { ollama: { upstream: Ollama.make("ollama", { url }) } }),
    ...(Option.isSome(given.openai) && {
      openai: {
        upstream: OpenAi.make("openai", { url: given.openai.value, ...(Option.isSome(key) && { key: key.value }) }),
        // A hosted server has many, and learning would begin with one.
        slots: hostedSlots
      }
    })
  }
  const routes = Object.fromEntries(given.models.map((model) => [model, { targets: [targetOf(model, upstreams)] }]))
  return Result.succeed({
    upstreams,
    ...(given.models.length > 0 && { routes, anonymous: { routes: given.models } }),
    defaults: { health: { every: "5s" } }
  })
}

/** Keys by callers, each given as the name of a caller and that of an environment variable. */
export const keysOf = (
  given: ReadonlyArray<string>,
  environment: Environment
): Result.Result<Readonly<Record<string, string>> | undefined, Refused> => {
  const keys = new Map<string, string>()
  for (const each of given) {
    const [, caller, variable = ""] = /^([\w.-]{1,64})=(.+)$/.exec(each) ?? []
    const key = environment[nameOf(variable)]
    // What was written may be the key itself, and is not shown.
    if (caller === undefined) return Result.fail(wrong("--key is no CALLER=VARIABLE: write it as ann=ANN_KEY."))
    if (key === undefined || key.trim() === "") {
      const sentence = `--key of ${caller} names no environment variable that is set: write its name, not the key.`
      return Result.fail(wrong(sentence))
    }
    if (keys.has(caller)) return Result.fail(wrong(`--key names ${caller} twice: give him one key.`))
    keys.set(caller, key.trim())
  }
  if (keys.size === 0) return Result.succeed(undefined)
  // A name may be one that a plain object has by itself.
  const told = Object.assign(Object.create(null) as Record<string, string>, Object.fromEntries(keys))
  const fault = Gate.faultOf(told)
  return fault === undefined ? Result.succeed(told) : Result.fail(wrong(fault))
}

/** How long a call may take, where that was said. */
export const patienceOf = (given: Option.Option<string>): Result.Result<Duration.Duration | undefined, Refused> => {
  if (Option.isNone(given)) return Result.succeed(undefined)
  const read = Units.span.parse(given.value)
  return Result.isSuccess(read)
    ? Result.succeed(read.success)
    : Result.fail(wrong(`--patience is no span of time: read ${JSON.stringify(given.value)}, write it as 50s or 2m.`))
}

const wrong = (sentence: string): Refused => new Refused({ sentence, code: 2 })

/** Whoever writes a shell's dollar before a name means the same. */
const nameOf = (variable: string): string => variable.replace(/^\$/, "")

const hostedSlots = 32

const targetOf = (model: string, upstreams: Router.Options["upstreams"]): string => {
  const [first] = Object.keys(upstreams)
  return Object.hasOwn(upstreams, model.split("/", 1)[0]!) && model.includes("/") ? model : `${first}/${model}`
}

/** Where an Ollama is, as its own variable says it: the scheme, the host and the port may each be left out. */
export const hostOf = (said: string): string => {
  // What else it may be is told by whoever asks there.
  if (/^(?!https?:)[a-z+.-]+:\/\//i.test(said.trim())) return said
  const [, scheme = "http", rest = ""] = /^(?:(https?):\/\/)?(.*)$/i.exec(said.trim()) ?? []
  const usual = said.includes("://") ? (scheme === "https" ? ":443" : ":80") : ":11434"
  const [, host = "", port = usual, path = ""] = /^((?:[^/@]*@)?(?:\[[^\]]*\]|[^:/]*))(:\d+)?(\/.*)?$/.exec(rest) ?? []
  // What listens everywhere is reached here.
  const reached = host === "" || host === "0.0.0.0" || host === "[::]" ? "127.0.0.1" : host
  return `${scheme}://${reached}${port}${path}`
}
