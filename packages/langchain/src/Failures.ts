/**
 * What the errors of LangChain's models mean: the one place that knows their fields and their sentences.
 *
 * Each package throws in its own way. A status, a code and a sentence are looked for wherever they have been seen, and
 * a table says what they mean together: the first row that fits. What no row names counts as a connection that broke,
 * since a model is somebody else's thing and another may do better; but for what is plainly the program's own, which is
 * `Unknown` and tried nowhere else. What was thrown is its hidden cause, since it may quote what was asked.
 */
import { type Attempt, type Question, type Reason, RetryAfter, SpillwayError, Target } from "@spillway/core"
import { Duration, Redacted } from "effect"
import { type Fields, fieldsOf, numberOf, textOf } from "./Fields.ts"

/** What was asked of whom, and what is known beside what was thrown. */
export interface About {
  readonly question: Question.Question
  readonly attempt: Attempt.Attempt
  readonly nowMillis: number
  /** What the server said, where its client does not tell. */
  readonly seen?: Seen | undefined
}

/** How a server has refused. */
export interface Seen {
  readonly status: number
  readonly headers: Headers
}

/** What was thrown, in our words. */
interface Said {
  readonly status: number | undefined
  readonly code: string | undefined
  readonly sentence: string
  readonly target: string
  readonly parts: number
  readonly question: Question.Question
  readonly retryAfter: Duration.Duration | undefined
}

/** The error that something thrown is. */
export const errorOf = (thrown: unknown, about: About): SpillwayError => {
  if (thrown instanceof SpillwayError) return thrown
  const said = saidBy(thrown, about)
  const row = rows.find(
    ({ codes, says, statuses }) =>
      (statuses === undefined || statuses.includes(said.status ?? 0)) &&
      (codes === undefined || codes.test(said.code ?? "")) &&
      (says === undefined || says.test(said.sentence))
  )
  const reason = (row?.means ?? cut)(said)
  const { parts, target } = said
  // What would pass by itself before an answer has lost it in its midst.
  const lost: Reason = parts > 0 && passing.has(reason._tag) ? { _tag: "RunnerDied", target, parts } : reason
  return new SpillwayError({ reason: lost, cause: Redacted.make(thrown, { label: "what the model threw" }) })
}

const passing: ReadonlySet<Reason["_tag"]> = new Set(["Overloaded", "UpstreamRateLimited", "Unreachable"])

/** So deep are causes looked into, and so much of a sentence is read. */
const causesMax = 5
const sentenceMax = 2_000

const saidBy = (thrown: unknown, { attempt, nowMillis, question, seen }: About): Said => {
  const causes: Array<Fields> = []
  for (
    let cause = fieldsOf(thrown);
    cause !== undefined && causes.length < causesMax;
    cause = fieldsOf(cause["cause"])
  ) {
    causes.push(cause)
  }
  const first = <A>(read: (cause: Fields) => A | undefined): A | undefined => {
    for (const cause of causes) {
      const found = read(cause)
      if (found !== undefined) return found
    }
    return undefined
  }
  const code = first((cause) => textOf(cause["code"])) ?? textOf(causes[0]?.["name"])
  const [outer] = causes
  const words = [outer?.["name"], outer?.["lc_error_code"], code, outer?.["type"], outer?.["message"] ?? thrown]
  const status = first(statusIn) ?? seen?.status ?? statusSaidIn(outer?.["message"])
  return {
    status,
    code,
    sentence: words
      .filter((word) => typeof word === "string")
      .join(" ")
      .slice(0, sentenceMax),
    target: attempt.target ?? question.model,
    parts: attempt.parts,
    question,
    retryAfter: first((cause) => waitIn(cause, nowMillis)) ?? headerIn(seen?.headers, nowMillis)
  }
}

const statusIn = ({ $metadata: told, code, response, status, statusCode, status_code }: Fields): number | undefined => {
  const inside = [fieldsOf(response)?.["status"], fieldsOf(told)?.["httpStatusCode"]]
  const all = [status, statusCode, status_code, ...inside, code].map(numberOf)
  return all.find((number) => number !== undefined && number >= 300 && number < 600)
}

