/**
 * A process that answers every question with the same answer, that of the dialect it is started with.
 *
 * It runs beside the process that reads, so that what it takes is not counted there.
 */
import { Effect } from "effect"
import * as Bytes from "../../packages/upstream/test/bytes.ts"
import { type Dialect, writesOf } from "./answers.ts"

const writes = writesOf(process.argv[2] as Dialect)

/** What an Ollama is asked beside its questions. */
const version = [Bytes.version("GET /api/version")!]

const answering = Bytes.serve((socket, asked) => {
  // Without this the system would hold a small packet back until the one before it has been heard.
  socket.setNoDelay()
  for (const bytes of asked.startsWith("POST") ? writes : version) socket.write(bytes)
})

process.on("disconnect", () => process.exit())
await Effect.runPromise(
  Effect.scoped(
    Effect.flatMap(answering, ({ url }) => {
      process.send!(url)
      return Effect.never
    })
  )
)
