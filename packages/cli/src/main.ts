#!/usr/bin/env node
/**
 * The command `spillway`.
 *
 * What Node has compiled it keeps for the next time, which halves the time that a client waits for us to start. That
 * has to be said before anything else is loaded.
 */
import { enableCompileCache } from "node:module"

enableCompileCache()

await import("./Run.ts")
