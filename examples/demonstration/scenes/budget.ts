/**
 * Budget: ten callers at once against one cent.
 *
 * The bare side has what programs have that were burned once: a counter that is looked at before each call. All ten
 * look at the same moment. What is compared is the server's own bill.
 */
import { Answer, Budget, Call, Price, Question, refusal, type SpillwayError, type Summary } from "@spillway/core"
import { Effect } from "effect"
import { streaming } from "../client.ts"
import { barRow, both, dollars, type Frame, row, type Said, said, seconds, type Sides } from "../draw.ts"
import { ended, type Made, noted } from "../measure.ts"
import { forSoLong, type Scene } from "../scene.ts"
import { type Script, type Server } from "../server.ts"
import { beside } from "../sides.ts"

/** The guard. */
const guard = (onAlert: (alert: Budget.Alert) => Effect.Effect<void>) =>
  Budget.make({
    total: "$0.01/month",
    prices: { "gpt-4o-mini": { input: 0.15, output: 0.6 } },
    maxTokens: 2_000, // reserved for each answer, and sent along
    alert: "80%",
    onAlert
  })

const limit = 10_000
const price = Price.perMillion(0.15, 0.6)
const callers = 10
const askingMillis = 2_400

/** What the model would write, in tokens: it is asked to stop at a bound, or writes on. */
const wanted = [1_200, 2_600, 1_500, 3_900, 1_300, 1_800, 2_200, 1_400, 3_000, 1_600]

const script: Script = ({ maxTokens, name, try: tried }) => {
  const caller = Number(name)
  const usage = { input: 20, output: Math.min(wanted[(caller + tried - 1) % wanted.length]!, maxTokens) }
  const begun = [{ wait: 250 }, { say: { text: "It " } }, { wait: 250 + 40 * caller }] as const
  // Of one answer nobody hears the end, but it will be on the bill.
  if (caller === 4 && tried === 1) return [...begun, { cut: usage }]
  return [...begun, { say: { text: "is 243 metres high." } }, { say: { usage } }]
}

interface Side {
  readonly server: Server
  readonly log: Array<Made>
  /** How the budget stands, as the side itself knows it. */
  standing: { spent: number; readonly reserved: number; readonly unsettled: number }
  readonly alerts: ReadonlyArray<number>
}

const billOf = ({ server }: Side): number =>
  server.requests.reduce((sum, { used }) => sum + (used === undefined ? 0 : Price.cost(price, used)), 0)

const figuresOf = (side: Side) => ({
  billMicroDollars: billOf(side),
  ...side.standing,
  sent: side.server.requests.length,
  answered: ended(side.log, "answered").length,
  lost: ended(side.log, "failed").length,
  refused: ended(side.log, "refused").length,
  alertsAtMillis: side.alerts
})

/** The scene. */
export const budget: Scene = {
  name: "budget",
  policy: "Budget",
  title: "ten callers at once against one cent",
  about:
    "Bare, each looks at a counter of what was spent before it asks. The guard reserves what a call may " +
    "come to, and settles after it. One answer is lost.",
  heads: { bare: "bare: a counter", guarded: "guarded: Budget" },
  millis: 3_500,
  file: "scenes/budget.ts",
  legend: ({ bad, dim, fair, good }) =>
    [
      `${good("█")} ${dim("spent")}`,
      `${fair("▒")} ${dim("reserved")}`,
      `${bad("█")} ${dim("overspent")}`,
      `┃ ${dim("the limit")}`
    ].join("  "),
  make: Effect.gen(function* () {
    const { now, sides } = yield* beside(script, (server) => ({
      server,
      log: new Array<Made>(),
      standing: { spent: 0, reserved: 0, unsettled: 0 },
      alerts: new Array<number>()
    }))
    const onAlert = () => Effect.sync(() => void sides.guarded.alerts.push(Math.round(now())))
    const guarding = yield* Effect.orDie(guard(onAlert))
    const look = Effect.map(guarding.standing(), ({ total }) => {
      const { reserved, spent, unsettled } = total!
      sides.guarded.standing = { reserved, spent, unsettled }
    })
    const figures = () => both(sides, figuresOf)
    return {
      play: forSoLong(
        budget.millis,
        asking(sides.bare, now, (call) => counting(call, sides.bare)),
        asking(sides.guarded, now, guarding),
        Effect.forever(Effect.andThen(Effect.orDie(look), Effect.sleep(30)))
      ),
      rows: (frame) => rowsOf(frame, sides),
      result: () => {
        const { bare, guarded } = figures()
        const [alertAt = Infinity] = guarded.alertsAtMillis
        return (
          `${dollars(guarded.spent)} of ${dollars(limit)} was spent, ${dollars(guarded.unsettled)} of it unsettled; ` +
          `bare ${dollars(bare.billMicroDollars)}. The alert at 80% came after ${seconds(alertAt)}.`
        )
      },
      figures,
      claims: () => {
        const { bare, guarded } = figures()
        return {
          "bare, more is spent than there is": bare.billMicroDollars > limit,
          "guarded, the bill and the books stay within the limit":
            guarded.billMicroDollars <= guarded.spent && guarded.spent <= limit && guarded.reserved === 0,
          "nearly all of it can be spent": guarded.spent >= 0.8 * limit,
          "the lost call is charged and marked": guarded.lost === 1 && guarded.unsettled > 0,
          "one alert comes, at 80%": guarded.alertsAtMillis.length === 1 && bare.alertsAtMillis.length === 0
        }
      }
    }
  })
}

