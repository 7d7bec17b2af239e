/**
 * Which of several goes comes next after one has failed: in their order, and never to what fails together with it.
 *
 * Targets of one failure domain fail together: an upstream and all its models, those that somebody says share
 * something, all cloud models of one Ollama. Only what speaks against the server tells of the others there.
 */
import { Effect, Result, Schema } from "effect"
import type { Facts } from "./Facts.ts"
import { type Failure, table } from "./Failure.ts"
import { makesSense, targetOf } from "./Go.ts"
import * as Target from "./Target.ts"
import type { Verdict } from "./Verdict.ts"

/** The option: which upstreams fail together, as the name of what they share, by theirs; others fail alone. */
export const Domains = Schema.Record(Schema.String, Schema.String).pipe(
  Schema.withDecodingDefaultKey(Effect.succeed({}))
)

/** The goes of one question, and what of them is known to be down. */
export class Steps<G extends object> {
  readonly goes: ReadonlyArray<G>
  private readonly domains: ReadonlyMap<string, string>
  private readonly facts: Facts | undefined
  private readonly down = new Set<string>()
  private last: Failure = table.Unknown

  constructor(goes: ReadonlyArray<G>, domains: ReadonlyMap<string, string>, facts: Facts | undefined) {
    this.goes = goes
    this.domains = domains
    this.facts = facts
  }

  /** That one has failed so. */
  failed(index: number, verdict: Verdict): void {
    this.last = verdict.failure
    const domain = this.domainOf(this.goes[index]!)
    if (domain !== undefined && (verdict.blamesTarget || verdict.failure.class === "busy")) this.down.add(domain)
  }

  /** Which one is asked after that one, if any. */
  after(index: number): number | undefined {
    const next = this.goes.findIndex(
      (each, at) => at > index && !this.isDown(each) && makesSense(each, this.facts, this.last)
    )
    return next < 0 ? undefined : next
  }

  private isDown(go: G): boolean {
    const domain = this.domainOf(go)
    return domain !== undefined && this.down.has(domain)
  }

  private domainOf(go: G): string | undefined {
    const target = Target.parse(targetOf(go) ?? "")
    if (Result.isFailure(target)) return undefined
    const { domain, upstream } = target.success
    // What an Ollama answers from the cloud fails with the cloud, wherever it stands.
    return domain === upstream ? (this.domains.get(upstream) ?? domain) : domain
  }
}
