/**
 * Stands in for llama-server below a real Ollama: it reads no model, and says what the script in a prompt says.
 *
 * Its words are those of the simulator, made by the same modules, so that both sides say the same to the same prompt
 * and what is compared is what Ollama makes of it. It imports little, because a new one is started for every load. What
 * becomes of a load is in the JSON file that `SIM_LLAMA` names, by the name of the model's file.
 */
import { readFileSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { basename } from "node:path"
import * as Answer from "../../packages/sim/src/ollama/Answer.ts"
import * as Script from "../../packages/sim/src/Script.ts"
import * as Words from "../../packages/sim/src/Words.ts"
import { embeddingLength } from "./models.ts"

const valueOf = (flag: string): string | undefined => {
  const at = process.argv.indexOf(flag)
  return at < 0 ? undefined : process.argv[at + 1]
}

/** What becomes of a load: how long it takes, how it fails, what it writes to the log. */
interface Load {
  readonly load_ms?: number
  readonly load_exit?: number
  readonly load_log?: string
  readonly load_hang?: boolean
}

const loadOf = (): Load => {
  if (process.env.SIM_LLAMA === undefined) return {}
  const loads = JSON.parse(readFileSync(process.env.SIM_LLAMA, "utf8")) as Record<string, Load>
  return loads[basename(valueOf("--model") ?? "")] ?? {}
}

const { load_exit: exit, load_hang: hangs = false, load_log: log, load_ms: millis = 0 } = loadOf()

const parallel = Number(valueOf("-np") ?? 1)
const embeds = process.argv.includes("--embedding")
const shifts = process.argv.includes("--context-shift")
/** Like llama.cpp's, the window of a slot comes in steps of 256. */
const window = Math.ceil(Number(valueOf("-c") ?? 4_096) / parallel / 256) * 256

/** What each slot has read and said last. */
const slots = Array.from({ length: parallel }, () => ({ text: "", isBusy: false }))

/** The tokens by number, as they come to be known; those that stand for no text come first, as everywhere. */
const vocabulary: Array<string> = ["", "", ""]
const numbers = new Map<string, number>()

const numberOf = (token: string): number => {
  const known = numbers.get(token)
  if (known !== undefined) return known
  numbers.set(token, vocabulary.length)
  return vocabulary.push(token) - 1
}

const textOf = (tokens: ReadonlyArray<number>): string => tokens.map((token) => vocabulary[token] ?? "").join("")

/** What Ollama asks for, as far as it is read here. */
interface Asked {
  readonly prompt?: string | ReadonlyArray<number> | { readonly multimodal_data: unknown }
  readonly messages?: ReadonlyArray<{ readonly role: string; readonly content: unknown }>
  readonly content?: string
  readonly tokens?: ReadonlyArray<number>
  readonly input?: string
  readonly n_predict?: number
  readonly stop?: ReadonlyArray<string> | null
  readonly n_probs?: number
  readonly logprobs?: boolean
  readonly top_logprobs?: number
  readonly grammar?: string
  readonly json_schema?: unknown
  readonly response_format?: { readonly json_schema?: { readonly schema: unknown } }
}

const wait = (until: number): Promise<void> => {
  const left = until - performance.now()
  return left > 0 ? new Promise((resolve) => setTimeout(resolve, left)) : Promise.resolve()
}

const send = (response: ServerResponse, status: number, value: unknown): void => {
  response.writeHead(status, { "Content-Type": "application/json" })
  response.end(JSON.stringify(value))
}

const refuse = (response: ServerResponse, code: number, message: string, type: string, more: object = {}): void =>
  send(response, code, { error: { code, message, type, ...more } })

const rendered = (messages: NonNullable<Asked["messages"]>): string =>
  messages.map(({ content, role }) => `<${role}>${String(content)}`).join("")

/** An answer to make: of what, in which form. */
interface Order {
  readonly prompt: string
  readonly answer: Answer.Answer
  readonly script: Script.Script
  readonly limit: number
  readonly piece: (text: string) => object
  readonly last: (isCut: boolean, timings: object) => object
  readonly isChat: boolean
}

const orderOf = (asked: Asked): Order => {
  const isChat = asked.messages !== undefined
  const last = asked.messages?.at(-1)
  const prefix = last?.role === "assistant" ? String(last.content) : ""
  const given = isChat ? rendered(asked.messages) : asked.prompt
  const prompt = typeof given === "string" ? given : textOf(given as ReadonlyArray<number>)
  const script = Script.read(prompt)
  const put = prefix === "" ? prompt : prompt.slice(0, -prefix.length)
  const format = asked.grammar === undefined ? (asked.json_schema ?? formatOf(asked)) : "json"
  const wanted = { seed: 1, prefix, tokens: 12, format, stop: asked.stop ?? [] }
  // Nothing is not sent, and then there is no limit; in a chat it is, and one token comes of it.
  const predicted = isChat ? Math.max(asked.n_predict ?? -1, asked.n_predict === 0 ? 1 : -1) : (asked.n_predict ?? -1)
  const limit = predicted < 0 ? Infinity : predicted
  const room = shifts ? Infinity : window - Words.count(prompt)
  return {
    prompt,
    answer: Answer.to(put, script, wanted),
    script,
    limit: Math.min(limit, room),
    piece: isChat ? chatPiece(asked) : completionPiece(asked),
    last: isChat ? chatLast : completionLast,
    isChat
  }
}

const formatOf = ({ response_format: format }: Asked): unknown =>
  format === undefined ? undefined : (format.json_schema?.schema ?? "json")

/** How likely a token was: the same on both sides. */
const likely = (token: string, others: number) => {
  const key = Words.keyOf(1, token)
  const logprob = -(1 + Words.drawn(key, 0, 1_000)) / 10_000
  const top = Array.from({ length: others }, (_, place) =>
    place === 0 ? { token, logprob } : { token: Words.at(key, place), logprob: logprob - place }
  )
  return { token, logprob, top_logprobs: top }
}

const completionPiece =
  ({ n_probs: others = 0 }: Asked) =>
  (content: string): object =>
    others === 0
      ? { content, stop: false }
      : { content, stop: false, completion_probabilities: [likely(content, others)] }

const completionLast = (isCut: boolean, timings: object): object => ({
  content: "",
  stop: true,
  stop_type: isCut ? "limit" : "eos",
  timings
})

const chatPiece =
  ({ logprobs, top_logprobs: others = 0 }: Asked) =>
  (content: string): object => ({
    choices: [
      {
        delta: { content },
        finish_reason: null,
        ...(logprobs === true ? { logprobs: { content: [likely(content, others)] } } : {})
      }
    ]
  })

const chatLast = (isCut: boolean, timings: object): object => ({
  choices: [{ delta: {}, finish_reason: isCut ? "length" : "stop" }],
  timings
})

/** The slot that knows most of a prompt, and how much. */
const slotFor = (prompt: string) => {
  const words = Words.split(prompt)
  const known = slots
    .filter(({ isBusy }) => !isBusy)
    .map((slot) => {
      const read = Words.split(slot.text)
      let tokens = 0
      while (tokens < words.length && words[tokens] === read[tokens]) tokens++
      return { slot, cached: Math.max(Math.min(tokens, words.length - 1), 0) }
    })
  return known.reduce((best, each) => (best === undefined || each.cached > best.cached ? each : best), known[0])
}

const complete = async (asked: Asked, response: ServerResponse): Promise<void> => {
  if (asked.prompt !== undefined && typeof asked.prompt === "object" && "multimodal_data" in asked.prompt) {
    const message = "Multimodal data provided, but model does not support multimodal requests."
    return refuse(response, 400, message, "invalid_request_error")
  }
  const order = orderOf(asked)
  const { prompt, script } = order
  if (script.status !== undefined) return refuse(response, script.status, "scripted", "server_error")
  const tokens = Words.count(prompt)
  if (tokens >= window) {
    const exceeds = `request (${tokens} tokens) exceeds the available context size (${window} tokens)`
    const more = { n_prompt_tokens: tokens, n_ctx: window }
    return refuse(response, 400, `${exceeds}, try increasing it`, "exceed_context_size_error", more)
  }
  let free = slotFor(prompt)
  // Who has just left may still have a token to go.
  for (; free === undefined; free = slotFor(prompt)) await wait(performance.now() + 1)
  const { cached, slot } = free
  slot.isBusy = true
  slot.text = prompt
  try {
    await answer(order, tokens, cached, response, (text) => (slot.text += text))
  } finally {
    slot.isBusy = false
  }
}

const answer = async (
  { answer: { token }, isChat, last, limit, piece, script }: Order,
  tokens: number,
  cached: number,
  response: ServerResponse,
  said: (text: string) => void
): Promise<void> => {
  const { tokenMillis = 5 } = script
  const begun = performance.now()
  await wait(begun + (script.promptMillis ?? 0) * (tokens - cached))
  response.writeHead(200, { "Content-Type": "text/event-stream" })
  response.flushHeaders()
  const closed = new Promise((resolve) => response.once("close", resolve))
  // A reader who is slow is waited for, and who has left is told nothing more.
  const put = (line: string): Promise<unknown> =>
    Promise.race([closed, new Promise((resolve) => response.write(line, resolve))])
  const tell = (value: object): Promise<unknown> => put(`data: ${JSON.stringify(value)}\n\n`)
  const from = performance.now()
  let place = 0
  for (; !response.destroyed; place++) {
    // By a signal, as a crash is and as who is out of memory is killed.
    if (place === script.dieAfter) process.kill(process.pid, "SIGKILL")
    if (place === script.hangAfter) return void (await closed)
    if (place === script.endAfter) return void response.end()
    if (place === script.garbageAfter) return void response.end("data: {nonsense\n\n")
    const text = place < limit ? token(place) : undefined
    if (text === undefined) break
    said(text)
    await tell(piece(text))
    await wait(from + tokenMillis * (place + 1))
  }
  const isCut = script.stop === undefined ? place >= limit : script.stop === "limit"
  await tell(
    last(isCut, {
      cache_n: cached,
      prompt_n: tokens - cached,
      prompt_ms: from - begun,
      predicted_n: place,
      predicted_ms: performance.now() - from
    })
  )
  response.end(isChat ? "data: [DONE]\n\n" : undefined)
}

const embed = ({ input = "" }: Asked, response: ServerResponse): void => {
  if (!embeds) {
    const message = "This server does not support embeddings. Start it with `--embeddings`"
    return refuse(response, 501, message, "not_supported_error")
  }
  const tokens = Words.count(input)
  const vector = Answer.vectorOf(1, input, embeddingLength)
  send(response, 200, { data: [{ embedding: vector }], usage: { prompt_tokens: tokens } })
}

const health = (response: ServerResponse): void => {
  if (hangs) return
  if (process.uptime() * 1_000 < millis) return refuse(response, 503, "Loading model", "unavailable_error")
  send(response, 200, { status: "ok" })
}

const respond = (path: string, asked: Asked, response: ServerResponse): Promise<void> | void => {
  switch (path) {
    case "/tokenize":
      return send(response, 200, { tokens: Words.split(asked.content ?? "").map(numberOf) })
    case "/detokenize":
      return send(response, 200, { content: textOf(asked.tokens ?? []) })
    case "/apply-template":
      return send(response, 200, { prompt: rendered(asked.messages ?? []) })
    case "/v1/embeddings":
      return embed(asked, response)
    default:
      return complete(asked, response)
  }
}

const listen = (request: IncomingMessage, response: ServerResponse): void => {
  response.on("error", () => {})
  if (request.method === "GET") return health(response)
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    void respond(request.url ?? "/", JSON.parse(Buffer.concat(chunks).toString()) as Asked, response)
  })
}

if (log !== undefined) console.error(log)
if (exit === undefined) createServer(listen).listen(Number(valueOf("--port")), "127.0.0.1")
else setTimeout(() => process.exit(exit), millis)
// Whoever started it may be killed without a word.
setInterval(() => process.ppid === 1 && process.exit(), 1_000).unref()