type Asking<E = never> = Effect.Effect<Summary.Summary, SpillwayError | E>

/** What a counter can do: it stops whoever comes when all is spent, and knows nothing of what is on its way. */
const counting = (call: Asking, { standing }: Side): Asking =>
  Effect.suspend(() =>
    standing.spent >= limit
      ? Effect.fail(refusal({ _tag: "BudgetSpent", budget: dollars(limit) }))
      : Effect.tap(call, ({ usage }) => Effect.sync(() => (standing.spent += Price.cost(price, usage!))))
  )

const asking = ({ log, server }: Side, now: () => number, guarding: (call: Asking) => Asking): Effect.Effect<void> =>
  Effect.forEach(
    Array.from({ length: callers }, (_, caller) => caller),
    (caller) => {
      const call = guarding(Call.asEffect(streaming(`${server.url}/${caller}`)))
      const question = Question.chat("gpt-4o-mini", "How high is the dam?")
      const once = Effect.andThen(noted(Answer.collect(call, question), log, now), Effect.sleep(250))
      return Effect.repeat(once, { while: () => now() < askingMillis })
    },
    { concurrency: "unbounded", discard: true }
  )

const rowsOf = (frame: Frame, sides: Sides<Side>) => {
  const { bad, dim, good } = frame.paint
  const figures = both(sides, figuresOf)
  return [
    [
      row("money", "spent, reserved", sides, (side) => gauge(frame, side)),
      row("", "server's bill", figures, ({ billMicroDollars: bill }) =>
        said(`${dollars(bill)} of ${dollars(limit)}`, bill > limit ? bad : good)
      ),
      row("", "unsettled", figures, ({ unsettled }) => said(unsettled > 0 ? dollars(unsettled) : "-")),
      row("", "alert at 80%", figures, ({ alertsAtMillis: [at] }) =>
        at === undefined ? said("-") : said(`after ${seconds(at)}`, good)
      )
    ],
    [
      barRow(
        frame,
        ["calls", "answers"],
        sides,
        ({ log }) => ended(log, "answered").map(({ endedAt }) => endedAt!),
        () => good
      ),
      row("", "answered", figures, ({ answered, sent }) => said(`${answered} of ${sent} sent`)),
      row("", "lost", figures, ({ lost }) => said(`${lost}`)),
      row("", "refused", figures, ({ refused }) => said(`${refused}`, refused === 0 ? dim : undefined))
    ]
  ]
}

/** The budget as a bar, with the limit in the middle of it. */
const gauge = (frame: Frame, side: Side): Said => {
  const { bad, fair, good } = frame.paint
  const middle = Math.floor(frame.cells / 2)
  const cells = (amount: number) => Math.floor((amount / limit) * middle)
  const spent = cells(Math.max(side.standing.spent, billOf(side)))
  const reserved = cells(side.standing.spent + side.standing.reserved)
  const line = Array.from({ length: frame.cells }, (_, cell) => {
    if (cell === middle) return "┃"
    const at = cell < middle ? cell : cell - 1
    if (at < spent) return at < middle ? good("█") : bad("█")
    return at < reserved ? fair("▒") : " "
  })
  return { text: line.join(""), width: frame.cells }
}
