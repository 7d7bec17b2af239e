/**
 * Measures subjects against each other in interleaved rounds, each in a process of its own.
 *
 * A machine is never the same for two minutes: whatever is measured first and whatever last would be measured on two
 * machines. So every round gives each subject one short slice, in an order shuffled by a seed, and what counts is the
 * median of the rounds. And a program holds one list of guards, not forty: in one heap each subject would pay for the
 * garbage of the others, and for what they have taught the compiler.
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { Effect, Random } from "effect"

/** One caller who asks again as soon as he is answered, and a thousand of them at once. */
export const crowds = [1, 1_000] as const

/** How many ask at once. */
export type Crowd = (typeof crowds)[number]

/** Something that can be done many times. */
export interface Subject {
  readonly name: string
  readonly group: "calls" | "refusals" | "parts" | "wires"
  /** Does it so many times in all, that many at once. */
  readonly run: (times: number, crowd: Crowd) => Promise<unknown>
  /** How many units one time is: an answer of 200 parts is 200. */
  readonly units?: number
  /** How many rounds are enough for something so slow that more would take minutes. */
  readonly roundsMax?: number
}

/** What something took, in microseconds: by the clock, and of the processors. */
export interface Took {
  readonly wall: number
  readonly cpu: number
}

/** What one time took, in microseconds a unit, over all rounds. */
export interface Figure {
  readonly median: number
  readonly low: number
  readonly high: number
  /** Round by round. */
  readonly micros: ReadonlyArray<number>
}

/** A subject with its figures, one per crowd: by the clock, and of the processors. */
export interface Measured {
  readonly name: string
  readonly group: Subject["group"]
  readonly figures: ReadonlyMap<Crowd, Figure>
  readonly cpu: ReadonlyMap<Crowd, Figure>
}

/** How much is measured. */
export interface Plan {
  readonly rounds: number
  readonly sliceMillis: number
  readonly warmupMillis: number
  readonly seed: number
}

/** What the process of a subject is asked: how often it fits into a slice, which warms it up, or how long one takes. */
export type Asked = { readonly crowd: Crowd } & (
  | { readonly ask: "times"; readonly plan: Plan }
  | { readonly ask: "slice"; readonly times: number }
)

interface Track {
  readonly subject: Subject
  readonly crowd: Crowd
  readonly alone: ChildProcess
  readonly times: number
  readonly took: Array<Took>
}

/** Warms every subject up, finds how often it fits into a slice, and measures all of them round by round. */
export const measure = async (
  subjects: ReadonlyArray<Subject>,
  plan: Plan,
  progress: (done: number) => void
): Promise<ReadonlyArray<Measured>> => {
  const tracks: Array<Track> = []
  for (const subject of subjects) {
    const alone = fork(fileURLToPath(new URL("alone.ts", import.meta.url)), [subject.name])
    for (const crowd of crowds) {
      tracks.push({ subject, crowd, alone, times: await ask(alone, { ask: "times", crowd, plan }), took: [] })
    }
  }
  for (let round = 0; round < plan.rounds; round++) {
    progress(round / plan.rounds)
    for (const { alone, crowd, subject, times, took } of shuffled(tracks, plan.seed + round)) {
      if (round < (subject.roundsMax ?? plan.rounds)) took.push(await ask(alone, { ask: "slice", crowd, times }))
    }
  }
  progress(1)
  for (const { alone } of tracks) if (alone.connected) alone.disconnect()
  return subjects.map((subject) => {
    const own = tracks.filter((track) => track.subject === subject)
    const figures = (of: keyof Took) => new Map(own.map(({ crowd, took }) => [crowd, figureOf(took, of)]))
    return { name: subject.name, group: subject.group, figures: figures("wall"), cpu: figures("cpu") }
  })
}

const ask = async <A extends number | Took>(alone: ChildProcess, asked: Asked): Promise<A> => {
  alone.send(asked)
  const [answered] = (await once(alone, "message")) as [A]
  return answered
}

/** What it answers. */
export const answer = (subject: Subject, asked: Asked): Promise<number | Took> =>
  asked.ask === "times" ? timesInSlice(subject, asked.crowd, asked.plan) : slice(subject, asked.crowd, asked.times)

/** One slice, after a lap before the clock starts: another crowd has taught the compiler other shapes in between. */
const slice = async (subject: Subject, crowd: Crowd, times: number): Promise<Took> => {
  await run(subject, Math.ceil(times / crowd / 2) * crowd, crowd)
  const { cpu, wall } = await run(subject, times, crowd)
  const units = times * (subject.units ?? 1)
  return { wall: wall / units, cpu: cpu / units }
}

const run = async (subject: Subject, times: number, crowd: Crowd): Promise<Took> => {
  const usedBefore = process.cpuUsage()
  const began = performance.now()
  await subject.run(times, crowd)
  const wall = (performance.now() - began) * 1_000
  const { system, user } = process.cpuUsage(usedBefore)
  return { wall, cpu: system + user }
}

/** Doubles until it has run long enough to be compiled, then takes what fits. A crowd asks at least once each. */
const timesInSlice = async (subject: Subject, crowd: Crowd, plan: Plan): Promise<number> => {
  // The first may have a server to start, which says nothing of what fits.
  await run(subject, 1, 1)
  const until = performance.now() + plan.warmupMillis
  let times: number = crowd
  for (;;) {
    const { wall } = await run(subject, times, crowd)
    const fits = Math.max(Math.round((times * plan.sliceMillis * 1_000) / Math.max(wall, 10) / crowd), 1) * crowd
    if (performance.now() >= until) return fits
    times = Math.min(times * 2, fits)
  }
}

const shuffled = <A>(items: ReadonlyArray<A>, seed: number): ReadonlyArray<A> =>
  Effect.runSync(Random.withSeed(Random.shuffle(items), seed))

/**
 * How many times as long one takes as the other: the median of what each round says by itself. A machine that changes
 * its speed from one round to the next changes both alike, and two medians may come from different rounds.
 */
export const ratioOf = (one: Figure, other: Figure): number =>
  quantile(
    one.micros.slice(0, other.micros.length).map((micros, round) => micros / other.micros[round]!),
    0.5
  )

const quantile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN
}

const figureOf = (took: ReadonlyArray<Took>, of: keyof Took): Figure => {
  const micros = took.map((each) => each[of])
  return { median: quantile(micros, 0.5), low: quantile(micros, 0.25), high: quantile(micros, 0.75), micros }
}
