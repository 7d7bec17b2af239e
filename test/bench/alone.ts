/**
 * A process that holds one subject, the one it is started with, and measures it when it is asked.
 */
import { subjects } from "./all.ts"
import { answer, type Asked } from "./measure.ts"

const subject = (await subjects).find(({ name }) => name === process.argv[2])!

process.on("message", (asked: Asked) => void answer(subject, asked).then((answered) => process.send!(answered)))
// Peers leave timers behind that would keep the process alive.
process.on("disconnect", () => process.exit())