/** A status that stands only in words, as Google has it: `[503 Service Unavailable]`. */
const statusSaidIn = (message: unknown): number | undefined => {
  const said = /\[([45]\d\d) [A-Z]/.exec(textOf(message)?.slice(0, sentenceMax) ?? "")?.[1]
  return said === undefined ? undefined : Number(said)
}

const waitIn = ({ headers, response, retryAfterMs }: Fields, nowMillis: number): Duration.Duration | undefined => {
  const millis = numberOf(retryAfterMs)
  if (millis !== undefined && millis >= 0) return Duration.min(Duration.millis(millis), RetryAfter.longest)
  return headerIn(headers, nowMillis) ?? headerIn(fieldsOf(response)?.["headers"], nowMillis)
}

const headerIn = (headers: unknown, nowMillis: number): Duration.Duration | undefined => {
  const read = (name: string): unknown => (headers instanceof Headers ? headers.get(name) : fieldsOf(headers)?.[name])
  return RetryAfter.parseMillis(read("retry-after-ms")) ?? RetryAfter.parse(read("retry-after"), nowMillis)
}

/** What a status, a code and words mean together; where one is missing, any will do. */
interface Row {
  readonly statuses?: ReadonlyArray<number>
  readonly codes?: RegExp
  readonly says?: RegExp
  readonly means: (said: Said) => Reason
}

const waiting = ({ retryAfter }: Said) => (retryAfter === undefined ? {} : { retryAfter })

const cut = ({ parts, target }: Said): Reason => ({ _tag: "Cut", target, parts })
const died = ({ parts, target }: Said): Reason => ({ _tag: "RunnerDied", target, parts })
const malformed = ({ parts, target }: Said): Reason => ({ _tag: "Malformed", target, parts })
const unknown = ({ target }: Said): Reason => ({ _tag: "Unknown", target })
const overloaded = (said: Said): Reason => ({ _tag: "Overloaded", target: said.target, ...waiting(said) })
const quotaSpent = (said: Said): Reason => ({ _tag: "QuotaSpent", target: said.target, ...waiting(said) })
const notFound = ({ question, target }: Said): Reason => ({ _tag: "ModelNotFound", model: question.model, target })

const unreachable = ({ code, parts, target }: Said): Reason => ({
  _tag: "Unreachable",
  target,
  parts,
  problem:
    problems[code ?? ""] ?? (certificates.test(code ?? "") ? "nobody vouches for it" : code) ?? "the connection broke"
})

/** In words, where a code says too little. */
const problems: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ENOTFOUND: "there is no such name",
  EAI_AGAIN: "the name cannot be looked up now",
  EHOSTUNREACH: "there is no way there",
  ENETUNREACH: "there is no way there",
  ENETDOWN: "this machine has no network",
  EADDRNOTAVAIL: "this machine has no address or port left",
  EMFILE: "this program has too many files open",
  ENFILE: "this machine has too many files open",
  UND_ERR_CONNECT_TIMEOUT: "nobody answered"
}

/** How a certificate is refused. */
const certificates = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|^ERR_TLS_/

/** What asks for longer than this is no limit of a rate. */
const quotaFrom = Duration.minutes(15)

const limited = (said: Said): Reason =>
  said.retryAfter !== undefined && Duration.isGreaterThanOrEqualTo(said.retryAfter, quotaFrom)
    ? quotaSpent(said)
    : { _tag: "UpstreamRateLimited", target: said.target, ...waiting(said) }

const tooLong = ({ question, target }: Said): Reason => ({
  _tag: "ContextTooLong",
  tokens: question.prompt.likely,
  target
})

const unauthorized = ({ status, target }: Said): Reason => ({
  _tag: "UpstreamUnauthorized",
  target,
  ...(status === 403 && { problem: "does not let us" })
})

const unsupported = ({ question, sentence, target }: Said): Reason => {
  const said = Target.withoutModel(sentence, question.model)
  const capability = capabilities.find(([words]) => words.test(said))?.[1] ?? "what was asked"
  return { _tag: "Unsupported", capability, target }
}

const capabilities: ReadonlyArray<readonly [words: RegExp, name: string]> = [
  [/tool/i, "tools"],
  [/image|vision|multimodal/i, "images"],
  [/think|reason/i, "thinking"],
  [/format|schema|json/i, "that format"],
  [/content type/i, "what is no text"]
]

const badRequest = (): Reason => ({
  _tag: "BadRequest",
  field: "The question",
  read: "refused by its server"
})

const mistakes = [400, 404, 422]
const anything = [0, 200, 400, 500]
const ofServers = Array.from({ length: 100 }, (_, at) => 500 + at)
const untold = [0, 200]

