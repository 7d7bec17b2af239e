/**
 * Cuts bytes into lines, whatever pieces they come in: inside a character, inside a line, many lines at once.
 *
 * A line has a bound, since a server that never ends one would otherwise be kept in memory whole. Who takes lines may
 * have none left to take for a while: what has come is kept until he asks for more.
 */
import { StringDecoder } from "node:string_decoder"

/** Takes bytes, gives lines. */
export class Lines {
  /** There is one as soon as a piece has ended inside a character: few ever do, and one costs a buffer of its own. */
  private decoder: StringDecoder | undefined
  private readonly lengthMax: number
  /** What came last, and how far it has been cut. */
  private text = ""
  private from = 0
  /** The beginning of a line whose end has not come yet. */
  private pieces: Array<string> = []
  private length = 0

  constructor(lengthMax: number) {
    this.lengthMax = lengthMax
  }

  /** Takes what has come. */
  push(chunk: Buffer): void {
    this.text = this.text.slice(this.from) + this.decoded(chunk)
    this.from = 0
  }

  /** The next line that is whole, without its end; nothing where none is, or where one has become too long. */
  next(): string | undefined {
    const end = this.text.indexOf("\n", this.from)
    if (end < 0) {
      if (this.from < this.text.length) this.keep(this.text.slice(this.from))
      this.text = ""
      this.from = 0
      return undefined
    }
    if (this.length + end - this.from > this.lengthMax) {
      this.length = Infinity
      return undefined
    }
    const line = this.text.slice(this.from, end)
    this.from = end + 1
    return this.whole(line)
  }

  /** What stands behind the last line that was whole, once no more comes. */
  rest(): string {
    const line = this.whole(this.text.slice(this.from) + (this.decoder?.end() ?? ""))
    this.text = ""
    this.from = 0
    return line
  }

  /** Whether what has come of a line is longer than a line may be. */
  get isTooLong(): boolean {
    return this.length > this.lengthMax
  }

  private decoded(chunk: Buffer): string {
    const isWhole = chunk[chunk.length - 1]! < 0x80
    if (this.decoder === undefined && isWhole) return ofWholes.write(chunk)
    return (this.decoder ??= new StringDecoder("utf8")).write(chunk)
  }

  private whole(end: string): string {
    let line = end
    if (this.length > 0) {
      line = this.pieces.join("") + end
      this.pieces = []
      this.length = 0
    }
    return line.endsWith("\r") ? line.slice(0, -1) : line
  }

  private keep(piece: string): void {
    this.length += piece.length
    // What is too long already is not kept: all that will be said of it is that it is.
    if (this.isTooLong) this.pieces = []
    else this.pieces.push(piece)
  }
}

/** Decodes what ends in ASCII, behind which no character is open: so it remembers nothing, and all may share it. */
const ofWholes = new StringDecoder("utf8")
