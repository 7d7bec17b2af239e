/**
 * Who waits, and whose turn is next: fair between keys by their weights, urgent ones first, nobody for ever.
 *
 * Among equally urgent ones the turn goes to the key that has had the least for its weight (start-time fair queueing:
 * a key that comes back is not paid for the time in which it wanted nothing). Those of a lower priority who have
 * waited in vain become more urgent with time, for one turn: so a stream of urgent calls overtakes the patient only
 * for so long, and many patient ones do not overtake everybody else. A full line makes room for a newcomer at the cost
 * of the least urgent, or of whoever takes more than his share of it: else one careless key would keep all others out.
 */

/** How much a line holds, and how fast who waits becomes more urgent. */
export interface Bounds {
  readonly max: number
  readonly bytesMax: number
  /** After so many nanoseconds in vain those of one priority are as urgent as those of the next, for one turn. */
  readonly ageing: number
}

/** Someone who waits; a line holds no clock, so that his end is his own affair. */
export interface Waiting {
  readonly key: string
  readonly weight: number
  /** The higher the more urgent. */
  readonly priority: number
  /** How much of its share a turn uses up. */
  readonly cost: number
  readonly bytes: number
  readonly cameAt: number
}

/** Those of one key: what they have had, and who of them waits, for each priority in the order in which they came. */
class Share<W extends Waiting> {
  tag: number
  count = 0
  readonly bands = new Map<number, Array<W>>()

  constructor(tag: number) {
    this.tag = tag
  }
}

/** Those of one priority who may go: the fair one, and since when one of them waits. */
interface Band<W> {
  readonly who: W
  readonly tag: number
  readonly count: number
  readonly oldestAt: number
}

/** Of two whose keys have had as much, the one whose key wants less; of these, whoever came first. */
const fairest = <W extends Waiting>(
  band: Band<W> | undefined,
  who: W,
  { count, tag }: { readonly count: number; readonly tag: number }
): Band<W> => {
  if (band === undefined) return { who, tag, count, oldestAt: who.cameAt }
  const oldestAt = Math.min(band.oldestAt, who.cameAt)
  const isFairer = tag - band.tag || count - band.count || who.cameAt - band.who.cameAt
  return isFairer < 0 ? { who, tag, count, oldestAt } : { ...band, oldestAt }
}

/** One who waits, with what his key will have had by his turn, and how much it will still want. */
interface Entry<W> {
  readonly who: W
  readonly tag: number
  readonly count: number
}

const compare = (one: Entry<Waiting>, other: Entry<Waiting>): number =>
  one.tag - other.tag || one.count - other.count || one.who.cameAt - other.who.cameAt

const costOf = (band: ReadonlyArray<Waiting>): number => band.reduce((sum, { cost, weight }) => sum + cost / weight, 0)

const nobody = { cost: 0, count: 0 }

/** What those of a key who are more urgent will have cost it, and how many they are. */
const aheadOf = ({ bands }: Share<Waiting>, priority: number): { readonly cost: number; readonly count: number } => {
  if (bands.size === 0 || (bands.size === 1 && bands.has(priority))) return nobody
  let cost = 0
  let count = 0
  for (const [each, band] of bands) {
    if (each <= priority) continue
    cost += costOf(band)
    count += band.length
  }
  return { cost, count }
}

/** The line. */
export class Line<W extends Waiting> {
  private readonly bounds: Bounds
  private readonly shares = new Map<string, Share<W>>()
  /** When one of each priority was last let go. */
  private readonly servedAt = new Map<number, number>()
  /** What whoever of each priority was last to go had had by then. */
  private readonly virtual = new Map<number, number>()
  private count = 0
  private held = 0

  constructor(bounds: Bounds) {
    this.bounds = bounds
  }

  /** How many wait, and how many bytes they hold. */
  get size(): number {
    return this.count
  }

  get bytes(): number {
    return this.held
  }

  /** How many of a key wait. */
  countOf(key: string): number {
    return this.shares.get(key)?.count ?? 0
  }

