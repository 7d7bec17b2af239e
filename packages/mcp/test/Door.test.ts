/** The model that is meant where a question names none. */
import { describe, expect, it } from "vitest"
import { call, connected, gpu, model, scene, textOf } from "./fixtures/scene.ts"

const bad = { "dev.spillway/error": { code: "bad_request", retryable: false } }

/** Two models whose names say the opposite of what they can. */
const misnamed = { models: [model("vectors", { kind: "embed" }), model("embed-words")] }

const data = ({ structuredContent }: Awaited<ReturnType<typeof call>>) => structuredContent as Record<string, unknown>

describe("the model that is meant", () => {
  it("is one that can what is asked, by what its server says, whatever it is called", async () => {
    const client = await connected((await scene({ sim: misnamed })).url)
    expect(data(await call(client, "list_models"))["default"]).toBe("embed-words:latest")
    expect(data(await call(client, "generate", { prompt: "Why?" }))["model"]).toBe("embed-words:latest")
    expect(data(await call(client, "embed", { input: ["one"] }))["model"]).toBe("vectors:latest")
  })

  it("is never one of no route where there are routes, and else the first that can", async () => {
    const { url } = await scene({
      router: () => ({ routes: { vectors: { targets: ["gpu/v-embed"] }, chat: { targets: ["gpu/a"] } } }),
      door: { routes: ["vectors", "chat"] }
    })
    const client = await connected(url)
    expect(data(await call(client, "list_models"))["default"]).toBe("chat")
    expect(data(await call(client, "generate", { prompt: "Why?" }))["target"]).toBe("gpu/a")
    expect(data(await call(client, "embed", { input: ["one"] }))["target"]).toBe("gpu/v-embed")
    const only = await scene({
      router: () => ({ routes: { chat: { targets: ["gpu/a"] } }, anonymous: { routes: ["chat"] } }),
      door: { routes: ["chat"] }
    })
    const result = await call(await connected(only.url), "embed", { input: ["one"] })
    expect(textOf(result)).toMatch(
      /^model was missing: .* since none that may be asked makes vectors: see list_models\./
    )
    expect(result._meta).toMatchObject(bad)
  })

  it("is told by its name where its server says nothing of it", async () => {
    const { url } = await scene({
      router: () => ({
        upstreams: { mine: async () => "Yes" },
        routes: { "text-embedding-3": { targets: ["mine/one"] }, chat: { targets: ["mine/two"] } }
      }),
      door: { routes: ["text-embedding-3", "chat"] }
    })
    expect(data(await call(await connected(url), "generate", { prompt: "Why?" }))["target"]).toBe("mine/two")
  })

  it("is none where none can, which is no reason to come back", async () => {
    const { url } = await scene({ sim: { models: [model("vectors", { kind: "embed" })] } })
    const result = await call(await connected(url), "generate", { prompt: "Why?" })
    expect(textOf(result)).toMatch(
      /^model was missing: .* since none that may be asked answers in words: see list_models/
    )
    expect(result._meta).toMatchObject(bad)
    const nothing = await scene({ sim: { models: [] } })
    expect((await call(await connected(nothing.url), "generate", { prompt: "Why?" }))._meta).toMatchObject(bad)
  })

  it("is not known while no server can be seen, which may change", async () => {
    const { url } = await scene({ router: () => ({ upstreams: { gpu: gpu("http://127.0.0.1:1") } }) })
    const result = await call(await connected(url), "generate", { prompt: "Why?" })
    expect(result._meta).toMatchObject({ "dev.spillway/error": { code: "unreachable", retryable: true } })
    expect(textOf(result)).toMatch(/^gpu could not be reached \(nothing came of a look at it\): ask again later/)
  })
})
