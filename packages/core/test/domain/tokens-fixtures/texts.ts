/**
 * Texts to measure the estimate of tokens on: prose in many languages, source code and data, and noise.
 *
 * The declaration of human rights says the same in every language, so scripts can be compared; the sentences are of
 * other matters, so that the table is not fitted to one text alone.
 */
import * as Random from "../../laws/random.ts"
import declaration from "./declaration.json" with { type: "json" }

/** Own sentences, of other matters than the declaration. */
const sentences: Readonly<Record<string, string>> = {
  "an English sentence": "The quick brown fox jumps over the lazy dog, and nobody in the village seems to mind.",
  "an English question":
    "Could you please summarise the attached report in three bullet points and translate the last one?",
  "English instructions":
    "You are a helpful assistant. Answer briefly, name your sources, and say so when you do not know. " +
    "Never make up numbers; if a tool fails, tell the user what went wrong and what they can try next.",
  "English small talk":
    "Hey! I'm running late, sorry... can we move lunch to 1:30? Let me know if that doesn't work for you.",
  "a Spanish sentence":
    "Mañana por la mañana iremos al mercado a comprar verduras frescas para la cena con los vecinos.",
  "a French sentence":
    "Le train de huit heures est encore en retard, alors nous prendrons un café à la gare en attendant.",
  "a German sentence":
    "Der Wetterbericht für das Wochenende verspricht Sonnenschein, aber abends wird es noch ziemlich kühl.",
  "an Italian sentence":
    "Domani sera prepariamo una cena semplice con pasta, pomodori freschi e un po' di basilico del giardino.",
  "a Polish sentence": "Wczoraj wieczorem poszliśmy do kina, ale film był tak nudny, że wyszliśmy przed końcem.",
  "a Turkish sentence": "Yarın sabah erkenden yola çıkacağız, bu yüzden bu akşam bavulları hazırlamamız gerekiyor.",
  "a Russian sentence": "Завтра утром мы поедем на дачу, если не будет дождя и если брат успеет починить машину.",
  "a Chinese sentence": "明天早上我们打算去公园散步，如果天气好的话，中午就在湖边吃饭。",
  "a Japanese sentence": "明日の朝は早く起きて、駅前のパン屋で朝ごはんを買ってから会社に行くつもりです。",
  "a Korean sentence": "내일 아침에는 일찍 일어나서 공원에서 운동을 하고 친구와 함께 점심을 먹을 거예요."
}

const code = `export const retry = async <A>(run: () => Promise<A>, attempts = 3): Promise<A> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run()
    } catch (error) {
      if (attempt >= attempts || !isRetryable(error)) throw error
      await sleep(Math.min(2 ** attempt * 100, 5_000) + Math.random() * 50)
    }
  }
}
`

const python = `def quicksort(items):
    if len(items) <= 1:
        return items
    pivot, rest = items[0], items[1:]
    smaller = [item for item in rest if item < pivot]
    return quicksort(smaller) + [pivot] + quicksort([item for item in rest if item >= pivot])
`

const json = JSON.stringify(
  { model: "llama3.1:8b", options: { num_ctx: 8192, temperature: 0.7 }, messages: [{ role: "user", content: "Hi!" }] },
  null,
  2
)

const table = `| target | slots | p50 | p99 |
| --- | ---: | ---: | ---: |
| gpu1/llama3.1:8b | 4 | 812 ms | 4,310 ms |
| gpu2/qwen2.5:14b | 2 | 1,204 ms | 9,077 ms |
`

/** Prose, by its language. */
export const prose: Readonly<Record<string, string>> = { ...declaration, ...sentences }

/** Source code and data. */
export const sources: Readonly<Record<string, string>> = {
  TypeScript: code,
  Python: python,
  JSON: json,
  "JSON on one line": JSON.stringify(JSON.parse(json)),
  "a Markdown table": table
}

const random = Random.make(7)
const many = (length: number, next: () => string): string => Array.from({ length }, next).join("")
const oneOf = (letters: string) => () => letters.charAt(random.below(letters.length))
const unitsFrom = (from: number, to: number) => () => String.fromCharCode(from + random.below(to - from + 1))
const lower = "abcdefghijklmnopqrstuvwxyz"

