/**
 * Decoding options: every problem at once, told so that it can be put right without looking anything up.
 */
import { assert, describe, it } from "@effect/vitest"
import { Options, Units } from "@spillway/core"
import { Duration, Effect, Equal, Schema } from "effect"

const Settings = Schema.Struct({
  rate: Units.rate.schema,
  burst: Schema.optionalKey(Units.count.schema),
  wait: Units.duration.schema.pipe(Schema.withDecodingDefaultKey(Effect.succeed("0s"))),
  per: Schema.optionalKey(Schema.Literals(["caller", "target"])),
  timeouts: Schema.optionalKey(
    Schema.Struct({
      idle: Schema.optionalKey(Units.duration.schema),
      firstToken: Schema.optionalKey(Schema.Union([Schema.Literal("auto"), Units.scaled.schema]))
    })
  ),
  hedge: Schema.optionalKey(
    Schema.Union([Schema.Literal("off"), Schema.Struct({ after: Units.duration.schema, budget: Units.percent.schema })])
  ),
  targets: Schema.optionalKey(Schema.Array(Schema.String)),
  callers: Schema.optionalKey(Schema.Record(Schema.String, Schema.Struct({ key: Schema.optionalKey(Schema.Int) }))),
  share: Schema.optionalKey(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))),
  store: Schema.optionalKey(Schema.Unknown),
  apiKey: Schema.optionalKey(Units.rate.schema)
}).check(
  Schema.makeFilter(({ burst, wait }) =>
    burst === 13 ? { path: ["wait"], issue: `write a wait other than ${Units.duration.print(wait)}` } : undefined
  )
)

const decode = Options.decode("RateLimit", Settings)

const refused = (input: unknown): Options.OptionsRefused => Effect.runSync(Effect.flip(decode(input)))

/** What was said about each option, by its path. */
const told = (input: unknown): Record<string, string> =>
  Object.fromEntries(
    refused(input).problems.map(({ expected, path, read }) => [path, read === "" ? expected : `${read}: ${expected}`])
  )

describe("options", () => {
  it.effect("are decoded, with their defaults", () =>
    Effect.gen(function* () {
      const settings = yield* decode({ rate: "10/min", timeouts: { firstToken: "auto" } })
      assert.isTrue(Duration.isZero(settings.wait))
      assert.strictEqual(settings.timeouts?.firstToken, "auto")
    })
  )

  it.effect("take Durations, bigints of nanoseconds and milliseconds wherever a duration stands", () =>
    Effect.gen(function* () {
      for (const wait of [Duration.seconds(2), 2_000_000_000n, 2_000, "2s", "2 seconds"] as const) {
        const settings = yield* decode({ rate: "10/min", wait, timeouts: { idle: wait, firstToken: wait } })
        assert.isTrue(Equal.equals(settings.wait, Duration.seconds(2)))
        assert.isTrue(Equal.equals(settings.timeouts?.idle, Duration.seconds(2)))
        const clock = { base: Duration.seconds(2), per: Duration.zero, tokens: 1 }
        assert.isTrue(Equal.equals(settings.timeouts?.firstToken, clock))
      }
    })
  )

  it.effect("keep a Duration to the nanosecond", () =>
    Effect.gen(function* () {
      const settings = yield* decode({ rate: "10/min", wait: 1_234_567_890_123n })
      assert.isTrue(Equal.equals(settings.wait, Duration.nanos(1_234_567_890_123n)))
    })
  )

  it.effect("that are undefined are options left out", () =>
    Effect.gen(function* () {
      assert.notProperty(yield* decode({ rate: "10/min", burst: undefined, timeouts: undefined }), "burst")
    })
  )

  it.effect("keep the identity of what they cannot hold a duration in", () =>
    Effect.gen(function* () {
      class Store {
        readonly wait = Duration.seconds(1)
      }
      for (const store of [{ get: () => 1 }, new Store()]) {
        assert.strictEqual((yield* decode({ rate: "10/min", wait: Duration.seconds(1), store })).store, store)
      }
    })
  )

  it.effect("may be an object without a prototype, and lists of durations", () =>
    Effect.gen(function* () {
      const bare: object = Object.assign(Object.create(null), { rate: "10/min", wait: Duration.seconds(2) })
      assert.isTrue(Equal.equals((yield* decode(bare)).wait, Duration.seconds(2)))
      const delays = Options.decode("Retry", Schema.Struct({ delays: Schema.Array(Units.duration.schema) }))
      const { delays: found } = yield* delays({ delays: ["1s", Duration.seconds(2), 3_000_000_000n] })
      assert.deepStrictEqual(found.map(Duration.toMillis), [1_000, 2_000, 3_000])
    })
  )

  it.effect("may contain themselves", () =>
    Effect.gen(function* () {
      const list: Array<unknown> = []
      list.push(list)
      assert.strictEqual((yield* decode({ rate: "10/min", store: list })).store, list)
      const store: { self?: unknown } = {}
      store.self = store
      assert.strictEqual((yield* decode({ rate: "10/min", store })).store, store)
    })
  )
})

