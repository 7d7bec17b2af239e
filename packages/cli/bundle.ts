/**
 * Puts the command and all that it is made of into a few files: `node packages/cli/bundle.ts`.
 *
 * A client waits for the command that it starts, and to find, read and link eight hundred files takes longer than what
 * they are read for. So what is published is this bundle, which needs nothing installed beside it. The first file stays
 * small, since it has to say where compiled code is kept before the others are loaded.
 */
import { globSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"

const here = fileURLToPath(new URL(".", import.meta.url))
const into = join(here, "bundle")

rmSync(into, { recursive: true, force: true })

const manifestOf = (folder: string): { readonly license: string; readonly name: string; readonly version: string } =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))

const built = await rolldown({
  input: join(here, "src/main.ts"),
  platform: "node",
  // The manifest does not come along.
  plugins: [
    {
      name: "version",
      load: (file) =>
        resolve(file) === join(here, "src", "Version.ts")
          ? `export const version = ${JSON.stringify(manifestOf(here).version)}`
          : undefined
    }
  ],
  // Of ours every file is there to be run; what it only imports says itself what may be left out.
  treeshake: { moduleSideEffects: [{ test: /packages[\\/]cli[\\/]src/, sideEffects: true }] }
})
const { output } = await built.write({ dir: into, format: "esm" })
await built.close()

/** The folder of the package that a file was taken from; nothing for files of our own. */
const packageOf = (file: string): string | undefined =>
  /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(file)?.[0]

/** What its authors ask to be handed on with it. */
const notice = (folder: string): string => {
  const { license, name, version } = manifestOf(folder)
  const texts = globSync("{LICEN[CS]E,NOTICE,license,licence}*", { cwd: folder })
    .toSorted()
    .map((file) => readFileSync(join(folder, file), "utf8").trim())
  if (texts.length === 0) throw new Error(`${name} ${version} has no licence that could be handed on with it.`)
  return [`${name} ${version} (${license})`, ...texts].join("\n\n")
}

const folders = new Set(
  output.flatMap((chunk) => (chunk.type === "chunk" ? chunk.moduleIds : [])).flatMap((file) => packageOf(file) ?? [])
)
const notices = [...folders].map(notice).toSorted()
writeFileSync(join(into, "LICENSES.txt"), `${notices.join(`\n\n${"-".repeat(80)}\n\n`)}\n`)
