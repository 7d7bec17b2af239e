/** Running calls, counted by their keys, of which only those are named that run. */
import { assert, describe, it } from "@effect/vitest"
import { Running } from "../../src/domain/Running.ts"

describe("what runs of each", () => {
  it("is counted up to its bound, for each by itself", () => {
    const running = new Running(2)
    running.begin("ann")
    assert.isTrue(running.hasRoom("ann"))
    running.begin("ann")
    assert.deepStrictEqual([running.hasRoom("ann"), running.hasRoom("ben")], [false, true])
    running.end("ann", 0)
    assert.deepStrictEqual([running.of("ann"), running.of("ben"), running.hasRoom("ann")], [1, 0, true])
  })

  it("tells the lines in which somebody waits, where it may have held one up", () => {
    const told: Array<string> = []
    const lineOf = (name: string, size: number) => ({
      line: { size },
      dispatch: (now: number) => void told.push(`${name} ${now}`)
    })
    for (const running of [new Running(1), new Running(Infinity)]) {
      const [a, b] = [lineOf("a", 1), lineOf("b", 1)]
      running.changed(a)
      running.changed(b)
      b.line.size = 0
      running.changed(b)
      running.begin("ann")
      running.end("ann", running.most)
    }
    assert.deepStrictEqual(told, ["a 1"])
  })

  it("names nobody who runs none", () => {
    const running = new Running(1)
    for (let each = 0; each < 1_000; each++) {
      running.begin(`k${each}`)
      running.end(`k${each}`, 0)
    }
    assert.strictEqual((running as unknown as { readonly counts: ReadonlyMap<string, number> }).counts.size, 0)
  })
})
