/**
 * The names of models, as callers write them: `host/namespace/model:tag`, of which all but the model may be left out.
 */

/** The full name, with the registry's own host, namespace and tag where none is said; nothing where it is no name. */
export const full = (name: string): string | undefined => {
  const [, path = "", tag = "latest"] = /^(.*?)(?::([^/:]*))?$/.exec(name) ?? []
  const parts = path.split("/")
  if (parts.length > 3 || ![...parts, tag].every((part) => /^\w[\w.-]*$/.test(part))) return undefined
  const [host, namespace, model] = [...defaults.slice(0, 3 - parts.length), ...parts]
  return `${host}/${namespace}/${model}:${tag}`
}

/** As Ollama prints it: what is the registry's own is left away, the tag never. */
export const short = (fullName: string): string => fullName.replace(/^registry\.ollama\.ai\/(library\/)?/, "")

/** Whether it is the name of a model that runs in the cloud. */
export const isCloud = (name: string): boolean => cloud.test(name)

/** What the cloud calls it. */
export const inCloud = (name: string): string => name.replace(cloud, "")

const cloud = /[:-]cloud$/

const defaults = ["registry.ollama.ai", "library"]
