/**
 * The forecast of a program: none unless one is provided, and then the same for everybody.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Forecast } from "@spillway/core"

const known = Effect.withFiber((fiber) => Effect.succeed(fiber.getRef(Forecast.Known)))

describe("the forecast that is known", () => {
  it.effect("is none where nobody provides one, so that every guard works without", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* known)
    })
  )

  it.effect("is the one that is provided, for everything inside", () =>
    Effect.gen(function* () {
      const forecast: Forecast.Forecast = { of: () => undefined }
      assert.strictEqual(yield* Effect.provideService(known, Forecast.Known, forecast), forecast)
      assert.isUndefined(yield* known)
    })
  )
})
