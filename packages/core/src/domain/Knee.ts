/**
 * How many calls at once a server is worth, found by trying.
 *
 * Up to its knee a server does more the more it is given; past it each call only waits for the others. So another
 * number is tried in turns with the known one, windows of the same traffic side by side: long answers and slow hours
 * are seen by both, and mistaken for nothing. It is tried until the difference is beyond chance. After a try in vain
 * the next one comes later, unless a server does suddenly less than it did, or more.
 *
 * What counts is what is done in the time in which all places are in use: of calls that ran beside free ones nothing is
 * learned, so that where callers do not fill the places their number stays as it is.
 */

/** Numbers that came, their mean, and how far it may be off by chance. */
class Mean {
  count = 0
  value = 0
  private squares = 0

  add(value: number): void {
    const off = value - this.value
    this.value += off / ++this.count
    this.squares += off * (value - this.value)
  }

  /** Its standard error. */
  get doubt(): number {
    return this.count < 2 ? Infinity : Math.sqrt(this.squares / (this.count - 1) / this.count)
  }
}

/** Another number that is tried: how much more it did than it has to, in each pair of windows. */
interface Try {
  readonly places: number
  /** Whether the server made it seem right by doing less, or more, than it did. */
  readonly isTold: boolean
  readonly gains: Mean
  /** What the first window of a pair came to, while the second is under way. */
  first: number | undefined
}

const trying = (places: number, isTold: boolean): Try => ({ places, isTold, gains: new Mean(), first: undefined })

/** What is known of one server. A rate is work in a nanosecond, whatever work is counted in. */
export class Knee {
  /** How many calls at once it is worth, as far as anybody knows. */
  known = 1
  private readonly most: number
  private tried: Try | undefined
  /** Whether the window under way is one of the number that is tried. */
  private isOther = false
  private switchedAt = -Infinity
  /** Whether more is tried next, or fewer, and after how many windows of the known number. */
  private isUpNext = true
  private rests = restMin
  private rested = 0
  /** What the known number does: at first, and lately. */
  private usual = new Mean()
  private recent = new Mean()
  /** The window under way: how many calls have ended in it, what they did, and how long they took together. */
  private ended = 0
  private work = 0
  private held = 0

  constructor(most: number) {
    this.most = most
    this.tried = most > 1 ? trying(2, false) : undefined
  }

  /** How many may run now. */
  get places(): number {
    return this.isOther && this.tried !== undefined ? this.tried.places : this.known
  }

  /** A call has ended that did so much, beside which all places were in use from its beginning on. */
  learn(work: number, beganAt: number, now: number): void {
    const { places } = this
    if (beganAt < this.switchedAt) return
    this.work += work
    this.held += now - beganAt
    if (++this.ended < turns * places || this.held <= 0) return
    const rate = (places * this.work) / this.held
    this.ended = this.work = this.held = 0
    this.close(rate)
    if (this.places !== places) this.switchedAt = now
  }

  /** A window has ended, and this is what was done in it. */
  private close(rate: number): void {
    const { tried } = this
    if (!this.isOther && this.isUnusual(rate)) return
    if (tried === undefined) {
      if (++this.rested >= this.rests) this.tried = trying(this.next(this.isUpNext), false)
      return
    }
    if (tried.first === undefined) {
      tried.first = rate
      this.isOther = !this.isOther
      return
    }
    // The next pair begins with the same number as this one ends with: what grows all the time cancels out.
    const [usual, other] = this.isOther ? [tried.first, rate] : [rate, tried.first]
    tried.first = undefined
    tried.gains.add(other - this.atLeast(tried.places) * usual)
    const { count, doubt, value } = tried.gains
    if (count < pairsMin) return
    if (Math.abs(value) > sure * doubt) this.decide(tried, value > 0)
    else if (count >= pairsMax) this.decide(tried, false)
  }

  /** How much of what the known number does another one has to do to be the better one. */
  private atLeast(other: number): number {
    const more = worth * (Math.max(other, this.known) / Math.min(other, this.known) - 1)
    return other > this.known ? 1 + more : 1 / (1 + more)
  }

  private decide({ isTold, places }: Try, isBetter: boolean): void {
    const isUp = places > this.known
    this.isOther = false
    if (isBetter) {
      this.known = places
      this.rests = restMin
      this.usual = new Mean()
      this.tried = trying(this.next(isUp), false)
      return
    }
    // The server has changed, and not its knee.
    if (isTold) this.usual = new Mean()
    this.tried = undefined
    this.isUpNext = !isUp
    this.rested = 0
    this.rests = Math.min(this.rests * 2, restMax)
  }

  /** Whether the known number does much less than it did, or more; then it is time to try at once. */
  private isUnusual(rate: number): boolean {
    const { known, recent, usual } = this
    if (usual.count < usualOf) {
      usual.add(rate)
      return false
    }
    recent.add(rate)
    if (recent.count < recentOf) return false
    this.recent = new Mean()
    const off = recent.value - usual.value
    const isChance = Math.abs(off) <= Math.max(changed * usual.value, sure * Math.hypot(recent.doubt, usual.doubt))
    if (isChance || this.tried?.isTold === true) return false
    // One that does half of what it did may be worth half as many.
    const rest = Math.max(Math.min(Math.round((known * recent.value) / usual.value), known - 1), 1)
    this.tried = trying(off < 0 && known > 1 ? rest : this.next(true), true)
    this.rests = restMin
    return true
  }

  /** One more or one fewer; where there are many, a fifth of them. */
  private next(isUp: boolean): number {
    const step = Math.max(Math.round(this.known / 5), 1)
    const more = Math.min(this.known + step, this.most)
    const fewer = Math.max(this.known - step, 1)
    return (isUp && more > this.known) || fewer === this.known ? more : fewer
  }
}

/** So many turns of every place are a window. */
const turns = 4

/** Of what each call more would do at best, one has to do so much: a quarter. */
const worth = 0.25

/** After how many pairs of windows it may be decided, and has to be. */
const pairsMin = 4
const pairsMax = 64

/** How many standard errors are beyond chance. */
const sure = 3

/** How many windows lie between two tries: at first, and at the most. */
const restMin = 4
const restMax = 64

/** How many windows say what is usual, how many what is lately so, and by how much they have to differ. */
const usualOf = 8
const recentOf = 4
const changed = 0.2
