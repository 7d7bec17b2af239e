/**
 * Waits until somebody asks the process to stop.
 *
 * A command that runs until then ends well when it is stopped, so this succeeds; whoever asks a second time, while
 * things are being closed, ends the process at once.
 */
import { Effect } from "effect"

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/** Succeeds on Ctrl-C, when the process is told to end, and when its terminal is gone. */
export const stopAsked: Effect.Effect<void> = Effect.callback((resume) => {
  const stop = (): void => {
    off()
    resume(Effect.void)
  }
  const off = (): void => {
    for (const signal of signals) process.off(signal, stop)
  }
  for (const signal of signals) process.on(signal, stop)
  return Effect.sync(off)
})
