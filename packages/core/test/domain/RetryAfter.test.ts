/**
 * How long a server asks to wait: the forms it may use, and what of everything else comes to nothing.
 *
 * The tables hold what servers were seen to send; dates are printed here by the platform's own calendar, so that the
 * reader is not measured against itself.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import * as RetryAfter from "../../src/domain/RetryAfter.ts"
import * as Random from "../laws/random.ts"

const second = 1_000
const day = 86_400_000

/** The date that RFC 9110 prints in all its forms. */
const sunday = Date.UTC(1994, 10, 6, 8, 49, 37)

const millisOf = (wait: Duration.Duration | undefined): number | undefined =>
  wait === undefined ? undefined : Duration.toMillis(wait)

const parsed = (header: unknown, nowMillis = sunday): number | undefined =>
  millisOf(RetryAfter.parse(header, nowMillis))

const parsedMillis = (header: unknown): number | undefined => millisOf(RetryAfter.parseMillis(header))

const parsedSpan = (header: unknown): number | undefined => millisOf(RetryAfter.parseSpan(header))

const longest = Duration.toMillis(RetryAfter.longest)

const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

/** A moment in the three forms of RFC 9110. */
const printed = (millis: number) => {
  const date = new Date(millis)
  const weekday = weekdays[date.getUTCDay()]!
  const [, dayOfMonth = "", month = "", year = "", time = ""] = date.toUTCString().split(" ")
  return {
    "IMF-fixdate": date.toUTCString(),
    "RFC 850": `${weekday}, ${dayOfMonth}-${month}-${year.slice(-2)} ${time} GMT`,
    asctime: `${weekday.slice(0, 3)} ${month} ${dayOfMonth.replace(/^0/, " ")} ${time} ${year}`
  }
}

describe("a wait is read", () => {
  const readings: ReadonlyArray<readonly [header: unknown, millis: number]> = [
    ["120", 120 * second],
    ["0", 0],
    ["007", 7 * second],
    ["1.5", 1_500],
    ["292.052427053", 292_053],
    ["16.1", 16_100],
    ["0.0001", 1],
    ["1.0000000000001", 1_001],
    ["  120\t", 120 * second],
    ["120, 120", 120 * second],
    ["5, 120,7", 120 * second],
    [["5", "120", "7"], 120 * second],
    [["soon", "5", -1, null], 5 * second],
    ["soon, 5", 5 * second],
    ["0, 0", 0],
    ["99999999999", longest],
    ["9".repeat(100), longest],
    [String(longest / second - 1), longest - second]
  ]
  for (const [header, millis] of readings) {
    it(`from ${JSON.stringify(header)}`, () => {
      assert.strictEqual(parsed(header), millis)
    })
  }

  it("from seconds without a clock, since they need none", () => {
    assert.strictEqual(parsed("1", Number.NaN), second)
  })
})

describe("a date is read", () => {
  for (const [name, header] of [
    ["IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT"],
    ["RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT"],
    ["asctime", "Sun Nov  6 08:49:37 1994"]
  ] as const) {
    it(`as the time until then, and as nothing once it is over: ${name}`, () => {
      assert.strictEqual(printed(sunday)[name], header)
      assert.strictEqual(parsed(header, sunday - 120 * second), 120 * second)
      assert.strictEqual(parsed(header, sunday), 0)
      assert.strictEqual(parsed(header, sunday + 1), 0)
      assert.strictEqual(parsed(header, sunday + 10_000 * day), 0)
      assert.strictEqual(parsed(header, sunday - 0.5), 1)
      assert.strictEqual(parsed(header, sunday - 90 * day), longest)
    })
  }

  it("with whatever weekday, and with spaces around it", () => {
    for (const header of ["Mon, 06 Nov 1994 08:49:38 GMT", "06 Nov 1994 08:49:38 GMT", "Mon Nov 6 08:49:38 1994 "]) {
      assert.strictEqual(parsed(header), second)
    }
  })

  it("among several as the longest wait", () => {
    const [soon, later] = [printed(sunday + second), printed(sunday + 5 * second)]
    assert.strictEqual(parsed(`${later["IMF-fixdate"]}, ${soon["IMF-fixdate"]}`), 5 * second)
    assert.strictEqual(parsed([soon["RFC 850"], later.asctime]), 5 * second)
    assert.strictEqual(parsed(`${soon.asctime}, 3`), 3 * second)
  })

  it("on the last day of February in a leap year only", () => {
    const february = Date.UTC(2096, 1, 28)
    assert.strictEqual(parsed("Wed, 29 Feb 2096 00:00:00 GMT", february), day)
    assert.isUndefined(parsed("Fri, 29 Feb 2097 00:00:00 GMT", february))
  })

  it("in a leap second as the second after it", () => {
    assert.strictEqual(parsed("Sat, 31 Dec 2016 23:59:60 GMT", Date.UTC(2016, 11, 31, 23, 59, 59)), second)
  })

  it("with a year of two digits as the last one that is not more than 50 years ahead", () => {
    const now = Date.UTC(2026, 5, 15, 12)
    assert.strictEqual(parsed("Tuesday, 15-Jun-26 12:00:01 GMT", now), second)
    assert.strictEqual(parsed("Monday, 15-Jun-76 12:00:00 GMT", now), longest)
    assert.strictEqual(parsed("Monday, 15-Jun-76 12:00:01 GMT", now), 0)
    assert.strictEqual(parsed("Tuesday, 31-Dec-99 23:59:59 GMT", now), 0)
    assert.strictEqual(parsed("Friday, 01-Jan-00 00:00:00 GMT", Date.UTC(1999, 11, 31, 23, 59, 58)), 2 * second)
    assert.strictEqual(parsed("Monday, 15-Jun-65 12:00:00 GMT", Date.UTC(2080, 0)), 0)
  })
})

