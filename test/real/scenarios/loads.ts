/**
 * How models come and go: loads, unloads, evictions, and loads that fail.
 */
import { lastOf, written } from "../mask.ts"
import {
  ask,
  askEach,
  begin,
  chat,
  embedding,
  follows,
  generate,
  load,
  loaded,
  type More,
  pause,
  scenario,
  type Scenario,
  statusOf,
  surfaces,
  type Target,
  took
} from "../scenario.ts"
import type { Question } from "../wire.ts"

const one = { modelsMax: 1 } as const
const slow = { loads: { "mini-b": { millis: 900 } } } as const
const failing = {
  loadTimeout: "1s",
  loads: {
    "mini-a": { exit: 1, log: "error: something broke" },
    "mini-b": { exit: 1, log: "cudaMalloc failed: out of memory" },
    "mini-e": { exit: 7 },
    "mini-j": { hangs: true }
  }
} as const

const b = (more: More = {}): Question => chat("hi [[sim tokens=2]]", { model: "mini-b", stream: false, ...more })

/** Whether a model was loaded for this: a runner that is new has read nothing before. */
const isAnew = async (target: Target, more: More): Promise<boolean> => {
  const heard = await ask(target, generate("hi [[sim tokens=1]]", { stream: false, ...more }))
  return lastOf(heard).prompt_eval_cached_count === 0
}

const ps: Question = { path: "/api/ps" }