/** What is not prose: the most must hold here too, though nobody plans with it. */
export const noise: Readonly<Record<string, string>> = {
  digits: many(500, oneOf("0123456789")),
  numbers: many(500, oneOf("0123456789 ,.\n")),
  "one digit": "5",
  hexadecimal: many(500, oneOf("0123456789abcdef")),
  base64: many(900, oneOf(`${lower}${lower.toUpperCase()}0123456789+/`)),
  "random letters": many(900, oneOf(lower)),
  "random words": many(900, oneOf(`${lower}     `)),
  "random capitals": many(900, oneOf(`${lower.toUpperCase()}    `)),
  "random ASCII": many(900, unitsFrom(32, 126)),
  emoji: "😀 🎉 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇺🇳 ❤️ ✅",
  "random emoji": many(300, () => String.fromCodePoint(0x1f300 + random.below(0x2ff))),
  "box drawing": "┌──────┬──────┐\n│ a    │ b    │\n├──────┼──────┤\n│ 1    │ 2    │\n└──────┴──────┘",
  "long spaces": " ".repeat(3_000),
  "long lines": "\n".repeat(3_000),
  "tabs and lines": "\t\n".repeat(500),
  "spaces at the end": "a ".repeat(200) + "   ",
  "a digit and a space": "1 ",
  "one letter": "b".repeat(500),
  "a rule": "-".repeat(500),
  brackets: "(".repeat(500) + ")".repeat(500),
  "random units, lone surrogates among them": many(500, unitsFrom(0, 0xffff)),
  "control characters": many(100, unitsFrom(0, 31)),
  "a mixture": many(60, () => {
    const texts = [...Object.values(prose), code, json, table]
    return (texts[random.below(texts.length)] ?? "").slice(0, 1 + random.below(30))
  })
}

/** The scripts, by a run of their letters. */
export const scripts: Readonly<Record<string, readonly [first: number, last: number]>> = {
  "Latin capitals": [0x41, 0x5a],
  Latin: [0x61, 0x7a],
  "accented Latin": [0xe0, 0xff],
  "extended Latin": [0x100, 0x17f],
  phonetic: [0x250, 0x2af],
  Vietnamese: [0x1ea0, 0x1ef9],
  Greek: [0x3b1, 0x3c9],
  "Greek capitals": [0x391, 0x3a9],
  Cyrillic: [0x430, 0x44f],
  "Cyrillic capitals": [0x400, 0x42f],
  "extended Cyrillic": [0x450, 0x4ff],
  Armenian: [0x561, 0x586],
  Hebrew: [0x5d0, 0x5ea],
  Arabic: [0x627, 0x64a],
  "extended Arabic": [0x671, 0x6d3],
  Devanagari: [0x905, 0x94d],
  Bengali: [0x985, 0x9cd],
  Gujarati: [0xa85, 0xacd],
  Tamil: [0xb85, 0xbcd],
  Telugu: [0xc05, 0xc4d],
  Malayalam: [0xd05, 0xd4d],
  Sinhala: [0xd85, 0xdca],
  Thai: [0xe01, 0xe3a],
  Lao: [0xe81, 0xeb9],
  Tibetan: [0xf40, 0xf69],
  Burmese: [0x1000, 0x103f],
  Georgian: [0x10d0, 0x10f0],
  Ethiopic: [0x1200, 0x135a],
  Khmer: [0x1780, 0x17b3],
  Punctuation: [0x2010, 0x203a],
  Symbols: [0x2070, 0x2bff],
  Kana: [0x3041, 0x30fa],
  Ideographs: [0x4e00, 0x9fff],
  Hangul: [0xac00, 0xd7a3],
  "Full width": [0xff01, 0xff5e],
  Surrogates: [0xd800, 0xdfff]
}

/** Random letters of a script, spaces among them, of a share that goes from none to half. */
export const mixture = (script: string, spaces: number, seed: number): string => {
  const source = Random.make(seed)
  const [first, last] = scripts[script] ?? [97, 122]
  const letter = () => (source.next() < spaces ? " " : String.fromCharCode(first + source.below(last - first + 1)))
  return Array.from({ length: 400 }, letter).join("")
}
