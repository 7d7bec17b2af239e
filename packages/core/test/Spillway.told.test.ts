/** What a router tells of itself to programs without Effect: values that can be printed and sent. */
import { assert, describe, it } from "@effect/vitest"
import { createSpillway, Question } from "@spillway/core"

const spillwayOf = () =>
  createSpillway({
    upstreams: { mine: { upstream: async () => "243 metres", price: { input: 1, output: 1 } } },
    routes: { chat: { targets: ["mine/m"], maxTokens: 1_000 } },
    budgets: { total: "$10/day", each: "$1/day" }
  })

describe("a router outside of Effect", () => {
  it("tells its spans in milliseconds, wherever they stand", async () => {
    await using spillway = spillwayOf()
    await spillway.ask({ model: "chat", prompt: "How high?" })
    const status = await spillway.status()
    assert.deepStrictEqual(JSON.parse(JSON.stringify(status)), {
      upstreams: [{ name: "mine", isDown: false, isSeen: true, isDraining: false, models: [], loaded: [] }],
      routes: JSON.parse(JSON.stringify(status.routes)),
      differing: []
    })
    const [target] = status.routes[0]!.tiers[0]!.targets
    assert.isTrue(typeof target!.holds === "number" && target!.holds >= 0 && target!.holds < 1_000)
    const { expects } = (await spillway.explain(Question.chat("chat", "How high?"))).tiers[0]!.targets[0]!
    assert.strictEqual(expects!.startsIn.likely, 0)
    assert.isTrue(expects!.endsIn.low <= expects!.endsIn.likely && expects!.endsIn.likely <= expects!.endsIn.high)
  })

  it("tells how its budgets stand, those of all and those of one", async () => {
    await using spillway = spillwayOf()
    await spillway.ask({ model: "chat", prompt: "How high?" }, { caller: "ann" })
    const [ann, ben] = [await spillway.budget("ann"), await spillway.budget("ben")]
    assert.strictEqual(ann.total!.limit, 10_000_000)
    assert.isAbove(ann.each!.spent, 0)
    assert.strictEqual(ben.each!.spent, 0)
    assert.strictEqual(ben.total!.spent, ann.each!.spent)
    assert.isTrue(ann.total!.turnsIn > 0 && ann.total!.turnsIn <= 86_400_000)
    await using free = createSpillway({ upstreams: { mine: async () => "243 metres" } })
    assert.deepStrictEqual(await free.budget("ann"), {})
  })
})
