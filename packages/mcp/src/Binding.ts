/**
 * Binds what a client sees to the SDK's server, of which each session has one.
 *
 * It is the low-level server of the SDK, which sends our schemas as they are: the other one wants each of them once
 * more in Zod, and drops what it does not know. It holds no arguments to their schemas; the surface does.
 */
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol.js"
import {
  CallToolRequestSchema,
  type CallToolResult,
  ErrorCode,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  type ListToolsResult,
  McpError,
  ReadResourceRequestSchema,
  type ServerNotification,
  type ServerRequest,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema
} from "@modelcontextprotocol/sdk/types.js"
import { Effect } from "effect"
import type { Topic } from "./Journal.ts"
import { errorOf } from "./Refused.ts"
import type { Surface } from "./Surface.ts"
import type { Asking } from "./Tool.ts"

/** Who a session is, and which server it talks to. */
export interface Session {
  readonly caller: string
  readonly version: string
}

/** A server for one session. */
export const bind = (surface: Surface, { caller, version }: Session): Server => {
  const server = new Server(
    { name: "spillway", title: "Spillway", version },
    { capabilities: { tools: {}, resources: { subscribe: true } }, instructions: surface.instructions }
  )
  const listed = { tools: surface.tools } as unknown as ListToolsResult
  server.setRequestHandler(ListToolsRequestSchema, () => listed)
  server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) => {
    const called = surface.call(params.name, params.arguments ?? {}, askingOf(caller, extra))
    if (called === undefined) throw new McpError(ErrorCode.InvalidParams, `There is no tool ${shown(params.name)}`)
    return Effect.runPromise(called, { signal: leftOf(extra) }) as Promise<unknown> as Promise<CallToolResult>
  })
  bindResources(server, surface, caller)
  return server
}

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>

const bindResources = (server: Server, { journal, resources }: Surface, caller: string): void => {
  const found = (uri: string) => {
    const resource = resources.find((each) => each.uri === uri)
    if (resource === undefined) throw new McpError(resourceNotFound, `There is no resource ${shown(uri)}`)
    return resource
  }
  server.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: resources.map(({ description, name, uri }) => ({ uri, name, description, mimeType: json }))
  }))
  server.setRequestHandler(ReadResourceRequestSchema, ({ params: { uri } }, extra) => {
    const read = Effect.map(Effect.exit(found(uri).read(caller)), (exit) => {
      if (exit._tag === "Failure") throw new McpError(ErrorCode.InternalError, errorOf(exit.cause).message)
      return { contents: [{ uri, mimeType: json, text: JSON.stringify(exit.value) }] }
    })
    return Effect.runPromise(read, { signal: extra.signal })
  })
  const topics = new Set<Topic>()
  const stop = journal.listen({
    caller,
    topics,
    // Whom it does not reach any more is about to be forgotten.
    changed: (topic) => void server.sendResourceUpdated({ uri: `spillway://${topic}` }).catch(() => {})
  })
  Object.assign(server, { onclose: stop })
  server.setRequestHandler(SubscribeRequestSchema, ({ params: { uri } }, extra) => {
    topics.add(found(uri).topic)
    // Whatever comes after the answer is a change.
    return Effect.runPromise(Effect.as(journal.begin, {}), { signal: extra.signal })
  })
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params: { uri } }) => {
    topics.delete(found(uri).topic)
    return {}
  })
}

/** Who asks; he hears how far it has come only where he has said how. Each message counts one more. */
const askingOf = (caller: string, { _meta, sendNotification }: Extra): Asking => {
  const token = _meta?.progressToken
  if (token === undefined) return { caller }
  let progress = 0
  return {
    caller,
    progress: (message) => {
      const params = { progressToken: token, progress: ++progress, message }
      sendNotification({ method: "notifications/progress", params }).catch(() => {})
    }
  }
}

/** Whoever has left: he said so, his session is over, or his connection is gone and with it the way back. */
const leftOf = ({ authInfo, signal }: Extra): AbortSignal => {
  const gone = authInfo?.extra?.["gone"]
  return gone instanceof AbortSignal ? AbortSignal.any([signal, gone]) : signal
}

const json = "application/json"

const resourceNotFound = -32_002

const shown = (name: string): string => JSON.stringify(name.slice(0, 128))
