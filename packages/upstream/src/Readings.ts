/**
 * The two ways in which an answer comes, and what it means that either is over before it has ended well.
 */
import type { Part } from "@spillway/core"
import { cut, malformed } from "./Meaning.ts"
import { type Asked, type End, failed, type Reading } from "./Wire.ts"

/** Takes the parts of an answer. */
export type Emit = (part: Part.Part) => void

/** An answer in lines: one that is over has been cut. */
export abstract class InLines implements Reading {
  readonly isWhole = false
  protected readonly asked: Asked

  constructor(asked: Asked) {
    this.asked = asked
  }

  abstract read(line: string, emit: Emit): End | undefined

  over(): End {
    return failed(cut(this.asked))
  }

  /** A line that is none of its kind. */
  protected malformed(): End {
    return failed(malformed(this.asked, "a line that is none of its kind"))
  }
}

/** An answer in one piece: one that says nothing is none. */
export abstract class InOnePiece implements Reading {
  readonly isWhole = true
  protected readonly asked: Asked

  constructor(asked: Asked) {
    this.asked = asked
  }

  abstract read(body: string, emit: Emit): End

  over(): End {
    return failed(malformed(this.asked, "another thing than an answer"))
  }
}

/** Reads what has come as one piece line by line. */
export const readLines = (body: string, reading: InLines, emit: Emit): End => {
  for (const line of body.split(/\r?\n/)) {
    const end = line === "" ? undefined : reading.read(line, emit)
    if (end !== undefined) return end
  }
  return reading.over()
}
