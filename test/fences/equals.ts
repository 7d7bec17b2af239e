/**
 * Compares the two sides of a `// =>` line in a fence.
 *
 * It returns nothing and narrows nothing, because Node's own assertion would narrow a constant to the value it was
 * compared with and make the compiler refuse what follows.
 */
import { deepStrictEqual } from "node:assert"

/** Fails unless both are deeply and strictly equal. */
export const equals = (actual: unknown, expected: unknown): void => deepStrictEqual(actual, expected)
