/** Holds `/v1/models` to the bytes of Ollama 0.34.0. */
import { Duration } from "effect"
import { describe, expect, it } from "vitest"
import type { Model } from "../../src/ollama/Model.ts"
import { handler } from "../../src/surfaces/OpenAiModels.ts"
import { played } from "./played.ts"

const model = (fullName: string): Model => ({
  name: fullName,
  fullName,
  digest: "",
  isCloud: false,
  kind: "go",
  can: [],
  bytes: 1,
  load: Duration.seconds(1),
  prefill: 1,
  decode: 1,
  sharing: 0,
  context: 1,
  answer: 1
})

const models = [model("registry.ollama.ai/library/tools:latest"), model("registry.ollama.ai/me/tiny-a:q4")]

const sent = (path: string, all: ReadonlyArray<Model>) => {
  const find = (name: string) => all.find(({ fullName }) => fullName.includes(`/${name}:`))
  return played(handler, "", { daemon: { models: all, find } }, path).sent
}

const answer = (status: number, body: string) => ({
  status,
  headers: ["Content-Type: application/json"],
  packets: [`${body}\n`],
  isWhole: true,
  isEnded: true
})

describe("the list", () => {
  it("tells the short name of each model, and who owns it", () => {
    const first = '{"id":"tools:latest","object":"model","created":1795214945,"owned_by":"library"}'
    const second = '{"id":"me/tiny-a:q4","object":"model","created":1795214945,"owned_by":"me"}'
    expect(sent("/v1/models", models)).toStrictEqual(answer(200, `{"object":"list","data":[${first},${second}]}`))
  })

  it("is null where there are none", () => {
    expect(sent("/v1/models", [])).toStrictEqual(answer(200, '{"object":"list","data":null}'))
  })
})

describe("one model", () => {
  it("is named as it was asked for", () => {
    expect(sent("/v1/models/tools", models)).toStrictEqual(
      answer(200, '{"id":"tools","object":"model","created":1795214945,"owned_by":"library"}')
    )
  })

  it.each([
    ["nope", 404, "model 'nope:latest' not found", "not_found_error"],
    ["a b!!", 400, "invalid model name", "invalid_request_error"]
  ])("is refused where it is %s", (name, status, message, type) => {
    expect(sent(`/v1/models/${name}`, models)).toStrictEqual(
      answer(status, `{"error":{"message":"${message}","type":"${type}","param":null,"code":null}}`)
    )
  })
})