describe("nothing is read", () => {
  const garbage: ReadonlyArray<unknown> = [
    ...'| |,|soon|-1|+1|1e3|1e400|0x10|NaN|Infinity|.5|5.|1.2.3|1_000|5 seconds|5s|"5"'.split("|"),
    "9".repeat(101),
    120,
    Number.NaN,
    Infinity,
    undefined,
    null,
    true,
    120n,
    Symbol("120"),
    {},
    { 0: "120" },
    { toString: () => "120" },
    [],
    [120],
    [["120"]],
    ["9".repeat(101)]
  ]
  for (const header of garbage) {
    it(`from ${typeof header} ${Array.isArray(header) ? JSON.stringify(header) : String(header)}`, () => {
      assert.isUndefined(parsed(header))
      assert.isUndefined(parsedMillis(header))
    })
  }

  for (const header of [
    "Wed, 32 Nov 1994 08:49:37 GMT",
    "Wed, 00 Nov 1994 08:49:37 GMT",
    "Thu, 31 Nov 1994 08:49:37 GMT",
    "Wednesday, 31-Nov-94 08:49:37 GMT",
    "Thu Nov 31 08:49:37 1994",
    "Sun, 06 Nof 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:00 GMT",
    "Sun, 06 Nov 1994 08:49:61 GMT",
    "Sun, 06 Nov 1994 08:49:37 PST",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 994 08:49:37 GMT",
    "Sun, 106 Nov 1994 08:49:37 GMT",
    "6 Nov 1994 08:49:37 GMT",
    "Sun Nov  6 08:49:37 94",
    "1994-11-06T08:49:37Z"
  ]) {
    it(`from ${header}`, () => {
      assert.isUndefined(parsed(header))
    })
  }

  it("from a date where there is no clock to measure it with", () => {
    for (const now of [Number.NaN, Infinity, -Infinity, 9e15]) {
      for (const header of Object.values(printed(sunday))) assert.isUndefined(parsed(header, now))
    }
  })
})

describe("milliseconds are read", () => {
  for (const [header, millis] of [
    ["20", 20],
    ["0", 0],
    ["20.1", 21],
    [" 1500 ", 1_500],
    [["20", "30"], 30],
    ["99999999999", longest]
  ] as const) {
    it(`from ${JSON.stringify(header)}`, () => {
      assert.strictEqual(parsedMillis(header), millis)
    })
  }

  it("and no dates", () => {
    assert.isUndefined(parsedMillis("Sun, 06 Nov 1994 08:49:37 GMT"))
  })
})

