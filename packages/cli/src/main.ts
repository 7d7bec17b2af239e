#!/usr/bin/env node
/**
 * The command `spillway`.
 *
 * Who has started it is read first of all. What Node has compiled it keeps for the next time, which is a fifth of the
 * time that a client waits for us to start: that has to be said before anything else is loaded. And an older Node would
 * end in an error about our code.
 */
import * as Module from "node:module"

await import("./Parent.ts")

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(`spillway: Node ${process.versions.node} is too old: start it with Node 22.19 or later.\n`)
  process.exit(1)
}

Module.enableCompileCache()

await import("./Run.ts")
