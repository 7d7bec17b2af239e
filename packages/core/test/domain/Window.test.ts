/**
 * A budget's windows turn with the calendar of their zone, one after the other.
 *
 * What clocks show is asked of the platform, in words, so that the code is not measured against itself. The zones of
 * the laws are those whose calendars are known for mischief, and half of the moments lie around a change of the clocks.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Duration } from "effect"
import * as Window from "../../src/domain/Window.ts"
import * as Random from "../laws/random.ts"

const hour = 3_600_000
const day = 24 * hour

const zoneOf = (name: string): DateTime.TimeZone => {
  const zone = Window.zone(name)
  assert.isDefined(zone, name)
  return zone
}

const formats = new Map<string, Intl.DateTimeFormat>()

const formatOf = (name: string): Intl.DateTimeFormat => {
  const format =
    formats.get(name) ?? new Intl.DateTimeFormat("sv-SE", { timeZone: name, dateStyle: "short", timeStyle: "medium" })
  formats.set(name, format)
  return format
}

/** What the clocks of a zone show, as in `2011-12-31 00:00:00`. */
const shown = (name: string, millis: number): string => formatOf(name).format(millis)

/** How far the clocks of a zone are ahead, to the second. */
const offset = (name: string, millis: number): number =>
  Date.parse(`${shown(name, millis).replace(" ", "T")}Z`) - Math.floor(millis / 1_000) * 1_000

const turn = (per: Duration.Input | "month", name: string, now: string | number): number =>
  Window.turnOf(
    per === "month" ? per : Duration.fromInputUnsafe(per),
    zoneOf(name),
    typeof now === "number" ? now : Date.parse(now)
  )

/** The same turn as a date in UTC. */
const turned = (per: Duration.Input | "month", name: string, now: string): string =>
  new Date(turn(per, name, now)).toISOString()

/** All turns after a moment, up to and with the first that is not before another. */
const turnsBetween = (per: Duration.Input | "month", name: string, from: number, to: number): ReadonlyArray<number> => {
  const turns: Array<number> = []
  for (let now = from; now < to; now = turns.at(-1)!) turns.push(turn(per, name, now))
  return turns
}

describe("a zone", () => {
  it("is read by its name, as UTC or as an offset", () => {
    for (const [name, read] of [
      ["UTC", "UTC"],
      ["Europe/Berlin", "Europe/Berlin"],
      ["Asia/Kathmandu", "Asia/Katmandu"],
      ["Etc/GMT+5", "Etc/GMT+5"],
      ["+02:00", "+02:00"],
      ["-0930", "-09:30"],
      ["+14:00", "+14:00"],
      ["+00:00", "+00:00"]
    ] as const) {
      assert.include([name, read], DateTime.zoneToString(zoneOf(name)))
    }
    assert.strictEqual(turned("1 day", "-09:30", "2026-05-01T09:29:59.999Z"), "2026-05-01T09:30:00.000Z")
  })

  for (const name of [
    "",
    " ",
    "local",
    "Local",
    "Mars/Phobos",
    " UTC",
    "+2",
    "+02",
    "+2:00",
    "+15:00",
    "+02:60",
    "+99:99",
    "+nonsense02:00",
    "GMT+99:99",
    "02:00",
    "a".repeat(10_000)
  ]) {
    it(`is nowhere under the name "${name.slice(0, 20)}"`, () => {
      assert.isUndefined(Window.zone(name))
    })
  }
})