  /** Takes him in, and tells who has to go for it; nothing where there is no room for him. */
  enter(newcomer: W): ReadonlyArray<W> | undefined {
    const victims = this.victimsFor(newcomer)
    if (victims === undefined) return undefined
    for (const victim of victims) this.leave(victim)
    const share = this.shareOf(newcomer)
    const band = share.bands.get(newcomer.priority)
    if (band === undefined) share.bands.set(newcomer.priority, [newcomer])
    else band.push(newcomer)
    share.count++
    this.count++
    this.held += newcomer.bytes
    return victims
  }

  /** Lets him go, whoever he is; whether he was there. */
  leave(who: W): boolean {
    const share = this.shares.get(who.key)
    const band = share?.bands.get(who.priority)
    const place = band?.indexOf(who) ?? -1
    if (share === undefined || band === undefined || place < 0) return false
    band.splice(place, 1)
    if (band.length === 0) share.bands.delete(who.priority)
    share.count--
    this.count--
    this.held -= who.bytes
    if (this.count === 0) this.rest()
    else if (share.count === 0 && share.tag <= Math.min(...this.virtual.values())) this.shares.delete(who.key)
    return true
  }

  /** Whose turn it is, of those whose key may go; he is let go, and his share charged. */
  next(now: number, mayGo: (key: string) => boolean, fits: (who: W) => boolean = always): W | undefined {
    const who = this.first(now, mayGo, undefined, fits)
    if (who === undefined) return undefined
    const share = this.shares.get(who.key)!
    this.virtual.set(who.priority, Math.max(this.virtual.get(who.priority) ?? 0, share.tag))
    this.servedAt.set(who.priority, now)
    share.tag += who.cost / who.weight
    this.leave(who)
    return who
  }

  /** How many would go before whoever came now, if nobody else came or left; nothing where there is no room for him. */
  before(newcomer: W, now: number): number | undefined {
    const victims = this.victimsFor(newcomer)
    if (victims === undefined) return undefined
    const known = this.shares.get(newcomer.key)
    const own = known === undefined ? nobody : aheadOf(known, newcomer.priority)
    const inBand = known?.bands.get(newcomer.priority) ?? []
    const tag = this.tagOf(known, newcomer.priority) + own.cost + costOf(inBand)
    const entry = { who: newcomer, tag, count: 1 + (known?.count ?? 0) - own.count - inBand.length }
    let before = 0
    for (const priority of this.priorities()) {
      if (priority < newcomer.priority) continue
      this.each(priority, (each) => {
        if (victims.includes(each.who)) return
        if (priority > newcomer.priority || each.who.key === newcomer.key || compare(each, entry) <= 0) before++
      })
    }
    // Of those below him one may have become as urgent with age.
    const first = this.first(now, always, newcomer)
    return first !== undefined && first.priority < newcomer.priority ? before + 1 : before
  }

  /** All of them in the order in which they would go, if nobody came, left or grew older. */
  order(now: number): ReadonlyArray<W> {
    const first = this.first(now, always)
    if (first === undefined) return []
    const rest = this.priorities().flatMap((priority) => {
      const entries: Array<Entry<W>> = []
      this.each(priority, (entry) => entries.push(entry))
      return entries.toSorted(compare).map(({ who }) => who)
    })
    return [first, ...rest.filter((who) => who !== first)]
  }

  /** The priorities of those who wait, the most urgent first. */
  private priorities(): ReadonlyArray<number> {
    const found = new Set<number>()
    for (const { bands } of this.shares.values()) for (const priority of bands.keys()) found.add(priority)
    return [...found].toSorted((one, other) => other - one)
  }

  /** Each of a priority, with what his key will have had by his turn, and how much it will still want. */
  private each(priority: number, visit: (entry: Entry<W>) => void): void {
    for (const share of this.shares.values()) {
      const band = share.bands.get(priority)
      if (band === undefined) continue
      const ahead = aheadOf(share, priority)
      let tag = share.tag + ahead.cost
      let count = share.count - ahead.count
      for (const who of band) {
        visit({ who, tag, count })
        tag += who.cost / who.weight
        count--
      }
    }
  }

