/** The streams of OpenAI-shaped servers, as they are and as they should not be. */
import { assert, describe, it } from "@effect/vitest"
import type { Summary } from "@spillway/core"
import { Effect } from "effect"
import { ask } from "../serving.ts"
import { chunk, end, event, saying } from "./saying.ts"

const tight = chunk({ content: "Hi" }, "stop").replace(": ", ":")

describe("a stream", () => {
  const cases: ReadonlyArray<readonly [title: string, body: string, end: string]> = [
    [
      "with a beginning mark, names, comments and no spaces",
      `\ufeff\n: hi\nevent: a\nid: 1\nretry: 5\ndata\n${tight}data:[DONE]\n\n`,
      "answered"
    ],
    ["whose lines end as on Windows", (chunk({ content: "Hi" }) + end).replaceAll("\n", "\r\n"), "answered"],
    ["that goes on after its end", `${chunk({ content: "Hi" })}${end}${chunk({ content: "!" })}`, "answered"],
    ["whose end has no line end", `${chunk({ content: "Hi" })}${end}`.trimEnd(), "answered"],
    ["that is done before it has a reason to be", chunk({ content: "Hi" }) + event("[DONE]"), "Cut"],
    ["without an end", chunk({ content: "Hi" }) + chunk({}, "stop"), "Cut"],
    [
      "under a wrong label",
      `data: ${JSON.stringify({ choices: [{ delta: { content: "Hi" } }] })}\n\n${end}`,
      "answered"
    ],
    ["whose end has a space behind it", `${chunk({ content: "Hi" }, "stop")}data: [DONE] \n\n`, "answered"],
    ["with a field that nobody knows", `x-more: 1\n${chunk({ content: "Hi" })}${end}`, "answered"],
    [
      "whose choice is an error",
      chunk({ content: "Hi" }, "error", { error: { code: 502, message: "gone" } }),
      "RunnerDied"
    ],
    [
      "whose reason is that it broke",
      chunk({ content: "Hi" }, "insufficient_system_resource") + event("[DONE]"),
      "RunnerDied"
    ],
    [
      "whose reason is a name that every object has",
      chunk({ content: "Hi" }, "constructor") + event("[DONE]"),
      "answered"
    ],
    ["of nothing", "", "Cut"],
    ["of comments", ": hi\n\n: hi\n\n", "Cut"],
    ["with a line of no kind", `${chunk({ content: "Hi" })}hello\n\n${end}`, "Malformed"],
    ["with an event that is no object", `${event("[1]")}${end}`, "Malformed"],
    ["that is a page", "<html>\n<body>\n</html>\n", "Malformed"],
    ["that ends without a word or a token", chunk({}, "stop") + event("[DONE]"), "Malformed"],
    ["with a bare error in it", `${chunk({ content: "Hi" })}{"error":{"message":"broke"}}\n`, "RunnerDied"],
    ["whose error is an event of vLLM's", event({ object: "error", message: "broke", code: 500 }), "RunnerDied"]
  ]
  for (const [title, body, ends] of cases) {
    it.live(`${title} is ${ends}`, () =>
      Effect.gen(function* () {
        const type = title.startsWith("under a wrong label") ? "application/json" : "text/event-stream"
        const { upstream } = yield* saying(body, {}, type)
        const told = yield* ask(upstream)
        assert.strictEqual(told.end, ends, told.error?.message)
        if (ends === "answered") assert.strictEqual(told.text, "Hi")
        if (ends === "answered") assert.isString((told.summary as Summary.Summary).finish)
      })
    )
  }
})
