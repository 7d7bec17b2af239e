/**
 * For each fault what has to come, on each surface: the table that holds the catalogue to its word.
 *
 * A fault without a row here is refused by the test that reads it.
 */
import {
  type Row,
  json,
  bare,
  lines,
  unbuffered,
  tokens,
  two,
  everywhere,
  said,
  error,
  nothing,
  streams,
  failed,
  refused,
  broken,
  answered,
  timed,
  isJson,
  half,
  off,
  hasOneGarbled,
  died,
  unread,
  full,
  limits,
  exited,
  withReference,
  nothingSaid,
  wholeOfTwo,
  html,
  slowly,
  slow,
  thirtyOne,
  hundred,
  reset,
  wholeAnswer
} from "./expected.ts"
import { errorOf, eventsOf, streamed, tokensOf, unmarked, unmarkedChunk, wholeOf } from "./said.ts"
import type { Asked } from "./wire.ts"

/**
 * Every fault of the catalogue, some of them in more than one way. The latest moments are far from the earliest ones,
 * for a machine that is busy, and yet before those that another span than the one that is said would give.
 */
export const rows: Readonly<Record<string, ReadonlyArray<Row>>> = {
  busy: [
    {
      fault: "busy",
      on: {
        ...refused(full, 503),
        messages: {
          status: 503,
          type: bare,
          body: errorOf.messages(full, "overloaded_error"),
          ended: "kept",
          headers: unbuffered
        }
      }
    }
  ],
  overloaded: [{ fault: "overloaded", on: said(503, json, withReference("Server overloaded, please retry shortly")) }],
  unavailable: [
    { fault: "unavailable", on: said(503, "text/plain; charset=utf-8", "Service Temporarily Unavailable") }
  ],
  html: [{ fault: "html", on: said(503, "text/html", html) }],
  "no-concurrency": [{ fault: "no-concurrency", on: error(429, "timed out waiting for a concurrent request slot") }],
  "session-limit": [
    { fault: "session-limit", on: error(429, `you (user) have reached your session usage limit, ${limits}`) }
  ],
  "weekly-limit": [
    {
      fault: "weekly-limit",
      on: error(429, "you've reached your weekly usage limit, please wait or upgrade to continue")
    }
  ],
  quota: [
    { fault: "quota", on: quotaOf("7200") },
    { fault: "quota span=90s", on: quotaOf("90") },
    { fault: "quota span=1500ms", on: quotaOf("2") }
  ],
  unauthorized: [
    {
      fault: "unauthorized",
      on: said(401, json, ({ body }) => {
        const { error: message, signin_url: url } = JSON.parse(body) as Record<string, string>
        return message === "unauthorized" && /^https:\/\/ollama\.com\/connect\?name=.+&key=.+/.test(url ?? "")
      })
    }
  ],
  subscription: [
    {
      fault: "subscription",
      on: said(
        403,
        json,
        withReference("this model requires a subscription, upgrade for access: https://ollama.com/upgrade")
      )
    }
  ],
  "cloud-disabled": [
    { fault: "cloud-disabled", on: error(403, "ollama cloud is disabled: remote model is unavailable") }
  ],
  "bad-gateway": [
    {
      fault: "bad-gateway",
      on: said(502, json, ({ body }) =>
        /^\{"error":"Post \\"https:\/\/ollama\.com:443\/.*\\": unexpected EOF"\}$/.test(body)
      )
    }
  ],
  "cut-request": [{ fault: "cut-request", on: error(400, "unexpected EOF") }],
  internal: [{ fault: "internal", on: said(500, "text/plain; charset=utf-8", "Internal Server Error") }],
  "foreign-host": [{ fault: "foreign-host", on: everywhere({ status: 403, body: "", ended: "kept" }) }],
  hang: [{ fault: "hang", on: nothing("silent") }],
  reset: [{ fault: "reset", on: nothing("reset") }],
  refuse: [{ fault: "refuse", on: nothing("closed") }],
  slow: [
    { fault: "slow span=150ms", on: timed(answered(), { first: [150, 900] }) },
    { fault: "slow", on: timed(answered(), { first: [1_000, 2_500] }), quietMillis: 2_600 }
  ],
  cut: [
    { fault: "cut at=2", on: off("closed") },
    // The head leaves together with the first packet, of which there is none.
    { fault: "cut at=0", on: { ...nothing("closed"), whole: half("closed") } },
    {
      fault: "cut at=99",
      on: streams(
        {
          native: streamed.native(tokens, "stop"),
          openAi: streamed.openAi(tokens, "stop"),
          messages: streamed.messages(tokens, "stop")
        },
        half("closed"),
        "closed"
      )
    },
    {
      fault: "cut span=100ms",
      content: "hi [[sim tokens=99 token_ms=10]]",
      on: {
        ...timed(streams({ native: beganTo, openAi: beganTo, messages: beganTo }, half("closed"), "closed"), {
          took: [100, 900]
        }),
        whole: { status: undefined, body: "", ended: "closed", took: [100, 900] }
      }
    }
  ],
  "cut-reset": [
    {
      fault: "cut-reset at=2",
      content: slowly,
      on: {
        ...reset,
        native: { ...reset.native, body: streamed.native(slow.slice(0, 2)) },
        openAi: { ...reset.openAi, body: streamed.openAi(slow.slice(0, 2)) },
        // Two events come before the first token, in one go with it.
        messages: { ...reset.messages, body: eventsOf([]).join("") }
      }
    }
  ],
  silence: [{ fault: "silence at=2", on: off("silent") }],
  garble: [
    {
      fault: "garble at=2",
      on: streams(
        {
          native: ({ body }) => {
            const read = body.trimEnd().split("\n").map(isJson)
            return read.length === 8 && read.indexOf(false) === 2 && read.lastIndexOf(false) === 2
          },
          openAi: hasOneGarbled,
          messages: hasOneGarbled
        },
        { status: 200, type: json, body: ({ body }) => body !== "" && !isJson(body), ended: "kept" }
      )
    }
  ],
  "idle-close": [
    {
      fault: "idle-close",
      on: {
        native: { ...answered().native, ended: "whole-closed" },
        whole: { ...answered().whole, ended: "whole-closed" },
        openAi: { ...answered().openAi, ended: "whole-closed" },
        messages: { ...answered().messages, ended: "whole-closed" }
      }
    }
  ],
  // What it does is seen only when somebody leaves: ollama/Runner.slots.test.ts.
  "lost-slot": [{ fault: "lost-slot", on: answered() }],
  "slow-load": [
    {
      fault: "slow-load span=600ms",
      isCold: true,
      on: timed(answered(), { first: [600, 2_500] }),
      quietMillis: 2_600
    }
  ],
  "load-exit": [{ fault: "load-exit", isCold: true, on: refused(`${exited} error: something broke`) }],
  "load-memory": [{ fault: "load-memory", isCold: true, on: refused(`${exited} cudaMalloc failed: out of memory`) }],
  "load-hang": [
    {
      fault: "load-hang",
      isCold: true,
      server: { loadTimeout: "500ms" },
      on: timed(refused("timed out waiting for llama-server to start - "), { took: [500, 2_500] })
    }
  ],
  die: [
    { fault: "die at=2", on: broken(died) },
    { fault: "die at=0", on: failed(died) }
  ],
  end: [
    {
      fault: "end at=2",
      on: streams(
        { native: streamed.native(two), openAi: streamed.openAi(two), messages: streamed.messages(two) },
        { ...wholeAnswer, body: wholeOfTwo }
      )
    }
  ],
  empty: [
    {
      fault: "empty",
      on: {
        native: { status: 200, type: lines, body: "", ended: "kept" },
        whole: { ...wholeAnswer, body: nothingSaid },
        openAi: { status: 200, type: lines, body: "", ended: "kept" },
        messages: { status: 200, type: lines, body: "", ended: "kept", headers: unbuffered }
      }
    }
  ],
  "done-missing": [
    {
      fault: "done-missing",
      on: streams(
        {
          native: streamed.native(tokens) + unmarked(6),
          openAi: streamed.openAi(tokens) + unmarkedChunk,
          messages: streamed.messages(tokens)
        },
        { ...wholeAnswer, body: wholeOf(tokens).replace('"done":true', '"done":false') }
      )
    }
  ],
  unreadable: [
    { fault: "unreadable at=2", on: broken(unread) },
    { fault: "unreadable at=0", on: failed(unread) }
  ],
  stall: [
    {
      fault: "stall at=2",
      on: streams(
        { native: streamed.native(two), openAi: streamed.openAi(two), messages: streamed.messages(two) },
        { status: undefined, body: "", ended: "silent" },
        "silent"
      )
    }
  ],
  repeat: [
    {
      fault: "repeat",
      on: streams(
        {
          native: streamed.native(thirtyOne),
          openAi: streamed.openAi(thirtyOne),
          messages: streamed.messages(thirtyOne)
        },
        { ...wholeAnswer, body: wholeOfTwo.replace(JSON.stringify(two.join("")), JSON.stringify(thirtyOne.join(""))) }
      )
    }
  ],
  endless: [
    {
      fault: "endless",
      more: { options: { num_predict: 100 }, max_tokens: 100 },
      on: answered(hundred, "length")
    }
  ],
  "slow-tokens": [
    { fault: "slow-tokens span=50ms", on: timed(answered(), { took: [250, 2_000] }) },
    {
      fault: "slow-tokens",
      content: "hi [[sim tokens=1]]",
      on: timed(oneToken(), { took: [1_000, 2_500] }),
      quietMillis: 2_600
    }
  ],
  "runner-memory": [{ fault: "runner-memory", on: failed("cudaMalloc failed: out of memory") }],
  "no-slots": [{ fault: "no-slots", on: failed("no slots available after 10 retries") }]
}

function quotaOf(seconds: string): Row["on"] {
  const message = `you (user) have reached your session usage limit, ${limits}`
  return said(429, json, errorOf.native(message), [["Retry-After", seconds]])
}

/** Some of the answer and not all of it. */
function beganTo({ body }: Asked): boolean {
  return body.length > 200 && body.split("\n").length < 99
}

function oneToken(): Row["on"] {
  return answered(tokensOf("hi [[sim tokens=1]]", 1))
}
