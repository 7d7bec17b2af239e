/**
 * The faults there are, as a table and as JSON.
 *
 * They are read from the control API of a server that is started for it: what is listed is what a server will take.
 */
import { Server } from "@spillway/sim"
import { Effect, Schema } from "effect"
import { FetchHttpClient, HttpClient, HttpClientResponse } from "effect/http"
import type { Paint } from "../terminal/Paint.ts"
import { fitted, line, widthOf } from "../terminal/Text.ts"

/** Each fault by its name: where it happens, and what a caller sees. */
export type Catalogue = Readonly<Record<string, { readonly where: string; readonly what: string }>>

const Known = Schema.Struct({
  known: Schema.Record(Schema.String, Schema.Struct({ where: Schema.String, what: Schema.String }))
})

/** Asks a server that is there for nothing else. */
export const read: Effect.Effect<Catalogue> = Effect.gen(function* () {
  const { url } = yield* Server.start()
  const response = yield* HttpClient.get(`${url}/_sim/faults`)
  const { known } = yield* HttpClientResponse.schemaBodyJson(Known)(response)
  return known
}).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer), Effect.orDie)

/** A line for each fault, below a heading. */
export const table = (
  catalogue: Catalogue,
  { columns, paint }: { readonly columns: number; readonly paint: Paint }
): ReadonlyArray<string> => {
  const rows = Object.entries(catalogue).map(([name, { what, where }]) => ({ name, where, what }))
  const heading = { name: "fault", where: "where", what: "what a caller sees" }
  const all = [heading, ...rows]
  const nameWidth = Math.max(...all.map(({ name }) => widthOf(name)))
  const whereWidth = Math.max(...all.map(({ where }) => widthOf(where)))
  return all.map((row) =>
    line(
      [
        { text: `${fitted(row.name, nameWidth)}  `, colour: row === heading ? paint.bold : paint.accent },
        { text: `${fitted(row.where, whereWidth)}  `, colour: row === heading ? paint.bold : paint.dim },
        row === heading ? { text: row.what, colour: paint.bold } : { text: row.what }
      ],
      columns
    )
  )
}
