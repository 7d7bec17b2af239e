/**
 * How Ollama Cloud fails, as its callers have reported it: a table for whoever wants to show or to replay it.
 *
 * Two failures share the status 429, and only the text tells the one that lasts for hours from the one that passes with
 * the next answer. None has a `Retry-After`.
 */

/** A failure of Ollama Cloud. */
export interface Failure {
  readonly name: string
  readonly status: number
  readonly says: string
  readonly contentType: "application/json" | "text/plain; charset=utf-8" | "text/html; charset=UTF-8"
  readonly body: string
  /** Whether it passes: soon, with fewer requests under way, once more at most, in hours, or never by itself. */
  readonly passes: "soon" | "with-fewer" | "once" | "in-hours" | "never"
}

const json = (error: string, more: Readonly<Record<string, string>> = {}) => ({
  contentType: "application/json" as const,
  body: JSON.stringify({ error, ...more })
})

const plain = (body: string) => ({ contentType: "text/plain; charset=utf-8" as const, body })

const reference = "(ref: 00000000-0000-4000-8000-000000000000)"
const upgrade = "https://ollama.com/upgrade"

/** Every failure that is known. */
export const failures: ReadonlyArray<Failure> = [
  {
    name: "cloud-overloaded",
    status: 503,
    says: "Too many ask at once.",
    ...json(`Server overloaded, please retry shortly ${reference}`),
    passes: "soon"
  },
  {
    name: "cloud-unavailable",
    status: 503,
    says: "What stands in front has nobody to ask, and says so as text.",
    ...plain("Service Temporarily Unavailable"),
    passes: "soon"
  },
  {
    name: "cloud-unavailable-html",
    status: 503,
    says: "The same as a page.",
    contentType: "text/html; charset=UTF-8",
    body: "<html><head><title>503 Service Temporarily Unavailable</title></head><body></body></html>\n",
    passes: "soon"
  },
  {
    name: "cloud-slot",
    status: 429,
    says: "The plan allows fewer requests at once, and none ended in time.",
    ...json("timed out waiting for a concurrent request slot"),
    passes: "with-fewer"
  },
  {
    name: "cloud-session-limit",
    status: 429,
    says: "What the plan allows in some hours is used up.",
    ...json(`you (user) have reached your session usage limit, upgrade for higher limits: ${upgrade}`),
    passes: "in-hours"
  },
  {
    name: "cloud-weekly-limit",
    status: 429,
    says: "What the plan allows in a week is used up.",
    ...json("you've reached your weekly usage limit, please wait or upgrade to continue"),
    passes: "in-hours"
  },
  {
    name: "cloud-subscription",
    status: 403,
    says: "The model is not in the plan.",
    ...json(`this model requires a subscription, upgrade for access: ${upgrade} ${reference}`),
    passes: "never"
  },
  {
    name: "cloud-disabled",
    status: 403,
    says: "The local daemon was told to keep away from the cloud.",
    ...json("ollama cloud is disabled: remote model is unavailable"),
    passes: "never"
  },
  {
    name: "cloud-unauthorized",
    status: 401,
    says: "Nobody has signed in.",
    ...json("unauthorized", { signin_url: "https://ollama.com/connect?name=sim&key=sim" }),
    passes: "never"
  },
  {
    name: "cloud-transport",
    status: 502,
    says: "The local daemon lost the cloud on the way.",
    ...json('Post "https://ollama.com:443/api/chat?ts=0": unexpected EOF'),
    passes: "soon"
  },
  {
    name: "cloud-eof",
    status: 400,
    says: "A request that is right is now and then called wrong.",
    ...json("unexpected EOF"),
    passes: "once"
  },
  {
    name: "cloud-internal",
    status: 500,
    says: "It broke, and says so as text.",
    ...plain("Internal Server Error"),
    passes: "soon"
  }
]
