/**
 * A server that has whatever the conformance suite asks for, to be put behind our own transports.
 *
 * What it answers is the suite's; what is tested is how it gets there and back.
 */
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import {
  CallToolRequestSchema,
  type CallToolResult,
  CompleteRequestSchema,
  ElicitResultSchema,
  GetPromptRequestSchema,
  type GetPromptResult,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  ReadResourceRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema
} from "@modelcontextprotocol/sdk/types.js"

type Content = CallToolResult["content"]

const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

const wav = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="

const says = (text: string): Content => [{ type: "text", text }]

const image = { type: "image" as const, data: png, mimeType: "image/png" }

const resource = (uri: string, mimeType: string, text: string) => ({
  type: "resource" as const,
  resource: { uri, mimeType, text }
})

const answers: Readonly<Record<string, Content>> = {
  test_simple_text: says("This is a simple text response for testing."),
  test_image_content: [image],
  test_audio_content: [{ type: "audio", data: wav, mimeType: "audio/wav" }],
  test_embedded_resource: [resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")],
  test_multiple_content_types: [
    ...says("Multiple content types test:"),
    image,
    resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')
  ],
  json_schema_2020_12_tool: says("It has a schema.")
}

const strings = (...names: ReadonlyArray<string>) => ({
  type: "object" as const,
  properties: Object.fromEntries(names.map((name) => [name, { type: "string" as const }])),
  required: [...names]
})

const defaults = {
  type: "object" as const,
  properties: {
    name: { type: "string" as const, default: "John Doe" },
    age: { type: "integer" as const, default: 30 },
    score: { type: "number" as const, default: 95.5 },
    status: { type: "string" as const, enum: ["active", "inactive", "pending"], default: "active" },
    verified: { type: "boolean" as const, default: true }
  },
  required: []
}

const options = ["option1", "option2", "option3"]

const titled = (what: string) =>
  ["First", "Second", "Third"].map((each, index) => ({
    const: `value${index + 1}`,
    title: `${each} ${what}`
  }))

const enums = {
  type: "object" as const,
  properties: {
    untitledSingle: { type: "string" as const, enum: options },
    titledSingle: { type: "string" as const, oneOf: titled("Option") },
    legacyEnum: {
      type: "string" as const,
      enum: ["opt1", "opt2", "opt3"],
      enumNames: ["Option One", "Option Two", "Option Three"]
    },
    untitledMulti: { type: "array" as const, items: { type: "string" as const, enum: options } },
    titledMulti: { type: "array" as const, items: { anyOf: titled("Choice") } }
  },
  required: []
}

const schemas: Readonly<Record<string, object>> = {
  test_sampling: strings("prompt"),
  test_elicitation: strings("message"),
  json_schema_2020_12_tool: {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    $defs: { address: { type: "object", properties: { street: { type: "string" }, city: { type: "string" } } } },
    properties: { name: { type: "string" }, address: { $ref: "#/$defs/address" } },
    additionalProperties: false
  }
}

const toolNames = [
  ...Object.keys(answers),
  "test_tool_with_logging",
  "test_error_handling",
  "test_tool_with_progress",
  "test_sampling",
  "test_elicitation",
  "test_elicitation_sep1034_defaults",
  "test_elicitation_sep1330_enums"
]

const prompts: Readonly<Record<string, (given: Readonly<Record<string, string>>) => GetPromptResult["messages"]>> = {
  test_simple_prompt: () => [user({ type: "text", text: "This is a simple prompt for testing." })],
  test_prompt_with_arguments: ({ arg1, arg2 }) => [
    user({ type: "text", text: `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'` })
  ],
  test_prompt_with_embedded_resource: ({ resourceUri = "" }) => [
    user(resource(resourceUri, "text/plain", "Embedded resource content for testing.")),
    user({ type: "text", text: "Please process the embedded resource above." })
  ],
  test_prompt_with_image: () => [user(image), user({ type: "text", text: "Please analyze the image above." })]
}

const parameters: Readonly<Record<string, ReadonlyArray<string>>> = {
  test_prompt_with_arguments: ["arg1", "arg2"],
  test_prompt_with_embedded_resource: ["resourceUri"]
}

const user = (content: GetPromptResult["messages"][number]["content"]) => ({ role: "user" as const, content })

const pause = () => new Promise((resolve) => setTimeout(resolve, 50))

/** A server for one session. */
export const everything = (): Server => {
  const server = new Server(
    { name: "everything", version: "0.0.0" },
    { capabilities: { tools: {}, resources: { subscribe: true }, prompts: {}, completions: {}, logging: {} } }
  )
  bindTools(server)
  bindResources(server)
  server.setRequestHandler(ListPromptsRequestSchema, () => ({
    prompts: Object.keys(prompts).map((name) => ({
      name,
      description: name,
      arguments: (parameters[name] ?? []).map((each) => ({ name: each, description: each, required: true }))
    }))
  }))
  server.setRequestHandler(GetPromptRequestSchema, ({ params }) => ({
    messages: prompts[params.name]!(params.arguments ?? {})
  }))
  server.setRequestHandler(CompleteRequestSchema, () => ({ completion: { values: [], total: 0, hasMore: false } }))
  return server
}

const bindTools = (server: Server): void => {
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: toolNames.map((name) => ({
      name,
      description: name,
      inputSchema: { type: "object" as const, ...schemas[name] }
    }))
  }))
  server.setRequestHandler(CallToolRequestSchema, async ({ params: { _meta, arguments: given = {}, name } }, extra) => {
    // Whatever a call sends goes with its own stream.
    const elicited = async (message: string, requestedSchema: object) => {
      const params = { mode: "form" as const, message, requestedSchema } as never
      const answer = await extra.sendRequest({ method: "elicitation/create", params }, ElicitResultSchema)
      return { content: says(`Elicitation completed: ${JSON.stringify(answer)}`) }
    }
    if (name === "test_error_handling") return { content: says("This tool intentionally fails."), isError: true }
    if (name === "test_elicitation") return elicited(String(given["message"]), strings("username", "email"))
    if (name === "test_elicitation_sep1034_defaults") return elicited("Defaults", defaults)
    if (name === "test_elicitation_sep1330_enums") return elicited("Enums", enums)
    if (name === "test_sampling") {
      const content = { type: "text" as const, text: String(given["prompt"]) }
      const answer = await server.createMessage({ messages: [{ role: "user", content }], maxTokens: 100 })
      return { content: says(`LLM response: ${JSON.stringify(answer.content)}`) }
    }
    if (name === "test_tool_with_logging") {
      for (const data of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
        await extra.sendNotification({ method: "notifications/message", params: { level: "info", data } })
        await pause()
      }
      return { content: says("It has logged.") }
    }
    if (name === "test_tool_with_progress") {
      for (const progress of [0, 50, 100]) {
        const params = { progressToken: _meta?.progressToken ?? 0, progress, total: 100 }
        await extra.sendNotification({ method: "notifications/progress", params })
        await pause()
      }
      return { content: says("It has made progress.") }
    }
    return { content: answers[name]! }
  })
}

const bindResources = (server: Server): void => {
  const text = (uri: string, mimeType: string, said: string) => ({ contents: [{ uri, mimeType, text: said }] })
  server.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: [
      { uri: "test://static-text", name: "static-text", mimeType: "text/plain" },
      { uri: "test://static-binary", name: "static-binary", mimeType: "image/png" },
      { uri: "test://watched-resource", name: "watched-resource", mimeType: "text/plain" }
    ]
  }))
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ uriTemplate: "test://template/{id}/data", name: "template", mimeType: "application/json" }]
  }))
  server.setRequestHandler(ReadResourceRequestSchema, ({ params: { uri } }) => {
    const id = /^test:\/\/template\/(\w+)\/data$/.exec(uri)?.[1]
    if (id !== undefined) return text(uri, "application/json", JSON.stringify({ id, data: `Data for ID: ${id}` }))
    if (uri === "test://static-binary") return { contents: [{ uri, mimeType: "image/png", blob: png }] }
    return text(uri, "text/plain", "This is the content of the static text resource.")
  })
  server.setRequestHandler(SubscribeRequestSchema, () => ({}))
  server.setRequestHandler(UnsubscribeRequestSchema, () => ({}))
}
