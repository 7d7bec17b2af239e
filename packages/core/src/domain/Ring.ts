/**
 * A ring of those who are there now, out of very many who come and go.
 *
 * A Set that lives long makes a new table every few comings, and V8 keeps the old ones, with all who stood in them,
 * until it looks through all of its memory: calls would outlive themselves by seconds, and cost a tenth more for it.
 * Whoever has left a ring holds on to nobody, and nobody to him.
 */

/** Who can stand in a ring; he stands alone at first. */
export interface Linked<A> {
  before: A
  after: A
}

/** Goes into the ring of somebody who stands there, right behind him. */
export const enter = <A extends Linked<A>>(who: A, behind: A): void => {
  who.before = behind
  who.after = behind.after
  behind.after.before = who
  behind.after = who
}

/** Whether he stands in a ring with somebody. */
export const isIn = <A extends Linked<A>>(who: A): boolean => who.after !== who

/** Leaves whatever ring he stands in; who stands alone stays so. */
export const leave = <A extends Linked<A>>(who: A): void => {
  who.before.after = who.after
  who.after.before = who.before
  who.before = who
  who.after = who
}
