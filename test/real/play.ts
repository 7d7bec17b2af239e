/**
 * Plays scenarios against a server and prints what came of them: a real Ollama, or whichever is named.
 *
 * Usage: node test/real/play.ts [--url URL] [--twice] [group or a part of a title ...]
 * With `--twice` it plays all of them two times and tells what differed, which nothing may.
 */
import { isDeepStrictEqual } from "node:util"
import type { Environment, Started } from "./environment.ts"
import { program, start } from "./ollama.ts"
import { settle, type Scenario, type Transcript } from "./scenario.ts"
import { groups } from "./scenarios/groups.ts"

/** Plays scenarios, two at a time and those of one environment on one server, and says what came of each. */
export const playAll = async (
  scenarios: ReadonlyArray<Scenario>,
  starting: (environment: Environment) => Promise<Started>,
  told: (scenario: Scenario, transcript: Transcript, millis: number) => void
): Promise<void> => {
  const alike = [...Map.groupBy(scenarios, ({ environment }) => JSON.stringify(environment)).values()]
  const shares = alike.flatMap((these) => shared(these))
  const worker = async (): Promise<void> => {
    for (let these = shares.shift(); these !== undefined; these = shares.shift()) {
      const server = await starting(these[0]!.environment)
      try {
        for (const scenario of these) {
          const from = performance.now()
          const transcript = await played(scenario, server.url).catch((error: unknown) => ({ [failed]: String(error) }))
          told(scenario, transcript, performance.now() - from)
        }
      } finally {
        await server.stop()
      }
    }
  }
  await Promise.all([worker(), worker()])
}

/** So many on one server: a few servers more make both workers end at about the same time. */
const shared = (these: ReadonlyArray<Scenario>): ReadonlyArray<ReadonlyArray<Scenario>> =>
  Array.from({ length: Math.ceil(these.length / 12) }, (_, place) => these.slice(place * 12, (place + 1) * 12))

/** What is told of a scenario that could not be played. */
export const failed = "could not be played"

/** Plays one scenario, on a server that has no model loaded. */
const played = async (scenario: Scenario, url: string): Promise<Transcript> => {
  await settle({ url })
  return scenario.play({ url })
}

const main = async (given: ReadonlyArray<string>): Promise<void> => {
  const urlAt = given.indexOf("--url")
  const url = urlAt < 0 ? undefined : given[urlAt + 1]
  const wanted = given.filter((each, index) => !each.startsWith("--") && (urlAt < 0 || index !== urlAt + 1))
  const scenarios = Object.entries(groups).flatMap(([group, these]) =>
    these.filter(({ title }) => wanted.length === 0 || wanted.some((each) => isMeant(each, group, title)))
  )
  const found = url === undefined ? await program() : { program: url }
  if ("why" in found) return console.error(`There is no real Ollama here: ${found.why}.`)
  const starting = url === undefined ? start : () => Promise.resolve({ url, stop: () => Promise.resolve() })
  const first = new Map<string, Transcript>()
  const isTwice = given.includes("--twice")
  await playAll(scenarios, starting, ({ title }, transcript, millis) => {
    first.set(title, transcript)
    console.log(isTwice ? `${title} (${millis.toFixed(0)} ms)` : `# ${title} (${millis.toFixed(0)} ms)`)
    if (!isTwice) console.log(shown(transcript))
  })
  if (!isTwice) return
  await playAll(scenarios, starting, ({ title }, transcript) => {
    const before = first.get(title)!
    if (failed in transcript) console.log(`${title} ${failed}: ${String(transcript[failed])}`)
    if (isDeepStrictEqual(before, transcript)) return
    process.exitCode = 1
    for (const name of new Set([...Object.keys(before), ...Object.keys(transcript)])) {
      if (isDeepStrictEqual(before[name], transcript[name])) continue
      console.log(`\n${title}: ${name} was\n${JSON.stringify(before[name], null, 1)}\nand then`)
      console.log(JSON.stringify(transcript[name], null, 1))
    }
  })
}

const isMeant = (word: string, group: string, title: string): boolean =>
  word in groups ? word === group : title.includes(word)

const shown = (transcript: Transcript): string =>
  Object.entries(transcript)
    .map(([name, value]) =>
      Array.isArray(value) ? `${name}:\n  ${value.join("\n  ")}` : `${name}: ${JSON.stringify(value)}`
    )
    .join("\n")

if (import.meta.main) await main(process.argv.slice(2))
