/**
 * Which request goes where, and what is answered where none is: an Ollama's own guards and paths.
 */
import type { Asked, Handler, Headers } from "../Exchange.ts"
import * as Host from "../Host.ts"
import * as Messages from "../surfaces/Messages.ts"
import * as Native from "../surfaces/Native.ts"
import * as NativeModels from "../surfaces/NativeModels.ts"
import * as OpenAiChat from "../surfaces/OpenAiChat.ts"
import * as OpenAiCompletions from "../surfaces/OpenAiCompletions.ts"
import * as OpenAiEmbeddings from "../surfaces/OpenAiEmbeddings.ts"
import * as OpenAiModels from "../surfaces/OpenAiModels.ts"
import * as OpenAiResponses from "../surfaces/OpenAiResponses.ts"
import type { Daemon } from "./Daemon.ts"

type Table = Readonly<Record<string, Readonly<Record<string, Handler>>>>

const text: Headers = [["Content-Type", "text/plain"]]

/** Answers whatever is asked of an Ollama. */
export const handler = (daemon: Daemon, draw: () => number): Handler => {
  const table = tableOf(daemon, draw)
  return (asked, reply) => {
    const { headers, method } = asked
    const { origin } = headers
    if (origin !== undefined && !isOwnOrigin(origin, headers.host)) return reply.whole(403, [], "")
    if (!Host.isOwn(headers.host)) return reply.whole(403, [], "")
    const { path } = asked
    const methods = table[path] ?? table[path.replace(/[^/]+$/, "*")]
    if (methods === undefined) {
      const other = path.replace(/\/+$/, "").replace(/\/{2,}/g, "/")
      const isNear = other !== path && (other in table || other.replace(/[^/]+$/, "*") in table)
      if (isNear) return redirect(asked, other)(asked, reply)
      return reply.whole(404, text, "404 page not found")
    }
    if (method === "OPTIONS" && origin !== undefined) return reply.whole(204, preflight(methods), "")
    const found = methods[method]
    if (found !== undefined) return found(asked, reply)
    reply.whole(405, [["Allow", Object.keys(methods).join(", ")], ...text], "405 method not allowed")
  }
}

const tableOf = (daemon: Daemon, draw: () => number): Table => {
  const version = NativeModels.version(daemon)
  const tags = NativeModels.tags(daemon)
  const models = OpenAiModels.handler(daemon)
  return {
    "/": { HEAD: NativeModels.root, GET: NativeModels.root },
    "/api/version": { HEAD: version, GET: version },
    "/api/status": { GET: NativeModels.status },
    "/api/tags": { HEAD: tags, GET: tags },
    "/api/ps": { GET: NativeModels.running(daemon) },
    "/api/show": { POST: NativeModels.show(daemon) },
    "/api/copy": { POST: NativeModels.copy(daemon) },
    "/api/delete": { DELETE: NativeModels.remove(daemon) },
    "/api/pull": { POST: NativeModels.unreachable },
    "/api/push": { POST: NativeModels.unreachable },
    "/api/create": { POST: NativeModels.unreachable },
    "/api/chat": { POST: Native.chat(daemon) },
    "/api/generate": { POST: Native.generate(daemon) },
    "/api/embed": { POST: Native.embed(daemon) },
    "/api/embeddings": { POST: Native.embeddings(daemon) },
    "/v1/chat/completions": { POST: OpenAiChat.handler(daemon, draw) },
    "/v1/completions": { POST: OpenAiCompletions.handler(daemon, draw) },
    "/v1/embeddings": { POST: OpenAiEmbeddings.handler(daemon) },
    "/v1/responses": { POST: OpenAiResponses.handler(daemon, draw) },
    "/v1/messages": { POST: Messages.handler(daemon, draw) },
    "/v1/models": { GET: models },
    "/v1/models/*": { GET: models }
  }
}

/** Where a path with a slash too many really is. */
const redirect =
  (asked: Asked, to: string): Handler =>
  (_, reply) => {
    if (asked.method !== "GET") return reply.whole(307, [["Location", to]], "")
    const isSlash = asked.path === `${to}/`
    const [status, words] = isSlash ? ([301, "Moved Permanently"] as const) : ([307, "Temporary Redirect"] as const)
    const headers: Headers = [
      ["Content-Type", "text/html; charset=utf-8"],
      ["Location", to]
    ]
    reply.whole(status, headers, `<a href="${to}">${words}</a>.\n\n`)
  }

/** What every answer to a page's own script says beside. */
export const originHeaders = ({ headers: { host, origin } }: Asked): Headers =>
  origin === undefined || !isOwnOrigin(origin, host)
    ? []
    : [
        ["Access-Control-Allow-Origin", origin],
        ["Vary", "Origin"]
      ]

const isOwnOrigin = (origin: string, host = ""): boolean =>
  /^https?:\/\/(localhost|127\.0\.0\.1|0\.0\.0\.0)(:\d+)?$/.test(origin) ||
  /^(app|file|tauri|vscode-webview|vscode-file):\/\//.test(origin) ||
  origin === `http://${host}` ||
  origin === `https://${host}`

const preflight = (methods: Readonly<Record<string, Handler>>): Headers => [
  ["Access-Control-Allow-Headers", allowedHeaders],
  ["Access-Control-Allow-Methods", "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"],
  ["Access-Control-Max-Age", "43200"],
  ["Allow", Object.keys(methods).join(", ")],
  ["Vary", "Access-Control-Request-Method"],
  ["Vary", "Access-Control-Request-Headers"]
]

const stainless =
  "Arch Async Custom-Poll-Interval Helper-Method Lang Os Package-Version Poll-Helper Retry-Count Runtime " +
  "Runtime-Version Timeout"

const allowedHeaders = [
  "Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta",
  ...stainless.split(" ").map((name) => `X-Stainless-${name}`)
].join(",")