/** A tool or a message that is not found is no model. */
const noModel =
  /\bmodels?[ /]['"`]?[^\s'"`]+['"`]? (was |is )?not found|\bmodel\b.{0,200}\bnot exist|model_not_found|no such model/i

/** In order: the first that fits is what it means. */
const rows: ReadonlyArray<Row> = [
  {
    codes:
      /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT)$/,
    means: unreachable
  },
  { codes: certificates, means: unreachable },
  { codes: /^ERR_SSL_|^E[MN]FILE$|^EPROTO$/, means: unreachable },
  { says: /ContextOverflowError/, means: tooLong },
  {
    statuses: [402, 403, 429],
    says: /insufficient.{0,20}(quota|balance|credit)|exceeded your current quota|usage limit|per[-_ ]?day/i,
    means: (said) => (said.retryAfter === undefined ? quotaSpent(said) : limited(said))
  },
  {
    statuses: [400, 403, 422],
    says: /content_(filter|policy)|moderation|flagged/i,
    means: ({ target }) => ({ _tag: "ContentRefused", target })
  },
  { statuses: [400], says: /api[ _]key.{0,20}(not valid|invalid)|invalid.{0,20}api[ _]key/i, means: unauthorized },
  { statuses: [401, 403], means: unauthorized },
  { statuses: [402], means: quotaSpent },
  { statuses: [429], means: limited },
  { says: /RateLimitCapacityError|ThrottlingException|TooManyRequestsException/, means: limited },
  { statuses: untold, says: /rate_limit_(exceeded|error)|RESOURCE_EXHAUSTED/, means: limited },
  { statuses: untold, says: /insufficient_quota|ServiceQuotaExceededException/, means: quotaSpent },
  { statuses: [503, 529], means: overloaded },
  { statuses: [502, 520, 521, 523, 525, 526, 530], means: unreachable },
  { statuses: [408, 499, 504, 522, 524], means: cut },
  { says: /Did not receive done or success response/, means: cut },
  {
    statuses: [...anything, 413, 422],
    says: /context[_ ]length|context size|exceeds? the (available )?context|prompt is too long/i,
    means: tooLong
  },
  { statuses: mistakes, says: noModel, means: notFound },
  {
    statuses: anything,
    says: /out of memory|cudaMalloc|not enough memory/i,
    means: ({ target }) => ({ _tag: "OutOfMemory", target })
  },
  {
    statuses: anything,
    says: /requires more system memory|unable to load|failed to load|process has terminated/i,
    means: ({ target }) => ({ _tag: "LoadFailed", target })
  },
  {
    statuses: anything,
    says: /unexpected EOF|unexpectedly stopped|no longer running|: EOF$|error was encountered/i,
    means: died
  },
  {
    statuses: [...anything, 422, 501],
    says: /(does|is|are)(n't| not) support(ed)?|unsupported|no multimodal/i,
    means: unsupported
  },
  { statuses: [0, 200, 500], says: /overloaded|server busy|no slots available/i, means: overloaded },
  {
    statuses: untold,
    says: /server_error|\bapi_error\b|internal_error|(InternalServer|ServiceUnavailable)Exception/,
    means: overloaded
  },
  { statuses: untold, says: /Model(NotReady|StreamError|Error)Exception/, means: overloaded },
  { statuses: untold, says: /ModelTimeoutException/, means: cut },
  {
    statuses: [404],
    means: ({ target }) => ({ _tag: "Unsupported", capability: "questions at its address (404)", target })
  },
  { statuses: [400, 405, 409, 413, 415, 422], means: badRequest },
  { statuses: ofServers, means: overloaded },
  // A client that could not read what came, and one whose connection or patience broke when it was under way.
  { codes: /^SyntaxError$|^HPE_/, means: malformed },
  {
    codes:
      /^(ECONNRESET|EPIPE|ETIMEDOUT|ECONNABORTED|UND_ERR_|ERR_STREAM_|AbortError$|TimeoutError$|APIUserAbortError$)/,
    means: cut
  },
  { says: /\b(fetch failed|terminated)$|Connection error|Request timed out|Premature close/, means: cut },
  // Mistakes of a program, what ends a run of a graph, and what was answered in another shape: no model does better.
  { codes: /^(TypeError|ReferenceError|RangeError|NodeInterrupt|ParentCommand|Graph\w+)$/, means: unknown },
  { says: /OUTPUT_PARSING_FAILURE|OutputParserException/, means: unknown }
]
