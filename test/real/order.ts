/**
 * Puts the fields of JSON in order without touching anything else of it.
 *
 * The order of fields is the one thing in which two servers may differ, and escapes are not: so a text is put in order
 * as text, and never read and written anew.
 */

/** A text with every JSON object in it put in order; what is no JSON stays as it is. */
export const ordered = (text: string): string =>
  text
    .split("\n")
    .map((line) => {
      const [, before = "", json = ""] = /^((?:data: )?)(\{.*\})$/.exec(line) ?? []
      return json === "" ? line : before + (new Reader(json).whole() ?? json)
    })
    .join("\n")

class Reader {
  private readonly text: string
  private at = 0

  constructor(text: string) {
    this.text = text
  }

  /** All of it in order; nothing where it is not one value. */
  whole(): string | undefined {
    const value = this.value()
    return this.at === this.text.length ? value : undefined
  }

  private value(): string | undefined {
    const first = this.text[this.at]
    if (first === "{") return this.members("}", (members) => members.toSorted())
    if (first === "[") return this.members("]", (members) => members)
    return this.take(first === '"' ? string : /[^,\]}]+/y)
  }

  /** What stands between brackets, member by member. */
  private members(
    close: string,
    arranged: (members: ReadonlyArray<string>) => ReadonlyArray<string>
  ): string | undefined {
    const open = this.text[this.at++]!
    const members: Array<string> = []
    while (this.text[this.at] !== close) {
      if (members.length > 0 && this.take(/,/y) === undefined) return undefined
      const name = close === "}" ? this.take(named) : ""
      const value = this.value()
      if (name === undefined || value === undefined) return undefined
      members.push(name + value)
    }
    this.at++
    return open + arranged(members).join(",") + close
  }

  private take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at
    const [found] = pattern.exec(this.text) ?? []
    this.at += found?.length ?? 0
    return found
  }
}

const string = /"(?:[^"\\]|\\.)*"/y
const named = /"(?:[^"\\]|\\.)*":/y