  /** Of each priority the fair one, and of these the most urgent; of equals who has waited in vain for longer. */
  private first(
    now: number,
    mayGo: (key: string) => boolean,
    newcomer?: W,
    fits: (who: W) => boolean = always
  ): W | undefined {
    const bands = new Map<number, Band<W>>()
    for (const [key, share] of this.shares) {
      if (share.count === 0 || !mayGo(key)) continue
      for (const [priority, band] of share.bands) {
        const who = fits === always ? band[0] : band.find(fits)
        if (who !== undefined) bands.set(priority, fairest(bands.get(priority), who, share))
      }
    }
    if (newcomer !== undefined && !bands.has(newcomer.priority)) {
      bands.set(newcomer.priority, fairest(undefined, newcomer, { tag: 0, count: 1 }))
    }
    let best: W | undefined
    let bestUrgency = -Infinity
    let longest = -Infinity
    for (const [priority, { oldestAt, who }] of bands) {
      const inVain = now - Math.max(oldestAt, this.servedAt.get(priority) ?? -Infinity)
      const urgency = priority + Math.floor(inVain / this.bounds.ageing)
      if (urgency < bestUrgency || (urgency === bestUrgency && inVain <= longest)) continue
      best = who
      bestUrgency = urgency
      longest = inVain
    }
    return best
  }

  private shareOf({ key, priority }: W): Share<W> {
    const known = this.shares.get(key)
    const tag = this.tagOf(known, priority)
    if (known !== undefined) {
      known.tag = tag
      return known
    }
    this.forget()
    const share = new Share<W>(tag)
    this.shares.set(key, share)
    return share
  }

  /**
   * What a key has had that begins to wait: as much as whoever of that priority was last to go, for it has not saved
   * anything. What urgent ones have cost has nothing to do with those who do not take turns with them.
   */
  private tagOf(known: Share<W> | undefined, priority: number): number {
    if (known !== undefined && known.count > 0) return known.tag
    return Math.max(known?.tag ?? 0, this.virtual.get(priority) ?? 0)
  }

  /** Keys come from callers: of those who do not wait only so many are remembered. */
  private forget(): void {
    if (this.shares.size < 2 * this.count + sharesMin) return
    for (const [key, { count }] of this.shares) if (count === 0) this.shares.delete(key)
  }

  /** Nobody waits: what everybody has had is forgotten. */
  private rest(): void {
    this.shares.clear()
    this.servedAt.clear()
    this.virtual.clear()
  }

  /** Who has to go so that the newcomer has room: none, some, or nothing where he is the one who has to. */
  private victimsFor(newcomer: W): ReadonlyArray<W> | undefined {
    const { bytesMax, max } = this.bounds
    if (max < 1 || newcomer.bytes > bytesMax) return undefined
    const victims: Array<W> = []
    let count = this.count + 1
    let bytes = this.held + newcomer.bytes
    while (count > max || bytes > bytesMax) {
      const victim = this.victim(newcomer, victims)
      if (victim === undefined) return undefined
      victims.push(victim)
      count--
      bytes -= victim.bytes
    }
    return victims
  }

  /** The newest of the least urgent, from the key that holds most of the line for its weight. */
  private victim(newcomer: W, gone: ReadonlyArray<W>): W | undefined {
    const waits = (key: string): number =>
      (this.shares.get(key)?.count ?? 0) - gone.filter((each) => each.key === key).length
    let victim: W | undefined
    let held = 0
    for (const [key, { bands }] of this.shares) {
      for (const [priority, band] of bands) {
        const newest = band.findLast((each) => !gone.includes(each))
        if (newest === undefined || priority > newcomer.priority) continue
        const holds = waits(key) / newest.weight
        // Among equals he has to have less than whoever goes for him, or they would push each other out for ever.
        const own = (waits(newcomer.key) + 1) / newcomer.weight
        if (priority === newcomer.priority && (key === newcomer.key || holds <= own)) continue
        if (victim !== undefined && (priority > victim.priority || (priority === victim.priority && holds <= held)))
          continue
        victim = newest
        held = holds
      }
    }
    return victim
  }
}

/** So many keys are remembered in any case. */
const sharesMin = 128

const always = (): boolean => true