describe("a window turns", () => {
  it("on the first of a month", () => {
    assert.strictEqual(turned("month", "UTC", "2026-01-31T23:59:59.999Z"), "2026-02-01T00:00:00.000Z")
    assert.strictEqual(turned("month", "UTC", "2026-02-01T00:00:00.000Z"), "2026-03-01T00:00:00.000Z")
    assert.strictEqual(turned("month", "UTC", "2026-12-05T12:00:00.000Z"), "2027-01-01T00:00:00.000Z")
    assert.strictEqual(turned("month", "Europe/Berlin", "2026-03-31T21:59:59.999Z"), "2026-03-31T22:00:00.000Z")
    assert.strictEqual(turned("month", "Europe/Berlin", "2026-03-31T22:00:00.000Z"), "2026-04-30T22:00:00.000Z")
    assert.strictEqual(turned("month", "America/New_York", "2026-11-01T04:00:00.000Z"), "2026-12-01T05:00:00.000Z")
  })

  it("at midnight in its zone", () => {
    assert.strictEqual(turned("1 day", "UTC", "2026-05-01T00:00:00.000Z"), "2026-05-02T00:00:00.000Z")
    assert.strictEqual(turned("1 day", "Asia/Kolkata", "2026-05-01T18:29:59.999Z"), "2026-05-01T18:30:00.000Z")
    assert.strictEqual(turned("1 day", "Asia/Kathmandu", "2026-05-01T18:14:59.999Z"), "2026-05-01T18:15:00.000Z")
    assert.strictEqual(turned("1 day", "UTC", "1969-12-31T23:59:59.999Z"), "1970-01-01T00:00:00.000Z")
  })

  it("on Mondays after seven days, and after any days in groups from the Monday of 5 January 1970", () => {
    assert.strictEqual(turned("7 days", "Europe/Berlin", "2026-10-25T12:00:00Z"), "2026-10-25T23:00:00.000Z")
    assert.strictEqual(turned("14 days", "UTC", "1970-01-05T00:00:00.000Z"), "1970-01-19T00:00:00.000Z")
    assert.strictEqual(turned("3 days", "UTC", "1970-01-04T23:59:59.999Z"), "1970-01-05T00:00:00.000Z")
    assert.strictEqual(turned("3 days", "UTC", "1970-01-06T00:00:00.000Z"), "1970-01-08T00:00:00.000Z")
    assert.strictEqual(turned("3 days", "UTC", "1970-01-01T12:00:00.000Z"), "1970-01-02T00:00:00.000Z")
  })

  it("at the hours from midnight on in its zone, when they divide a day", () => {
    assert.strictEqual(turned("1 hour", "Asia/Kathmandu", "2026-05-01T18:15:00.000Z"), "2026-05-01T19:15:00.000Z")
    assert.strictEqual(turned("8 hours", "America/New_York", "2026-07-01T11:59:59.999Z"), "2026-07-01T12:00:00.000Z")
    assert.strictEqual(turned("15 minutes", "UTC", "2026-07-01T11:59:59.999Z"), "2026-07-01T12:00:00.000Z")
  })

  it("at the multiples of any other length since 1970", () => {
    assert.strictEqual(turned("7 hours", "Asia/Kathmandu", "1970-01-02T00:00:00.000Z"), "1970-01-02T04:00:00.000Z")
    assert.strictEqual(turned("36 hours", "Asia/Kathmandu", "1970-01-02T12:00:00.000Z"), "1970-01-04T00:00:00.000Z")
    assert.strictEqual(turned("1001 millis", "UTC", "1970-01-01T00:00:01.000Z"), "1970-01-01T00:00:01.001Z")
    assert.strictEqual(turned("5 hours", "UTC", "1969-12-31T23:59:59.999Z"), "1970-01-01T00:00:00.000Z")
  })

  it("with the next millisecond when its length is one or less, and at whole ones in any case", () => {
    const now = Date.UTC(2026, 6, 1)
    for (const per of [Duration.millis(1), Duration.nanos(1n), Duration.zero, Duration.millis(-5)]) {
      assert.strictEqual(turn(per, "Europe/Berlin", now), now + 1)
    }
    assert.strictEqual(turn(Duration.nanos(1_000_001n), "Europe/Berlin", now), now + 2)
    assert.strictEqual(turn(Duration.nanos(BigInt(day) * 1_000_000n - 1n), "Europe/Berlin", now), now + 22 * hour)
  })

  it("never when its length has no end, or ends after the calendar", () => {
    for (const per of [Duration.infinity, Duration.days(1e9)]) {
      assert.strictEqual(turn(per, "Europe/Berlin", Date.UTC(2026, 6, 1)), Infinity)
    }
    assert.strictEqual(turn(Duration.infinity, "Europe/Berlin", Date.UTC(1969, 6, 1)), Infinity)
  })
})

