/**
 * The version of the command.
 */
import { createRequire } from "node:module"

const manifest = createRequire(import.meta.url)("../package.json") as { readonly version: string }

/** As its package says. */
export const { version } = manifest
