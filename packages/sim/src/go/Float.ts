/** Single precision as Go prints it: no more digits than tell a number from its neighbours. */

/** The number that is printed for one of single precision. */
export const shortest = (value: number): number => {
  const single = Math.fround(value)
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(single.toPrecision(digits))
    if (Math.fround(short) === single) return short
  }
  return Number(single.toPrecision(9))
}
