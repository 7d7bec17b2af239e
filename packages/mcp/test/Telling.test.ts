/** How far a call has come, in words. */
import type { Router } from "@spillway/core"
import { Duration, Effect } from "effect"
import { describe, expect, it } from "vitest"
import { Telling } from "../src/Telling.ts"

const waiting: Router.Progress = {
  stage: "queue",
  target: undefined,
  attempts: 0,
  parts: 0,
  position: undefined,
  startsIn: undefined,
  isOver: false
}

const told = async (...progress: ReadonlyArray<Router.Progress>): Promise<ReadonlyArray<string>> => {
  const said: Array<string> = []
  const telling = new Telling((words) => void said.push(words))
  for (const each of progress) await Effect.runPromise(telling.look(each))
  return said
}

describe("who waits for an answer", () => {
  it("hears for what, once for each change", async () => {
    const inLine = { ...waiting, position: 3, startsIn: Duration.seconds(5) }
    const asked = { ...waiting, target: "gpu/a", attempts: 1 }
    expect(
      await told(
        waiting,
        waiting,
        inLine,
        { ...asked, stage: "load" },
        { ...asked, stage: "firstToken", isOver: true },
        { ...asked, stage: "answer", parts: 2 },
        { ...asked, stage: "answer", parts: 3 }
      )
    ).toStrictEqual([
      "waiting for a turn",
      "waiting: place 3 in line, about 5 s to go",
      "loading the model at gpu/a",
      "waiting for the first word of gpu/a (went over)",
      "answering: 2 parts so far from gpu/a"
    ])
  })

  it("hears of every try, and that another one comes where one has failed", async () => {
    const failed = { ...waiting, target: "gpu/a", attempts: 1 }
    expect(await told(waiting, failed, { ...failed, attempts: 2 })).toStrictEqual([
      "waiting for a turn",
      "about to try again",
      "about to try again"
    ])
  })
})
