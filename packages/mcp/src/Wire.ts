/**
 * What the core tells, as it goes over the wire: the same names in snake case, spans as milliseconds, nothing that is
 * not known.
 */
import { Duration } from "effect"

/** As it is sent. A span of time says by its name that it is one of milliseconds. */
export const told = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(told)
  if (!(value instanceof Object)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, each]) => {
      if (each === undefined) return []
      return Duration.isDuration(each) ? [[`${snake(key)}_ms`, millis(each)]] : [[snake(key), told(each)]]
    })
  )
}

/** No name of a model is longer: they come from servers and from callers. */
export const nameMax = 256

/** How many bytes a text takes in JSON. */
export const bytesOf = (text: string): number => Buffer.byteLength(JSON.stringify(text)) - 2

/** The beginning of a text that takes so many bytes in JSON at most, and no half of a character. */
export const cut = (text: string, bytesMax: number): string => {
  let kept = text
  for (let bytes = bytesOf(kept); bytes > bytesMax; bytes = bytesOf(kept)) {
    const end = Math.min(Math.floor((kept.length * bytesMax) / bytes), kept.length - 1)
    kept = kept.slice(0, /[\uD800-\uDBFF]/.test(kept[end - 1] ?? "") ? end - 1 : end)
  }
  return kept
}

/** Whole milliseconds, rounded up: whoever comes back then is not too early. */
export const millis = (span: Duration.Duration): number => Math.ceil(Duration.toMillis(span))

const snake = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
