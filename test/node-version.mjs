/**
 * Says in one sentence when the Node that runs the scripts is too old.
 *
 * On Linux, Windows and Intel Macs a Node 24 comes with the dependencies and this never speaks; on Apple Silicon,
 * where no such package exists, the machine's own Node is used. Plain JavaScript, because an old Node has to be able
 * to read it.
 */
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
const newEnough = major > 22 || (major === 22 && minor >= 19)

if (!newEnough) {
  console.error(
    `Spillway needs Node 22.19 or newer and this is ${process.versions.node}: ` +
      "install a newer one from https://nodejs.org and run the same command again."
  )
  process.exit(1)
}