describe("where the clocks change, a window turns", () => {
  it("at midnight after 23 and after 25 hours", () => {
    assert.strictEqual(turned("1 day", "Europe/Berlin", "2026-03-28T23:00:00.000Z"), "2026-03-29T22:00:00.000Z")
    assert.strictEqual(turned("1 day", "Europe/Berlin", "2026-10-24T22:00:00.000Z"), "2026-10-25T23:00:00.000Z")
  })

  it("once more, after a short while, in a day of 25 hours, and early in one of 23", () => {
    const hours = (from: string) => {
      const start = Date.parse(from)
      const turns = turnsBetween("8 hours", "Europe/Berlin", start, turn("1 day", "Europe/Berlin", start))
      return turns.map((at, index) => (at - (turns[index - 1] ?? start)) / hour)
    }
    assert.deepStrictEqual(hours("2026-03-28T23:00:00.000Z"), [8, 8, 7])
    assert.deepStrictEqual(hours("2026-10-24T22:00:00.000Z"), [8, 8, 8, 1])
  })

  it("at midnight too where the clocks change by half an hour", () => {
    const before = "2026-04-05T12:45:00.000Z"
    assert.strictEqual(turned("1 hour", "Australia/Lord_Howe", before), "2026-04-05T13:00:00.000Z")
    assert.strictEqual(turned("1 hour", "Australia/Lord_Howe", "2026-04-05T13:15:00Z"), "2026-04-05T13:30:00.000Z")
  })

  it("at the first moment of a day whose midnight is skipped", () => {
    assert.strictEqual(turned("1 day", "America/Sao_Paulo", "2018-11-04T02:59:59.999Z"), "2018-11-04T03:00:00.000Z")
    assert.strictEqual(turned("1 day", "Africa/Cairo", "2026-04-23T21:59:59.999Z"), "2026-04-23T22:00:00.000Z")
    assert.strictEqual(shown("Africa/Cairo", Date.parse("2026-04-23T22:00:00.000Z")), "2026-04-24 01:00:00")
  })

  it("once where midnight comes twice, and does not turn back", () => {
    assert.strictEqual(shown("America/St_Johns", Date.parse("2006-10-29T02:31:00.000Z")), "2006-10-28 23:01:00")
    assert.strictEqual(turned("1 day", "America/St_Johns", "2006-10-29T02:29:59.999Z"), "2006-10-29T02:30:00.000Z")
    for (const now of ["02:30:00", "02:30:59", "02:31:00", "03:30:00", "12:00:00"]) {
      assert.strictEqual(turned("1 day", "America/St_Johns", `2006-10-29T${now}Z`), "2006-10-30T03:30:00.000Z")
    }
    assert.strictEqual(turned("1 hour", "America/St_Johns", "2006-10-29T02:31:00Z"), "2006-10-29T03:30:00.000Z")
    assert.strictEqual(turned("1 day", "America/Havana", "2026-11-01T04:30:00Z"), "2026-11-02T05:00:00.000Z")
  })

  it("once for a day that was skipped and the day after it", () => {
    const before = "2011-12-30T09:59:59.999Z"
    for (const per of ["1 day", "1 hour"] as const) {
      assert.strictEqual(turned(per, "Pacific/Apia", before), "2011-12-30T10:00:00.000Z")
    }
    assert.strictEqual(turned("1 day", "Pacific/Apia", "2011-12-30T10:00:00.000Z"), "2011-12-31T10:00:00.000Z")
    assert.strictEqual(turned("month", "Pacific/Apia", before), "2011-12-31T10:00:00.000Z")
    const year = turnsBetween("1 day", "Pacific/Apia", Date.UTC(2011, 0, 1, 11), Date.UTC(2011, 11, 31, 10))
    assert.strictEqual(year.length, 364)
  })
})

