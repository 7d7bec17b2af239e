/**
 * A fault that is to strike once waits for a request that can show it: neither who is refused nor who only loads a
 * model uses it up.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Faults from "../../src/ollama/Faults.ts"
import { quick, serve } from "./running.ts"

const model = "mini"

/** Requests that no runner answers with words. */
const others: ReadonlyArray<readonly [what: string, path: string, body: unknown]> = [
  ["a preload", "/api/chat", { model, messages: [] }],
  ["a preload by a prompt", "/api/generate", { model, prompt: "" }],
  ["an unload", "/api/generate", { model, prompt: "", keep_alive: 0 }],
  ["a model that is not there", "/api/generate", { model: "absent", prompt: "hi" }],
  ["what is no JSON", "/api/generate", '{"model":"mini",'],
  ["a script that is refused", "/api/generate", { model, prompt: "[[sim tokns=4]]" }],
  ["a script that refuses", "/api/generate", { model, prompt: "[[sim status=429]]" }],
  ["an image that it cannot see", "/api/generate", { model, prompt: "hi", images: ["aGk="] }],
  ["a format that it does not know", "/api/generate", { model, prompt: "hi", format: "xml" }]
]

describe("a fault of a runner that is to strike once", () => {
  it("is not used up by who could not show it, and strikes the next one", async () => {
    const serving = await serve({ models: [quick(model)], faults: ["die at=0 x1"] })
    const post = async (path: string, body: unknown) => {
      const text = typeof body === "string" ? body : JSON.stringify(body)
      const answer = await fetch(serving.url + path, { method: "POST", body: text })
      await answer.text()
      return answer.status
    }
    const spent: Array<string> = []
    for (const [what, path, body] of others) {
      await post(path, body)
      if (serving.faults.on[0]?.struck !== 0) spent.push(what)
    }
    const asking = { model, prompt: "hi [[sim tokens=4]]", stream: false }
    const statuses = [await post("/api/generate", asking), await post("/api/generate", asking)]
    const named = serving.traffic.passages.slice(-2).map(({ fault }) => fault)
    await serving.stop()
    assert.deepStrictEqual(spent, [])
    assert.deepStrictEqual(statuses, [500, 200])
    assert.deepStrictEqual(named, ["die", undefined])
  })

  it("leaves a request alone that another fault has struck before", async () => {
    const serving = await serve({ models: [quick(model)], faults: ["slow span=1ms x1", "die at=0 x1"] })
    const body = JSON.stringify({ model, prompt: "hi [[sim tokens=4]]", stream: false })
    const statuses: Array<number> = []
    for (let place = 0; place < 2; place++) {
      const answer = await fetch(`${serving.url}/api/generate`, { method: "POST", body })
      await answer.text()
      statuses.push(answer.status)
    }
    await serving.stop()
    assert.deepStrictEqual(statuses, [200, 500])
  })

  it("is asked for by each path of words, and by nobody when he comes", () => {
    for (const name of Faults.ofAnswers) {
      for (const path of Faults.known.get(name)!.paths) {
        assert.isTrue(Faults.ofRequest({ method: "POST", path }).has(name))
        assert.isFalse(Faults.ofArrival({ method: "POST", path }).has(name))
      }
    }
  })
})
