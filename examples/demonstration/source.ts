/**
 * The source of a scene's guard, read from the scene itself: what is shown is what runs.
 */
import { readFileSync } from "node:fs"

/** The lines of the guard in a file beside this one: from where it is named to the next empty line. */
export const guardIn = (file: string): ReadonlyArray<string> => {
  const lines = readFileSync(new URL(file, import.meta.url), "utf8").split("\n")
  const first = lines.findIndex((line) => /^(?:export )?(?:const guard|class Guard)\b/.test(line))
  const after = lines.indexOf("", first)
  return lines.slice(first, after).map((line) => line.replace(/^export /, ""))
}
