/** Holds `/v1/embeddings` to the bytes of Ollama 0.34.0. */
import { describe, expect, it } from "vitest"
import { handler } from "../../src/surfaces/OpenAiEmbeddings.ts"
import { busy, played } from "./played.ts"

const single = [-0.1016199, 0.00016582332, 1, 0.5].map(Math.fround)
const embedded = {
  model: "tiny-e",
  vectors: [single, [0]],
  metrics: { totalDuration: 2, loadDuration: 1, promptEvalCount: 10 }
}

const answer = (body: string) => ({
  status: 200,
  headers: ["Content-Type: application/json"],
  packets: [`${body}\n`],
  isWhole: true,
  isEnded: true
})

describe("vectors", () => {
  it("have as few digits as single precision needs", () => {
    const { sent } = played(handler, { model: "tiny-e", input: ["hello", "x"] }, { embedded })
    expect(sent).toStrictEqual(
      answer(
        '{"object":"list","data":[' +
          '{"object":"embedding","embedding":[-0.1016199,0.00016582332,1,0.5],"index":0},' +
          '{"object":"embedding","embedding":[0],"index":1}],' +
          '"model":"tiny-e","usage":{"prompt_tokens":10,"total_tokens":10}}'
      )
    )
  })

  it("are base64 of their bytes where that is asked for", () => {
    const vectors = [[-0.1016199, -0.098119386].map(Math.fround)]
    const body = { model: "tiny-e", input: "hello", encoding_format: "Base64" }
    const { sent } = played(handler, body, { embedded: { ...embedded, vectors } })
    expect(sent.packets[0]).toContain('"embedding":"GB7QvdHyyL0=","index":0')
  })
})

describe("a request", () => {
  const asked = (body: unknown) => played(handler, body).asked[0]

  it("takes an empty text for a text", () => {
    expect(asked({ model: "tiny-e", input: "" })).toStrictEqual({ model: "tiny-e", input: [""], options: {} })
  })

  it("hands on how many dimensions are wanted", () => {
    expect(asked({ input: ["a"], dimensions: 8 })).toMatchObject({ model: "", input: ["a"], dimensions: 8 })
  })
})

describe("a refusal", () => {
  const refused = (body: unknown) => played(handler, body).sent
  const error = (message: string, type = "invalid_request_error") =>
    `{"error":{"message":${JSON.stringify(message)},"type":"${type}","param":null,"code":null}}`

  it("of the daemon is passed on", () => {
    const { sent } = played(handler, { model: "tiny-e", input: "x" }, { embedded: busy })
    expect(sent).toStrictEqual({ ...answer(error(busy.message, "api_error")), status: 503 })
  })

  it.each([
    ["", "EOF"],
    ["[1]", "json: cannot unmarshal array into Go value of type openai.EmbedRequest"],
    ["{}", "invalid input"],
    ['{"input":null}', "invalid input"],
    ['{"input":[]}', "invalid input"],
    [
      '{"input":"x","encoding_format":"hex"}',
      "Invalid value for 'encoding_format' = hex. Supported values: ['float', 'base64']."
    ]
  ])("of the translation has a charset and no newline: %s", (body, message) => {
    expect(refused(body)).toStrictEqual({
      ...answer(""),
      status: 400,
      headers: ["Content-Type: application/json; charset=utf-8"],
      packets: [error(message)]
    })
  })

  it.each([
    [{ input: [5], model: "tiny-e" }, 400, "invalid input type", "invalid_request_error"],
    [{ input: true, model: "tiny-e" }, 400, "invalid input type", "invalid_request_error"],
    [{ input: [5], model: "a b/c!!" }, 400, "invalid model name", "invalid_request_error"],
    [{ input: [5] }, 404, "model '' not found", "not_found_error"]
  ])("of what lies behind it has neither: %o", (body, status, message, type) => {
    expect(refused(body)).toStrictEqual({ ...answer(error(message, type)), status })
  })
})
