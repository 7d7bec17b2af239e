/**
 * How answers are framed: heads, chunks, lengths, and what a connection is good for afterwards.
 */
import { written } from "../mask.ts"
import { askEach, chat, embedding, generate, scenario, type Scenario } from "../scenario.ts"
import { Connection, type Question } from "../wire.ts"

const short = "hello there [[sim tokens=3]]"

const get = (path: string, more: Partial<Question> = {}): Question => ({ path, ...more })

/** The scenarios. */
export const framing: ReadonlyArray<Scenario> = [
  scenario("frames come one a chunk, the first with the head", (target) =>
    askEach(target, {
      "generate, streamed": generate(short),
      generate: generate(short, { stream: false }),
      "chat, streamed": chat(short),
      chat: chat(short, { stream: false }),
      "no tokens": chat("hello [[sim tokens=0]]"),
      "one token": generate("hello [[sim tokens=1]]"),
      raw: generate(short, { raw: true, stream: false })
    })
  ),
  scenario("a model with a template of its own is framed like any other", (target) =>
    askEach(target, {
      "chat, streamed": chat(short, { model: "mini-j" }),
      chat: chat(short, { model: "mini-j", stream: false }),
      "generate, streamed": generate(short, { model: "mini-j" }),
      generate: generate(short, { model: "mini-j", stream: false })
    })
  ),
  scenario("vectors come with a length while they are short, and in chunks when they are not", (target) =>
    askEach(target, {
      embed: embedding.embed!({}),
      several: embedding.embed!({ input: ["one", "two words", "and three more"] }),
      none: embedding.embed!({ input: [] }),
      "an empty one": embedding.embed!({ input: "" }),
      dimensions: embedding.embed!({ dimensions: 8 }),
      embeddings: embedding.embeddings!({}),
      "embeddings of nothing": embedding.embeddings!({ prompt: "" })
    })
  ),
  scenario("a body of more than 2048 bytes comes in chunks", (target) =>
    askEach(target, {
      generate: generate("hello [[sim tokens=400 token_ms=0]]", { stream: false }),
      "just below": generate("hello [[sim tokens=60 token_ms=0]]", { stream: false })
    })
  ),
  scenario("what is asked of the server itself", (target) =>
    askEach(target, {
      tags: get("/api/tags"),
      "tags, trailing slash": get("/api/tags/"),
      "ps of nothing": get("/api/ps"),
      version: get("/api/version"),
      root: get("/"),
      "HEAD of the root": get("/", { method: "HEAD" }),
      "HEAD of the tags": get("/api/tags", { method: "HEAD" }),
      "HEAD of the version": get("/api/version", { method: "HEAD" }),
      "unknown path": get("/api/unknown"),
      "unknown path of v1": get("/v1/unknown"),
      "a double slash": get("//api/tags"),
      "wrong method": get("/api/chat"),
      "another wrong method": get("/api/tags", { method: "DELETE" }),
      "POST with a trailing slash": { ...chat(short), path: "/api/chat/" }
    })
  ),
  scenario("show tells what a model is", (target) =>
    askEach(target, {
      show: { path: "/api/show", body: { model: "mini-a" } },
      "by the old name of the field": { path: "/api/show", body: { name: "mini-a" } },
      "of vectors": { path: "/api/show", body: { model: "mini-e" } },
      unknown: { path: "/api/show", body: { model: "nobody" } },
      "without a model": { path: "/api/show", body: {} }
    })
  ),
  scenario("ps tells of what is loaded", async (target) => {
    const first = await askEach(target, { load: chat("", { messages: [] }), ps: get("/api/ps") })
    const second = await askEach(target, {
      context: generate(short, { stream: false, options: { num_ctx: 512 } }),
      "ps with another context": get("/api/ps")
    })
    return { ...first, ...second }
  }),
  scenario("a foreign host and a foreign page are turned away", (target) => {
    const from = (headers: Record<string, string>, more: Partial<Question> = {}): Question => ({
      path: "/api/version",
      headers,
      ...more
    })
    return askEach(target, {
      "foreign host": from({ Host: "evil.example.com" }),
      "host of this machine": from({ Host: "localhost:11434" }),
      "host within": from({ Host: "box.local" }),
      "an address": from({ Host: "192.168.0.7" }),
      "foreign page": from({ Origin: "https://evil.example.com" }),
      "page of this machine": from({ Origin: "http://localhost:3000" }),
      preflight: from(
        {
          Origin: "http://localhost:3000",
          "Access-Control-Request-Method": "POST",
          "Access-Control-Request-Headers": "content-type"
        },
        { method: "OPTIONS", path: "/api/chat" }
      ),
      "a chat from a page": { ...chat("hi [[sim tokens=1]]"), headers: { Origin: "http://127.0.0.1:3000" } }
    })
  }),
  scenario("a connection is good for more after a stream and after an error", async (target) => {
    const connection = new Connection(target.url)
    const lines: Record<string, unknown> = {}
    const next = async (name: string, question: Question): Promise<void> => {
      lines[name] = written(await connection.ask(question).ended)
    }
    await next("a stream", generate(short))
    await next("an unknown path", get("/nowhere"))
    await next("bad JSON", { path: "/api/chat", body: "{" })
    await next("an unknown model", chat("hi", { model: "nobody" }))
    await next("a stream again", chat(short))
    await next("the last", { ...get("/api/version"), headers: { Connection: "close" } })
    connection.close()
    return lines
  }),
  scenario("HTTP/1.0 is answered, and then the connection closes", (target) =>
    askEach(target, { version: get("/api/version", { version: "1.0" }) })
  ),
  scenario("what HTML reads as its own is escaped", (target) =>
    askEach(target, {
      "in text": generate("hello [[sim tokens=2 text=<b>&amp;]]"),
      "in text of v1": { ...chat("hello [[sim tokens=2 text=<b>&amp;]]"), path: "/v1/chat/completions" },
      "in a name": chat("hello", { model: "<b>&amp;" }),
      "in words beyond ASCII": generate("hello [[sim tokens=2 text=größe→\u2028]]", { stream: false })
    })
  ),
  scenario("what Go's JSON overlooks is overlooked", (target) =>
    askEach(target, {
      "an unknown field": chat(short, { stream: false, flavour: "mint" }),
      "another case": { path: "/api/chat", body: { MODEL: "mini-a", Messages: [{ ROLE: "user", content: short }] } },
      "text after the object": { path: "/api/generate", body: `${JSON.stringify(generate(short).body)} and more` },
      "another type of content": { ...generate(short), headers: { "Content-Type": "text/plain" } },
      "a null": generate(short, { stream: null, system: null, options: null })
    })
  )
]
