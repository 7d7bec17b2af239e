/** Scripts: what a marker in a prompt says of its answer, and what is said of one that says nothing. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Script from "../src/Script.ts"
import { quick, serve, type Serving } from "./server/running.ts"
import { model, surfaces } from "./server/said.ts"
import { ask } from "./server/wire.ts"

describe("Script", () => {
  it("is nothing where a prompt has no marker", () => {
    expect(Script.read("How long is a piece of string? tokens=3")).toEqual({})
  })

  it("reads every key of a marker, wherever it stands", () => {
    const prompt =
      "say [[sim tokens=9 token_ms=20 prompt_ms=2 text=w repeat=1 stop=limit die_after=2 hang_after=3 end_after=4 " +
      'garbage_after=5 status=503 tool=f arguments={"a":1} thinking=2]] please'
    expect(Script.read(prompt)).toEqual({
      tokens: 9,
      tokenMillis: 20,
      promptMillis: 2,
      text: "w",
      repeat: true,
      stop: "limit",
      dieAfter: 2,
      hangAfter: 3,
      endAfter: 4,
      garbageAfter: 5,
      status: 503,
      tool: "f",
      arguments: '{"a":1}',
      thinking: 2
    })
  })

  it("takes the last of several, and leaves out what it does not know", () => {
    expect(Script.read("[[sim tokens=1 colour=blue toString=1]] [[sim tokens=2 stop=never]]")).toEqual({ tokens: 2 })
  })

  it("finds nothing wrong with a prompt without a marker, nor with one that says what can be said", () => {
    const good = [
      "[sim tokns=3] and [[sims]]",
      "[[sim ]]",
      "[[sim tokens=0 token_ms=0.5 prompt_ms=3600000 text=a=b repeat=0 stop=eos status=599 thinking=0]]",
      '[[sim tokens=1e9 tool=f arguments={"a=b":{"c":1}}]] between [[sim\ttext=t tokens=2]] after',
      "[[sim tokens=1]]\n[[sim tokens=2]]"
    ]
    for (const prompt of good) expect([prompt, Script.refusal(prompt)]).toEqual([prompt, undefined])
  })

  const bad: ReadonlyArray<readonly [marker: string, problem: string]> = [
    ["tokns=9", "unknown key tokns, did you mean tokens"],
    ["dieafter=2", "unknown key dieafter, did you mean die_after"],
    [
      "toString=1",
      "unknown key toString, write one of tokens, token_ms, prompt_ms, text, repeat, stop, die_after, hang_after, " +
        "end_after, garbage_after, status, tool, arguments, thinking"
    ],
    ["tokens", "tokens= says nothing, write a whole number from 0 to 1000000000"],
    ["tokens=", "tokens= says nothing, write a whole number from 0 to 1000000000"],
    ["tokens=many", "tokens=many says nothing, write a whole number from 0 to 1000000000"],
    ["tokens=1.5", "tokens=1.5 says nothing, write a whole number from 0 to 1000000000"],
    ["die_after=-1", "die_after=-1 says nothing, write a whole number from 0 to 1000000000"],
    ["thinking=1e10", "thinking=1e10 says nothing, write a whole number from 0 to 1000000000"],
    ["token_ms=1e400", "token_ms=1e400 says nothing, write milliseconds from 0 to 3600000"],
    ["status=200", "status=200 says nothing, write a status from 400 to 599"],
    ["stop=never", "stop=never says nothing, write eos or limit"],
    ["repeat=yes", "repeat=yes says nothing, write 0 or 1"],
    ["text=", "text= says nothing, write a word"],
    ["tool=f arguments={broken", "arguments={broken says nothing, write a JSON object without spaces and without ]"],
    ["tool=f arguments=3", "arguments=3 says nothing, write a JSON object without spaces and without ]"],
    ['arguments={"a":[1]}', '[[sim arguments={"a":[1 does not end, write [[sim key=value]] without a ] in it'],
    ["stop=limt tokns=1", "stop=limt says nothing, write eos or limit; unknown key tokns, did you mean tokens"],
    [`tokens=${"9".repeat(99)}`, `tokens=${"9".repeat(53)}… says nothing, write a whole number from 0 to 1000000000`]
  ]
  for (const [marker, problem] of bad) {
    it(`says what is wrong: ${marker.slice(0, 40)}`, () => {
      expect(Script.refusal(`hi [[sim tokens=1]] [[sim ${marker}]] ho`)).toBe(`sim script: ${problem}`)
    })
  }

  it("tells of a marker that does not end", () => {
    expect(Script.refusal("hi [[sim tokens=9")).toBe(
      "sim script: [[sim tokens=9 does not end, write [[sim key=value]] without a ] in it"
    )
  })

  it("tells of five mistakes at most, and looks for no more, however long a prompt is", () => {
    const from = performance.now()
    expect(Script.refusal("[[sim ".repeat(1_000_000))?.length).toBeLessThan(200)
    expect(Script.refusal(`[[sim ${"tokns=1 ".repeat(1_000_000)}]]`)?.split(";")).toHaveLength(5)
    expect(performance.now() - from).toBeLessThan(2_000)
  })
})

describe("a script that says nothing", () => {
  // The first load takes longer than any other.
  const quietMillis = 5_000
  let serving: Serving
  beforeAll(async () => {
    serving = await serve({ models: [quick(model)] })
  })
  afterAll(() => serving.stop())

  const put = (name: keyof typeof surfaces, content: string) => {
    const { more, path } = surfaces[name]
    return ask(serving.port, path, { model, messages: [{ role: "user", content }], ...more }, quietMillis)
  }

  for (const name of Object.keys(surfaces) as ReadonlyArray<keyof typeof surfaces>) {
    it(`is refused with a sentence, and the next is answered: ${name}, ${surfaces[name].path}`, async () => {
      const { body, status } = await put(name, "hi [[sim tokns=9]]")
      expect([status, body]).toEqual([
        400,
        expect.stringContaining("sim script: unknown key tokns, did you mean tokens")
      ])
      expect((await put(name, "hi [[sim tokens=9]]")).status).toBe(200)
    })
  }

  it("is refused also where its prompt was cut to what fits, and one that only the cut has broken is not", async () => {
    const chat = (content: string) => {
      const body = {
        model,
        stream: false,
        messages: [{ role: "user", content }],
        options: { num_ctx: 64, num_keep: 1, num_predict: 2 }
      }
      return ask(serving.port, "/api/chat", body, quietMillis)
    }
    const long = " word".repeat(200)
    expect((await chat(`[[sim tokns=9]]${long}`)).status).toBe(400)
    expect((await chat(`[[sim tokens=9]]${long}`)).status).toBe(200)
  })
})
