/**
 * What callers who leave, half leave, or do not read do to those behind them.
 */
import { written } from "../mask.ts"
import {
  ask,
  begin,
  chat,
  everywhere,
  follows,
  load,
  pause,
  scenario,
  type Scenario,
  type Target
} from "../scenario.ts"
import type { Conduct, Question } from "../wire.ts"

const endless = "hello [[sim text=w tokens=400 token_ms=10]]"

/** Whether somebody behind one who behaves so is served long before that answer would be over. */
const behind = async (target: Target, first: Question, conduct: Conduct, after: number) => {
  await load(target)
  const holder = begin(target, first, conduct)
  await pause(50)
  const next = begin(target, chat("next [[sim tokens=2]]"))
  await pause(after - 50)
  const isWaiting = next.heard.status === ""
  const heard = await next.ended
  return {
    "waits at first": isWaiting,
    "then soon served": heard.endedAt - heard.askedAt < after + 250,
    next: written(heard),
    end: (await holder.ended).end
  }
}

/** The scenarios. */
export const cancels: ReadonlyArray<Scenario> = [
  scenario("who leaves in mid-stream frees the slot", (target) =>
    behind(target, chat(endless), { leaveAfter: 250 }, 200)
  ),
  scenario("who leaves an answer that is not streamed frees the slot", (target) =>
    behind(target, chat(endless, { stream: false }), { leaveAfter: 250 }, 200)
  ),
  scenario("who leaves after some bytes frees the slot", async (target) => {
    await load(target)
    const first = await ask(target, chat(endless), { leaveAfterBytes: 500 })
    const next = await ask(target, chat("next [[sim tokens=2]]"))
    return { end: first.end, soon: next.endedAt - next.askedAt < 250, next: written(next) }
  }),
  scenario("who leaves on any surface frees the slot", async (target) => {
    await load(target)
    const soon: Record<string, boolean> = {}
    for (const [name, question] of Object.entries(everywhere(endless))) {
      await ask(target, question, { leaveAfter: 60 })
      const next = await ask(target, chat("next [[sim tokens=2]]"))
      soon[name] = next.endedAt - next.askedAt < 250
    }
    return soon
  }),
  scenario("who closes his side in mid-stream is told that he has left", async (target) => {
    await load(target)
    const heard = await ask(target, chat(endless), { halfCloseAfter: 150 })
    const last = written(heard).slice(-2)
    const next = await ask(target, chat("next [[sim tokens=2]]"))
    return { last, next: written(next) }
  }),
  scenario("who closes his side before the first byte is told that he has left", async (target) => {
    await load(target)
    const holder = begin(target, chat("hello [[sim text=w tokens=30 token_ms=10]]"))
    await pause(40)
    const waiting = await ask(target, chat(endless, { stream: false }), { halfCloseAfter: 60, patience: 1_500 })
    const streaming = await ask(target, chat(endless), { halfCloseAfter: 60, patience: 1_500 })
    await holder.ended
    return { waiting: written(waiting), streaming: written(streaming) }
  }),
  scenario("who does not read holds the slot until he does", async (target) => {
    await load(target)
    const much = `hello [[sim tokens=20000 token_ms=0 text=${"w".repeat(2_000)}]]`
    const holder = begin(target, chat(much), { readAfter: 600 })
    await pause(50)
    const next = begin(target, chat("next [[sim tokens=2]]"))
    await pause(500)
    const isWaiting = next.heard.status === ""
    const [first, heard] = await Promise.all([holder.ended, next.ended])
    return {
      "waits while nothing is read": isWaiting,
      "served when all of it is there": follows(heard, first),
      end: first.end,
      frames: first.chunks.length,
      next: written(heard)
    }
  })
]
