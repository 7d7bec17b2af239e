/**
 * What callers see of a runner that dies, ends, talks nonsense, refuses, or says one thing over and over.
 */
import { written } from "../mask.ts"
import {
  ask,
  askEach,
  begin,
  chat,
  everywhere,
  generate,
  load,
  loaded,
  pause,
  scenario,
  type Scenario,
  statusOf
} from "../scenario.ts"

const scripted = (script: string): Scenario["play"] => {
  const marker = `hello there [[sim tokens=9 ${script}]]`
  return (target) => askEach(target, everywhere(marker))
}

const withTemplate = (script: string): Scenario["play"] => {
  const marker = `hello there [[sim tokens=9 ${script}]]`
  return (target) =>
    askEach(target, {
      "chat, streamed": chat(marker, { model: "mini-j" }),
      chat: chat(marker, { model: "mini-j", stream: false })
    })
}

/** The scenarios. */
export const deaths: ReadonlyArray<Scenario> = [
  scenario("a runner dies before the first token", scripted("die_after=0")),
  scenario("a runner dies after two tokens", scripted("die_after=2")),
  scenario("a runner ends an answer before the first token", scripted("end_after=0")),
  scenario("a runner ends an answer after two tokens", scripted("end_after=2")),
  scenario("a runner talks nonsense before the first token", scripted("garbage_after=0")),
  scenario("a runner talks nonsense after two tokens", scripted("garbage_after=2")),
  scenario("a runner with the template dies before the first token", withTemplate("die_after=0")),
  scenario("a runner with the template dies after two tokens", withTemplate("die_after=2")),
  scenario("a runner with the template ends before the first token", withTemplate("end_after=0")),
  scenario("a runner with the template ends after two tokens", withTemplate("end_after=2")),
  scenario("a runner with the template talks nonsense at once", withTemplate("garbage_after=0")),
  scenario("a runner with the template talks nonsense after two tokens", withTemplate("garbage_after=2")),
  scenario("a runner refuses with 429", scripted("status=429")),
  scenario("a runner refuses with 500", scripted("status=500")),
  scenario("a runner refuses with 503", scripted("status=503")),
  scenario("a runner that says one thing over and over is stopped", scripted("tokens=40 text=w repeat=1 token_ms=0")),
  scenario(
    "a runner with the template is not stopped for repeating itself",
    withTemplate("tokens=40 text=w repeat=1 token_ms=0")
  ),
  scenario("a dead runner is still told of, and the next who asks gets another", async (target) => {
    const died = await ask(target, generate("hello [[sim tokens=9 die_after=1]]"))
    const listed = await loaded(target)
    const next = await ask(target, generate("hello [[sim tokens=2]]"))
    return { died: written(died), listed, next: written(next), afterwards: await loaded(target) }
  }),
  scenario("a runner that falls silent leaves its caller waiting, and is free when he leaves", async (target) => {
    const silent = "hello [[sim tokens=9 hang_after=2]]"
    await load(target)
    const streamed = await ask(target, chat(silent), { patience: 500 })
    const whole = await ask(target, chat(silent, { stream: false }), { patience: 300 })
    const next = await ask(target, chat("hello [[sim tokens=2]]"))
    return { streamed: written(streamed), whole: written(whole), next: written(next) }
  }),
  scenario("who waits behind one whose runner dies is told that it is gone", async (target) => {
    const first = begin(target, chat("hello [[sim tokens=20 die_after=6 token_ms=25]]"))
    await pause(330)
    const second = begin(target, chat("hello [[sim tokens=2]]"))
    const heard = await Promise.all([first.ended, second.ended])
    const next = await ask(target, chat("hello [[sim tokens=2]]"))
    return { first: written(heard[0]), second: written(heard[1]), next: statusOf(next) }
  })
]
