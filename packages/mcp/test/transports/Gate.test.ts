/** Who is let in: what would let in more people than somebody has meant is refused before anybody comes. */
import { Effect, Exit, Result } from "effect"
import { describe, expect, it } from "vitest"
import { Gate, Http } from "@spillway/mcp"

const serve = () => {
  throw new Error("Nobody is to be served.")
}

/** What a gate says of a request, or why there is none. */
const said = (options: Partial<Gate.Options>, headers: Readonly<Record<string, string>>) =>
  Result.match(Gate.make({ host: "127.0.0.1", ...options }), {
    onSuccess: (gate) => gate({ host: "localhost", ...headers }),
    onFailure: (fault) => fault
  })

describe("keys that let in whoever knows none", () => {
  const wrong: ReadonlyArray<readonly [keys: Readonly<Record<string, string>>, told: RegExp]> = [
    [{}, /^keys names nobody: /],
    // A literal sets with that name what it inherits from.
    [{ __proto__: "open-sesame" }, /^keys names nobody: /],
    [JSON.parse('{"__proto__":"open-sesame"}') as Record<string, string>, /^keys names a caller that is no name: /],
    [{ "": "open-sesame" }, /^keys names a caller that is no name: /],
    [{ ann: "" }, /^The key of ann cannot be sent: /],
    [{ ann: "  " }, /^The key of ann cannot be sent: /],
    [{ ann: "open sesame" }, /^The key of ann cannot be sent: /],
    [{ ann: undefined as unknown as string }, /^The key of ann cannot be sent: /],
    [{ ann: "open-sesame", bob: "open-sesame" }, /^ann and bob have the same key: /]
  ]

  it("are refused, by the gate and by whoever listens, in words that quote none", async () => {
    for (const [keys, told] of wrong) {
      expect(said({ keys }, {})).toMatch(told)
      const opened = await Effect.runPromiseExit(Effect.scoped(Http.open(serve, { keys })))
      expect(Exit.isFailure(opened)).toBe(true)
      expect(JSON.stringify(opened)).not.toContain("sesame")
    }
  })

  it("are not among those that nothing was sent for", () => {
    for (const authorization of ["", "Bearer", "Bearer ", "Bearer  x y", "bearer\t", "Basic open-sesame"]) {
      expect(said({ keys: { ann: "open-sesame" } }, { authorization })).toMatchObject({ status: 401 })
    }
    expect(said({ keys: { ann: "open-sesame" } }, {})).toMatchObject({ status: 401 })
    for (const caller of ["constructor", "toString"]) {
      const keys = { [caller]: "open-sesame" }
      expect(said({ keys }, { authorization: "Bearer open-sesame" })).toStrictEqual({ caller })
    }
  })
})

describe("the name of a server", () => {
  it("is taken with a port or without, and refused where it is none", () => {
    for (const name of ["Models.Example:8080", "models.example"]) {
      expect(said({ hosts: [name] }, { host: "models.example:1" })).toStrictEqual({ caller: "default" })
    }
    for (const name of ["", " ", "https://models.example", "models.example/mcp", "null,"]) {
      expect(said({ hosts: [name] }, {})).toMatch(/ is no name of a server: write it as models\.example/)
    }
  })

  it("is never that of a page that has none, and whoever comes by another one hears of the way out", () => {
    expect(said({ hosts: ["null"] }, { origin: "null" })).toMatchObject({ status: 403 })
    expect(said({ hosts: ["models.example"] }, { origin: "file:///etc" })).toMatchObject({ status: 403 })
    for (const headers of [{ host: "models.example" }, { origin: "https://models.example" }]) {
      expect(said({}, headers)).toMatchObject({
        status: 403,
        sentence: expect.stringContaining("--allow-host") as string
      })
    }
  })
})
