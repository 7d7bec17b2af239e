#!/usr/bin/env node
/**
 * The command `spillway`.
 *
 * Who has started it is read first of all. What Node has compiled it keeps for the next time, which halves the time
 * that a client waits for us to start: that has to be said before anything else is loaded.
 */
import { enableCompileCache } from "node:module"

await import("./Parent.ts")

enableCompileCache()

await import("./Run.ts")
