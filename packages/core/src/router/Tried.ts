/**
 * Where a call need not be sent: where it has failed, and where what it asks cannot be carried.
 *
 * What failed by the server's fault has failed with all that fails together with it; what failed by the question's,
 * only at that target.
 */
import type { Facts } from "../domain/Facts.ts"
import type { Question } from "../domain/Question.ts"
import * as Verdict from "../domain/Verdict.ts"
import type { Member } from "./Member.ts"

/** What one call has tried. */
export class Tried {
  private readonly targets: ReadonlySet<string>
  private readonly domains: ReadonlySet<string>
  /** What it asks. */
  readonly question: Question | undefined

  private constructor(targets: ReadonlySet<string>, domains: ReadonlySet<string>, question: Question | undefined) {
    this.targets = targets
    this.domains = domains
    this.question = question
  }

  /** A question that was nowhere yet. */
  static asking(question: Question | undefined): Tried {
    return new Tried(none, none, question)
  }

  /** What this call has tried; `domainOf` knows what fails together. */
  static by(facts: Facts | undefined, domainOf: (target: string) => string): Tried {
    const attempts = facts?.call.attempts ?? []
    if (attempts.length === 0) return Tried.asking(facts?.call.question)
    const [targets, domains] = [new Set<string>(), new Set<string>()]
    for (const { exit, lost, target } of attempts) {
      if (target === undefined || (!lost && exit?._tag === "Success")) continue
      const verdict = exit?._tag === "Failure" ? Verdict.ofCause(exit.cause, undefined) : undefined
      const isOfServer = lost || verdict?.blamesTarget === true || verdict?.failure.class === "busy"
      if (isOfServer) domains.add(domainOf(target))
      else targets.add(target)
    }
    return new Tried(targets, domains, facts?.call.question)
  }

  /** The same, as if it had been nowhere. */
  get anew(): Tried {
    return Tried.asking(this.question)
  }

  get isNowhere(): boolean {
    return this.targets === none
  }

  /** Whether it need not be sent there. */
  has(member: Member): boolean {
    return (
      this.targets.has(member.target.id) ||
      this.domains.has(member.target.domain) ||
      (this.question !== undefined && !member.can(this.question))
    )
  }
}

const none: ReadonlySet<string> = new Set()
