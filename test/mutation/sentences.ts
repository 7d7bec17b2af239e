/**
 * Keeps Stryker from mutating sentences: what is said to a person may change without any behaviour changing.
 *
 * A sentence is a text with two words in it. Texts of one word are tags, units and codes that programs read, and those
 * are mutated; so is a template in which something is decided.
 */
import { declareValuePlugin, PluginKind } from "@stryker-mutator/api/plugin"

/** As much of a Babel node as is looked at here; Stryker's own type of it is empty. */
interface Node {
  readonly type: string
  readonly value?: unknown
  readonly quasis?: ReadonlyArray<{ readonly value: { readonly raw: string } }>
  readonly expressions?: ReadonlyArray<Node>
}

const isSentence = (text: string): boolean => /[a-z}][,:;]? [a-z$]/i.test(text)

const isName = ({ type }: Node): boolean => type === "Identifier" || type === "MemberExpression"

const sentences = {
  shouldIgnore(path: object): string | undefined {
    const { expressions = [], quasis, type, value } = (path as { readonly node: Node }).node
    if (type !== "StringLiteral" && type !== "TemplateLiteral") return undefined
    const text = quasis?.map((each) => each.value.raw).join("${}") ?? String(value)
    return isSentence(text) && expressions.every(isName) ? "a sentence" : undefined
  }
}

/** What Stryker looks for in a plugin. */
export const strykerPlugins = [declareValuePlugin(PluginKind.Ignore, "sentences", sentences)]