describe("a span is read", () => {
  for (const [header, millis] of [
    ["1s", second],
    ["0s", 0],
    ["6m0s", 360 * second],
    ["20ms", 20],
    ["2m59.56s", 179_560],
    ["1h2m3.5s", 3_723_500],
    ["24h0m1s", day + second],
    ["1.5h", 5_400 * second],
    ["250\u00b5s", 1],
    ["1001\u03bcs", 2],
    ["1000us", 1],
    ["1000001ns", 2],
    ["0.4ms0.6ms", 1],
    [" 1s, 20ms ", second],
    [["1s", "2s"], 2 * second],
    ["99999h", longest]
  ] as const) {
    it(`from ${JSON.stringify(header)}`, () => {
      assert.strictEqual(parsedSpan(header), millis)
    })
  }

  for (const header of [
    "",
    "5",
    "0",
    "s",
    "1",
    "-1s",
    "1 s",
    "1d",
    "1S",
    "1s2",
    "1.s",
    "1..5s",
    "1constructor",
    "soon"
  ]) {
    it(`not from "${header}"`, () => {
      assert.isUndefined(parsedSpan(header))
    })
  }
})

describe("what a server printed is read again", () => {
  it("for any seconds, whole or in thousandths", () => {
    const random = Random.make(21)
    for (let run = 0; run < 5_000; run++) {
      const millis = random.below(10 ** (1 + random.below(9)))
      const text = millis % second === 0 ? String(millis / second) : (millis / second).toFixed(3)
      assert.strictEqual(parsed(text), millis, text)
      assert.strictEqual(parsedMillis(String(millis)), millis)
    }
  })

  it("for any date of the next month, at any time in two centuries", () => {
    const random = Random.make(22)
    const from = Date.UTC(1970, 0)
    const to = Date.UTC(2170, 0)
    for (let run = 0; run < 5_000; run++) {
      const now = Math.floor(from + random.next() * (to - from))
      const moment = Math.ceil((now + random.below(longest - second)) / second) * second
      for (const header of Object.values(printed(moment))) assert.strictEqual(parsed(header, now), moment - now, header)
    }
  })

  it("for any span as Go prints it", () => {
    const random = Random.make(23)
    for (let run = 0; run < 5_000; run++) {
      const millis = random.below(10 ** (1 + random.below(9)))
      const [hours, minutes] = [Math.floor(millis / 3_600_000), Math.floor(millis / 60_000) % 60]
      const seconds = `${((millis % 60_000) / second).toFixed(3).replace(/\.?0+$/, "")}s`
      const text = hours > 0 ? `${hours}h${minutes}m${seconds}` : minutes > 0 ? `${minutes}m${seconds}` : seconds
      assert.strictEqual(parsedSpan(millis < second ? `${millis}ms` : text), millis, text)
    }
  })
})

describe("whatever is sent", () => {
  const fragments = [
    ..."0123456789.-+, :;eEGhms\u00b5\u0000",
    ..."Sun |Nov |Feb |GMT|06|32|1994|08:49:37|06-Nov-94|ms|us|1e400|\ud800|\u{1f4a5}".split("|"),
    "9".repeat(60)
  ]

  it("is a wait from zero to the longest in whole milliseconds, or nothing", () => {
    const random = Random.make(24)
    let read = 0
    for (let run = 0; run < 20_000; run++) {
      const pick = () => fragments[random.below(fragments.length)]!
      const text = Array.from({ length: random.below(8) }, pick).join("")
      const [kept, date] = [random.below(40), printed(Math.floor(random.next() * 4e12))]
      const bent = date[(["IMF-fixdate", "RFC 850", "asctime"] as const)[random.below(3)]!]
      const now = [0, sunday, -1e12, 4e12 + 0.5, 8.64e15, Number.NaN][random.below(6)]!
      for (const header of [text, [text, pick()], bent.slice(0, kept) + pick() + bent.slice(kept + random.below(4))]) {
        for (const millis of [parsed(header, now), parsedMillis(header), parsedSpan(header)]) {
          if (millis === undefined) continue
          assert.isTrue(Number.isInteger(millis) && millis >= 0 && millis <= longest, JSON.stringify(header))
          read++
        }
      }
    }
    assert.isAbove(read, 5_000)
  })

  it("costs no more than looking at it", () => {
    const started = process.hrtime.bigint()
    for (const text of ["9", "9.", "1s", "1", " ", ",", "Sun "]) {
      for (const long of [text.repeat(1_000_000), text.repeat(Math.floor(100 / text.length))]) {
        for (const header of [long, `${long.slice(0, 99)}!`]) {
          parsed(header)
          parsedMillis(header)
          parsedSpan(header)
        }
      }
    }
    assert.isBelow(Number(process.hrtime.bigint() - started) / 1e9, 2)
  })

  it("stays exact as nanoseconds in a number, and so does the sum of three", () => {
    assert.isTrue(Number.isSafeInteger(Number(Duration.toNanosUnsafe(RetryAfter.longest)) * 3))
  })
})
