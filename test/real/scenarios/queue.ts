/**
 * Who waits for whom: for a slot without a bound and in line, for a load in a queue that can be full.
 */
import { written } from "../mask.ts"
import {
  ask,
  askEach,
  begin,
  chat,
  embedding,
  follows,
  load,
  loaded,
  pause,
  scenario,
  type Scenario,
  settle,
  statusOf,
  surfaces,
  took
} from "../scenario.ts"
import type { Asking, Question } from "../wire.ts"

const narrow = { queueMax: 2, loads: { "mini-b": { millis: 1_200 }, "mini-e": { millis: 100 } } } as const

const other = (content = "hi [[sim tokens=2]]"): Question => chat(content, { model: "mini-b", stream: false })

const ended = (all: ReadonlyArray<Asking>) => Promise.all(all.map((each) => each.ended))

/** Asks some questions one after the other, with a pause between. */
const staggered = async (target: { url: string }, questions: ReadonlyArray<Question>, millis: number) => {
  const all: Array<Asking> = []
  for (const question of questions) {
    all.push(begin(target, question))
    await pause(millis)
  }
  return all
}

/** The scenarios. */
export const queue: ReadonlyArray<Scenario> = [
  scenario("one slot serves who waits in the order of coming", async (target) => {
    await load(target)
    const questions = Array.from({ length: 5 }, (_, place) => chat(`number ${place} [[sim tokens=4 token_ms=20]]`))
    const heard = await ended(await staggered(target, questions, 12))
    return {
      "each begins when the one before has ended": heard.slice(1).map((each, index) => follows(each, heard[index]!)),
      answers: heard.map(written)
    }
  }),
  scenario(
    "two slots serve two at once, and the third begins when one of them is free",
    async (target) => {
      await load(target)
      const questions = Array.from({ length: 3 }, (_, place) => chat(`number ${place} [[sim tokens=10 token_ms=30]]`))
      const [first, second, third] = await ended(await staggered(target, questions, 90))
      return {
        "the second begins before the first ends": !follows(second!, first!),
        "the third begins when the first has ended": follows(third!, first!),
        "and before the second ends": !follows(third!, second!)
      }
    },
    { parallel: 2 }
  ),
  scenario(
    "nobody who asks for a loaded model is sent away",
    async (target) => {
      await load(target)
      const heard = await ended(await staggered(target, Array(12).fill(chat("hi [[sim tokens=2]]")), 0))
      return { statuses: heard.map(statusOf) }
    },
    narrow
  ),
  scenario(
    "a load takes one from the queue, two wait, and all others are sent away at once",
    async (target) => {
      const all = await staggered(target, Array(7).fill(other()), 30)
      const heard = await ended(all)
      return {
        statuses: heard.map(statusOf),
        "the last": written(heard.at(-1)!),
        "sent away at once": heard.map((each) => statusOf(each) === "503" && took(each) === "at once"),
        "told when the queue is free again": statusOf(await ask(target, other()))
      }
    },
    narrow
  ),
  scenario(
    "every surface says in its own words that the queue is full",
    async (target) => {
      const waiting = await staggered(target, [other(), other(), other()], 40)
      const asked: Record<string, Question> = {}
      for (const [name, of] of Object.entries(surfaces)) {
        asked[name] = of("hi", { model: "mini-b", stream: false })
        asked[`${name}, streamed`] = of("hi", { model: "mini-b", stream: true })
      }
      for (const [name, of] of Object.entries(embedding)) asked[name] = of({})
      const answers = await askEach(target, {
        ...asked,
        "load only": { path: "/api/generate", body: { model: "mini-b" } },
        "unload of what is not loaded": { path: "/api/generate", body: { model: "mini-e", keep_alive: 0 } },
        "unknown model": chat("hi", { model: "nobody" }),
        ps: { path: "/api/ps" }
      })
      await ended(waiting)
      return answers
    },
    narrow
  ),
  scenario(
    "who leaves the queue keeps it full until the load is over",
    async (target) => {
      const [first, ...leaving] = await staggered(target, [other(), other(), other()], 40)
      for (const each of leaving) each.leave()
      await pause(40)
      const sent = await ask(target, other())
      const served = await first!.ended
      const after = await ask(target, other())
      return { "while nobody waits any more": written(sent), served: statusOf(served), afterwards: statusOf(after) }
    },
    narrow
  ),
  scenario("who leaves the line for a slot gives his place to the next", async (target) => {
    await load(target)
    const holder = begin(target, chat("first [[sim tokens=8 token_ms=25]]"))
    await pause(30)
    const leaving = begin(target, chat("second [[sim tokens=40 token_ms=25]]"))
    await pause(30)
    const next = begin(target, chat("third [[sim tokens=2]]"))
    await pause(30)
    leaving.leave()
    const [first, third] = await ended([holder, next])
    return {
      "the third begins when the first has ended": follows(third!, first!),
      "and waits for nobody else": third!.firstAt - first!.endedAt < 200,
      first: written(first!),
      third: written(third!)
    }
  }),
  scenario(
    "a model that is loaded is served while another one loads",
    async (target) => {
      await load(target)
      const cold = begin(target, other())
      await pause(100)
      const hot = await ask(target, chat("hi [[sim tokens=2]]", { stream: false }))
      const isAhead = cold.heard.status === ""
      await cold.ended
      return { hot: statusOf(hot), "in time": took(hot) === "at once", "the other still loads": isAhead }
    },
    narrow
  ),
  scenario(
    "who asks for the model that loads is served when it has loaded",
    async (target) => {
      const heard = await ended(await staggered(target, [other("a [[sim tokens=3]]"), other(), other()], 60))
      await settle(target)
      return {
        statuses: heard.map(statusOf),
        times: heard.map(took),
        left: await loaded(target)
      }
    },
    narrow
  )
]