describe("what TypeScript callers may write", () => {
  type Written = Options.Widened<typeof Settings.Encoded>

  it.effect("is a Duration where a duration stands, and nowhere else", () =>
    Effect.gen(function* () {
      const options: Written = {
        rate: "10/min",
        wait: Duration.seconds(1),
        timeouts: { idle: 5n, firstToken: Duration.seconds(1) },
        hedge: { after: Duration.seconds(1), budget: "5%" },
        callers: { forum: { key: 1 } },
        targets: ["gpu1"],
        store: Duration.seconds
      }
      yield* decode(options)
      // @ts-expect-error a count is no duration
      const burst: Written = { rate: "10/min", burst: 5n }
      // @ts-expect-error neither is a rate
      const rate: Written = { rate: Duration.seconds(1) }
      for (const wrong of [burst, rate]) assert.lengthOf(refused(wrong).problems, 1)
    })
  )
})

describe("refused options", () => {
  it("are told all at once, what nobody knows last", () => {
    assert.strictEqual(
      refused({ brust: 5, rate: "10 per min" }).message,
      [
        "RateLimit: 2 options refused",
        '  rate: read "10 per min", write it as 10/min',
        "  brust: no such option, did you mean burst?"
      ].join("\n")
    )
  })

  it("count one as one", () => {
    assert.strictEqual(
      refused({}).message,
      "RateLimit: 1 option refused\n  rate: missing, write it as 10/min or 100/10s"
    )
  })

  it("say where, what was read and what would be right", () => {
    const input = {
      rate: "10/min",
      burst: 0,
      wait: Duration.infinity,
      per: "user",
      timeouts: { idle: "200 days" },
      targets: ["gpu1", 5],
      share: 2
    }
    assert.deepStrictEqual(told(input), {
      burst: "0: write a whole number from 1",
      wait: "Infinity: write it as 200ms, 5s or 1m30s",
      per: '"user": write it as caller or target',
      "timeouts.idle": '"200 days": write at most 104 days',
      "targets.1": "5: write a text",
      share: "2: write a value between 0 and 1"
    })
  })

  it("name every alternative, unless one of them came close", () => {
    assert.deepStrictEqual(told({ rate: "10/min", timeouts: { firstToken: {} }, hedge: "on" }), {
      "timeouts.firstToken": "{}: write it as auto, 5s or 5s + 1s/500tok",
      hedge: '"on": write it as off, or { after, budget }'
    })
    assert.deepStrictEqual(
      told({ rate: "10/min", timeouts: { firstToken: "5 m/s" }, hedge: { after: "1s", budget: 20 } }),
      {
        "timeouts.firstToken": '"5 m/s": write it as 5ms',
        "hedge.budget": "20: write it as 20% or 12.5%"
      }
    )
  })

  it("are compared with the names there are, whatever their spelling", () => {
    assert.deepStrictEqual(told({ rate: "10/min", timeouts: { first_token: 1, IDEL: 2, speed: 3 } }), {
      "timeouts.first_token": "no such option, did you mean firstToken?",
      "timeouts.IDEL": "no such option, did you mean idle?",
      "timeouts.speed": "no such option, the options are idle and firstToken"
    })
  })

  it("are told for what is no group of options at all", () => {
    const names = "rate, burst, wait, per, timeouts, hedge, targets, callers, share, store, apiKey"
    assert.strictEqual(refused("10/min").message, `RateLimit: 1 option refused\n  read "10/min", write { ${names} }`)
    for (const input of [undefined, null, 5, [], () => 1]) assert.lengthOf(refused(input).problems, 1)
  })

  it("pass on what a check of the whole says", () => {
    assert.deepStrictEqual(told({ rate: "10/min", burst: 13 }), { wait: "write a wait other than 0s" })
  })

  it("show at most 60 characters of a value and 20 lines", () => {
    const input = {
      ...Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`option${index}`, index])),
      rate: ["x".repeat(1_000), { deep: { deeper: { deepest: 1 } } }]
    }
    const found = refused(input)
    assert.lengthOf(found.problems, 100)
    assert.lengthOf(found.message.split("\n"), 22)
    assert.isTrue(found.message.endsWith("and 80 more"))
    assert.lengthOf(found.problems[0]?.read ?? "", 60)
  })

  it("never show what may be a secret", () => {
    const secret = "sk-live-12345"
    const message = refused({
      rate: { token: secret, nested: [{ clientSecret: secret, password: secret, webhookUrl: secret }] },
      apiKey: secret,
      targets: `redis://:${secret}@host/1`,
      per: `redis://:${"x".repeat(50)}${secret}${"x".repeat(50)}@host/1`,
      callers: { forum: { key: secret } },
      unknown: secret
    }).message
    assert.notInclude(message, "12345")
    assert.include(message, "apiKey: read (hidden), write it as 10/min or 100/10s")
    assert.include(message, "callers.forum.key: read (hidden), write an integer")
    assert.include(message, 'targets: read "redis://(hidden)@host/1"')
  })

  it("suggest nothing that would repeat a secret", () => {
    assert.deepStrictEqual(told({ rate: "10/min", apiKey: "77 per min" }), {
      apiKey: "(hidden): write it as 10/min or 100/10s"
    })
  })

  it("show what merely sounds like one", () => {
    assert.include(told({ rate: "10/min", timeouts: { firstToken: "soon" } })["timeouts.firstToken"], '"soon"')
    for (const name of ["tokens", "maxTokens", "firstToken", "keyboard", "monkeysee"]) {
      assert.include(told({ rate: { [name]: 5 } })["rate"], `{ ${name}: 5 }`)
    }
  })

  it("hide a secret by every name that secrets go by", () => {
    for (const name of [
      "token",
      "apiToken",
      "api_token",
      "api-token",
      "accessToken",
      "my_access_token",
      "botToken",
      "keys",
      "apiKey",
      "clientSecret",
      "passphrase",
      "webhookUrl",
      "credentials",
      "Authorization"
    ]) {
      assert.include(told({ rate: { [name]: "12345", n: 1 } })["rate"], `{ ${name}: (hidden), n: 1 }`)
    }
  })

  it("show lists and groups nearly as they are written, down to the third level", () => {
    const shown = (rate: unknown) => told({ rate })["rate"]?.replace(": write it as 10/min or 100/10s", "")
    assert.strictEqual(shown([1, "two"]), '[1, "two"]')
    assert.strictEqual(shown([]), "[]")
    assert.strictEqual(shown({ a: { b: { c: { d: 1 } } } }), "{ a: { b: { c: an object } } }")
    assert.strictEqual(shown(["x".repeat(56)]), `["${"x".repeat(56)}"]`)
  })

  it("show at most 60 characters of a name, too", () => {
    assert.property(told({ rate: "10/min", ["x".repeat(100)]: 1 }), "x".repeat(60))
  })

  it("have no line about more where there are no more", () => {
    const unknown = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`option${index}`, index]))
    const found = refused({ rate: "10/min", ...unknown })
    assert.strictEqual(found._tag, "OptionsRefused")
    assert.lengthOf(found.message.split("\n"), 21)
    assert.notInclude(found.message, "more")
  })
})