/** The scenarios. */
export const loads: ReadonlyArray<Scenario> = [
  scenario(
    "a cold model loads before the first byte, and is told of only then",
    async (target) => {
      const asking = begin(target, b({ stream: true }))
      await pause(400)
      const before = await loaded(target)
      const isSilent = asking.heard.status === ""
      const heard = await asking.ended
      return {
        "told of while it loads": before,
        "silent while it loads": isSilent,
        answer: written(heard),
        "told of then": await loaded(target),
        "the next one": took(await ask(target, b()))
      }
    },
    slow
  ),
  scenario("a model is loaded and unloaded without a word said", (target) =>
    askEach(target, {
      "unload of what is not loaded": generate("", { keep_alive: 0 }),
      load: { path: "/api/generate", body: { model: "mini-a" } },
      "load again": generate(""),
      "load by chat": chat("", { messages: [] }),
      "load, streamed by chat": { path: "/api/chat", body: { model: "mini-a", stream: true } },
      "unload by chat": chat("", { messages: [], keep_alive: 0 }),
      "unload by chat again": chat("", { messages: [], keep_alive: 0 }),
      "load of vectors by generate": { path: "/api/generate", body: { model: "mini-e" } },
      "load of vectors": embedding.embed!({ input: [] }),
      "unload with a prompt": generate("hi [[sim tokens=1]]", { keep_alive: 0 }),
      "v1 chat without messages": { path: "/v1/chat/completions", body: { model: "mini-a", messages: [] } },
      "v1 completions without a prompt": { path: "/v1/completions", body: { model: "mini-a", prompt: "" } }
    })
  ),
  scenario("how long a model stays is said in many ways, and silence changes nothing", async (target) => {
    const ways = [undefined, 60, 90.5, "2m", "1h30m", "45", -1, "-1m", "0.5h", 1e10]
    const answers: Record<string, unknown> = {}
    // A server hears of the end of an answer a moment after its caller.
    const stays = async (): Promise<string | undefined> => {
      await pause(30)
      const lines = written(await ask(target, ps)).join("")
      return /"expires_at":"<([^"]*)>"/.exec(lines)?.[1]
    }
    for (const keep_alive of ways) {
      const heard = await load(target, "mini-a", keep_alive === undefined ? {} : { keep_alive })
      const told = await stays()
      await ask(target, chat("hi [[sim tokens=1]]"))
      answers[JSON.stringify(keep_alive) ?? "nothing"] = [...written(heard), told, await stays()]
    }
    return answers
  }),
  scenario(
    "a server is told how long models stay",
    async (target) => {
      await load(target)
      return { ps: written(await ask(target, ps)) }
    },
    { keepAlive: "90s" }
  ),
  scenario("a model goes when its time is over", async (target) => {
    await load(target, "mini-a", { keep_alive: "200ms" })
    const first = await loaded(target)
    await pause(500)
    return { first, afterwards: await loaded(target) }
  }),
  scenario("who unloads a model in mid-stream unloads it after the stream", async (target) => {
    await load(target)
    const stream = begin(target, chat("hi [[sim tokens=12 token_ms=25]]"))
    await pause(80)
    const unload = await ask(target, generate("", { keep_alive: 0 }))
    const isUnderWay = stream.heard.endedAt === Infinity
    const during = written(await ask(target, ps))
    const heard = await stream.ended
    await pause(300)
    return {
      unload: written(unload),
      "the stream is still under way": isUnderWay,
      during,
      stream: written(heard),
      after: await loaded(target)
    }
  }),
  scenario("another context loads a model anew, and what is the same does not", async (target) => {
    const answers: Record<string, unknown> = {}
    const step = async (name: string, more: More): Promise<void> => {
      answers[name] = await isAnew(target, more)
    }
    await step("first", {})
    await step("the same", {})
    await step("num_keep", { options: { num_keep: 8 } })
    await step("temperature and seed", { options: { temperature: 0.1, seed: 4 } })
    await step("the context that it has", { options: { num_ctx: 4_096 } })
    await step("the batch that it has", { options: { num_batch: 512 } })
    await step("num_gpu -1", { options: { num_gpu: -1 } })
    await step("another context", { options: { num_ctx: 512 } })
    answers["ps of another context"] = written(await ask(target, ps))
    await step("back again", {})
    await step("another number of threads", { options: { num_thread: 1 } })
    await step("another batch", { options: { num_batch: 128 } })
    await step("use_mmap", { options: { use_mmap: false } })
    await step("no shift", { shift: false })
    await step("no shift again", { shift: false })
    await step("a context beyond what it was trained for", { options: { num_ctx: 100_000 } })
    answers["ps of that"] = written(await ask(target, ps))
    await step("a context of one", { options: { num_ctx: 1 } })
    answers["ps of one"] = written(await ask(target, ps))
    return answers
  }),
  scenario("a context that differs waits for who is served", async (target) => {
    await load(target)
    const first = begin(target, chat("one [[sim tokens=10 token_ms=20]]"))
    await pause(60)
    const second = await ask(target, chat("two [[sim tokens=2]]", { options: { num_ctx: 512 } }))
    const heard = await first.ended
    return { "after the first": follows(second, heard), first: written(heard), second: written(second) }
  }),
  scenario(
    "a model makes room for another where only one may be loaded",
    async (target) => {
      await load(target)
      const first = await loaded(target)
      const heard = await ask(target, b())
      return { first, answer: written(heard), afterwards: await loaded(target) }
    },
    one
  ),
  scenario("of three models that may be loaded the fourth pushes one out", async (target) => {
    await load(target, "mini-a")
    await load(target, "mini-b", { keep_alive: "20m" })
    await ask(target, embedding.embed!({ keep_alive: "20m" }))
    const three = await loaded(target)
    await load(target, "mini-j")
    return { three, afterwards: await loaded(target) }
  }),
  scenario(
    "a busy model starves one that is cold",
    async (target) => {
      await load(target)
      const from = performance.now()
      const busy = async (): Promise<number> => {
        while (performance.now() < from + 1_200) await ask(target, chat("hi [[sim tokens=10 token_ms=10]]"))
        return performance.now()
      }
      const workers = [busy()]
      await pause(60)
      workers.push(busy())
      await pause(60)
      const cold = await ask(target, b())
      const ends = await Promise.all(workers)
      return { "served only when the busy ones have ended": cold.firstAt > Math.max(...ends), status: statusOf(cold) }
    },
    one
  ),
  scenario(
    "who asks for the busy model overtakes who waits for another",
    async (target) => {
      await load(target)
      const first = begin(target, chat("one [[sim tokens=12 token_ms=25]]"))
      await pause(60)
      const cold = begin(target, b())
      await pause(60)
      const second = begin(target, chat("two [[sim tokens=2]]"))
      const [, heardCold, heardSecond] = await Promise.all([first.ended, cold.ended, second.ended])
      return {
        "the second is served before the cold one": heardSecond.endedAt < heardCold.firstAt,
        statuses: [heardCold, heardSecond].map(statusOf)
      }
    },
    one
  ),
  scenario(
    "who leaves while his model loads ends the load",
    async (target) => {
      const first = await ask(target, b(), { leaveAfter: 350 })
      await pause(700)
      const between = await loaded(target)
      const second = await ask(target, b())
      return { end: first.end, between, second: took(second), afterwards: await loaded(target) }
    },
    slow
  ),
  scenario(
    "a load that one has left begins anew for who still waits",
    async (target) => {
      const first = begin(target, b())
      await pause(60)
      const second = begin(target, b())
      await pause(600)
      first.leave()
      const heard = await second.ended
      return { second: statusOf(heard), "all of the load again": heard.endedAt - heard.askedAt > 1_300 }
    },
    slow
  ),
  scenario(
    "a runner that ends while it loads is told of on every surface",
    async (target) => {
      const questions: Record<string, Question> = {
        "load only": { path: "/api/generate", body: { model: "mini-a" } },
        "without a line in the log": embedding.embed!({}),
        "v1 embeddings": embedding["v1 embeddings"]!({})
      }
      for (const [name, of] of Object.entries(surfaces)) questions[name] = of("hi", { stream: true })
      return { ...(await askEach(target, questions)), left: await loaded(target) }
    },
    failing
  ),
  scenario(
    "a load that runs out of memory says so",
    async (target) => {
      const answers = await askEach(target, { chat: b(), "v1 chat": { ...b(), path: "/v1/chat/completions" } })
      return { ...answers, left: await loaded(target) }
    },
    failing
  ),
  scenario(
    "a load that hangs is over when its time is",
    async (target) => {
      const heard = await ask(target, chat("hi", { model: "mini-j" }))
      const millis = heard.endedAt - heard.askedAt
      return { answer: written(heard), "in time": millis > 900 && millis < 2_500, left: await loaded(target) }
    },
    failing
  )
]