/** Zones whose clocks show every midnight. */
const even = [
  "UTC",
  "Asia/Kolkata",
  "Asia/Kathmandu",
  "Pacific/Apia",
  "America/New_York",
  "Europe/Berlin",
  "Australia/Lord_Howe",
  "America/St_Johns",
  "Antarctica/Troll"
]

/** Zones whose clocks have skipped midnight. */
const skipping = ["America/Havana", "America/Sao_Paulo", "Africa/Cairo", "Africa/Monrovia"]

const wholeDays = [Duration.days(1), Duration.days(2), Duration.days(7), Duration.days(30)]
const partsOfDay = [Duration.minutes(15), Duration.hours(1), Duration.hours(8), Duration.hours(12)]
const others = [Duration.millis(1), Duration.millis(999), Duration.hours(7), Duration.hours(36), Duration.days(1.75)]

/** A moment from 1970 to 2100, every second time around the next change of the zone's clocks if there is one. */
const momentIn = (name: string, random: Random.Random): number => {
  const moment = Math.floor(random.next() * Date.UTC(2100, 0)) + random.below(1_000)
  let [from, to] = [moment, moment + 200 * day]
  if (random.below(2) === 0 || offset(name, from) === offset(name, to)) return moment
  while (to - from > hour) {
    const middle = Math.floor((from + to) / 2)
    if (offset(name, middle) === offset(name, from)) from = middle
    else to = middle
  }
  return from + random.below(60 * hour) - 30 * hour
}

/** Calls with many moments in every zone. */
const everywhere = (seed: number, times: number, check: (name: string, moment: number) => void) => {
  const random = Random.make(seed)
  for (const name of [...even, ...skipping]) {
    for (let run = 0; run < times; run++) check(name, Math.max(momentIn(name, random), 0))
  }
}

const pers: ReadonlyArray<Duration.Duration | "month"> = ["month", ...wholeDays, ...partsOfDay, ...others]

describe("at any moment in any zone, a window", () => {
  it("turns after that moment, and at the same time for every moment until then", () => {
    const random = Random.make(32)
    everywhere(31, 40, (name, now) => {
      for (const per of pers) {
        const at = turn(per, name, now)
        const about = `${String(per)} in ${name} at ${new Date(now).toISOString()}`
        assert.isTrue(Number.isInteger(at) && at > now, about)
        for (const moment of [at - 1, now + random.below(at - now)]) {
          assert.strictEqual(turn(per, name, moment), at, `${about} and at ${new Date(moment).toISOString()}`)
        }
      }
    })
  })

  it("turns within its length, and in whole days and months at most two hours later, since clocks are set back", () => {
    everywhere(33, 60, (name, now) => {
      for (const per of pers) {
        const length = per === "month" ? 31 * day : Duration.toMillis(per)
        const late = length % day === 0 ? 2 * hour : 0
        const about = `${String(per)} in ${name} at ${new Date(now).toISOString()}`
        assert.isAtMost(turn(per, name, now) - now, length + late, about)
      }
    })
  })

  it("turns when the clocks first show a date, at midnight unless they skip it", () => {
    everywhere(34, 60, (name, now) => {
      for (const per of ["month", ...wholeDays] as const) {
        const at = turn(per, name, now)
        const [date = "", time] = shown(name, at).split(" ")
        const about = `${String(per)} in ${name} at ${shown(name, now)}`
        assert.isBelow(shown(name, at - 1).localeCompare(date), 0, about)
        const skipped = offset(name, at - 1) < offset(name, at) && skipping.includes(name)
        assert.isTrue(time === "00:00:00" || skipped, `${about}: ${time}`)
        if (per === "month") assert.strictEqual(date.slice(-2), "01", about)
        else if (date !== "2011-12-31") {
          assert.strictEqual((Date.parse(date) - Date.UTC(1970, 0, 5)) % Duration.toMillis(per), 0, about)
        }
      }
    })
  })

  it("turns with the day when it is a part of it", () => {
    everywhere(35, 40, (name, now) => {
      const at = turn("1 day", name, now)
      for (const per of partsOfDay) assert.strictEqual(turn(per, name, at - 1), at, `${String(per)} in ${name}`)
    })
  })
})
