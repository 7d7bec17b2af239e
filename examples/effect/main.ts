/**
 * A nightly job that sums up reports with a model that fails now and then: what the guard around it did, what
 * it has cost, and how the job ends where its budget does.
 *
 * The guard is a service of the program, made of policies once for all who ask; a test would provide another one. The
 * server is a simulated Ollama that turns away three callers in ten: `node examples/effect/main.ts`.
 */
import {
  Answer,
  Budget,
  Call,
  CircuitBreaker,
  Deadline,
  Policy,
  Question,
  Record,
  Retry,
  Timeout
} from "@spillway/core"
import { Server } from "@spillway/sim"
import { Ollama } from "@spillway/upstream"
import { Console, Effect, Exit, Schedule } from "effect"

const prices = { "gpu/qwen3:8b": { input: 100, output: 400 } }

/** Everything that was tried, as it went on record. */
const records: Array<Record.CallRecord> = []

class Guard extends Policy.Service<Guard>()(
  "examples/Guard",
  Policy.all([
    Record.make({ sink: (record) => void records.push(record), prices }),
    Deadline.make({ deadline: "30s" }),
    Budget.make({ total: "$0.2/day", prices, maxTokens: 60 }),
    Retry.make({ schedule: Schedule.exponential("20 millis").pipe(Schedule.jittered), attempts: 6, budget: "100%" }),
    CircuitBreaker.make({ failures: 20, failureRate: "90%", open: "100ms..1s" }),
    Timeout.make({ firstToken: "5s", idle: "5s" })
  ])
) {}

const model = Effect.gen(function* () {
  const { url } = yield* Server.start({
    models: [{ name: "qwen3:8b", load: "10ms", decode: 2_000 }],
    faults: ["unavailable 30%"]
  })
  const { call } = yield* Ollama.make("gpu", { url })
  return Call.asEffect(call, "gpu/qwen3:8b")
})

/** What a report comes to in a sentence. */
const summary = (report: number, asks: Effect.Success<typeof model>) =>
  Answer.collect(
    asks.pipe(Guard.guard, Policy.about({ caller: "nightly", target: "gpu/qwen3:8b" })),
    Question.chat("qwen3:8b", `Report ${report}: the dam held. [[sim tokens=40]]`, { maxTokens: 60 })
  )

const program = Effect.gen(function* () {
  const asks = yield* model
  let answered = 0
  for (let report = 1; ; report++) {
    const exit = yield* Effect.exit(summary(report, asks))
    if (Exit.isSuccess(exit)) {
      answered++
      continue
    }
    const [reason] = exit.cause.reasons
    yield* Console.log(`Report ${report}: ${reason?._tag === "Fail" ? reason.error.message : "was left"}`)
    break
  }
  const attempts = records.flatMap((record) => record.attempts)
  const failed = attempts.filter(({ outcome }) => outcome !== "ok")
  const cost = records.reduce((sum, { costUsd }) => sum + (costUsd ?? 0), 0)
  yield* Console.log(`${answered} reports are summed up; ${failed.length} tries failed and cost nothing.`)
  yield* Console.log(`Together they cost $${cost.toFixed(4)} of $0.2.`)
})

await Effect.runPromise(program.pipe(Effect.provide(Guard.layer), Effect.scoped))
