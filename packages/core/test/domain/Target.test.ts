/**
 * Targets: written as `upstream/model`, read back as the same, and grouped by what fails together.
 *
 * Models are named by people and registries, so slashes, colons and dots in them are the rule.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Price, Target } from "@spillway/core"

const models = ["llama3.1:8b", "gpt-4o-mini", "hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M", "a", "qwen3:cloud"]

describe("a target", () => {
  it("is read back as what was written", () => {
    for (const upstream of ["gpu1", "openai", "my-rack.local"]) {
      for (const model of models) {
        const made = Target.make({ upstream, model })
        assert.strictEqual(made.id, `${upstream}/${model}`)
        assert.deepStrictEqual(Target.parse(made.id), Result.succeed(made))
      }
    }
  })

  it("is refused with what was read and how to write it", () => {
    for (const read of ["", "/", "llama3", "gpu1/", "/llama3", "gpu1/llama 3", " gpu1/llama3", "gpu1/llama3\n"]) {
      const refused = Target.parse(read)
      assert.deepStrictEqual(
        refused,
        Result.fail({
          _tag: "TargetRefused",
          read,
          expected: "an upstream, a slash and a model, as in gpu1/llama3.1:8b"
        })
      )
    }
  })

  it("is taken out of what a server says of it, however it names it, and nothing else is", () => {
    for (const [said, model, left] of [
      ['"llava-tools" does not support tools', "llava-tools:7b", '"" does not support tools'],
      [
        "registry.ollama.ai/library/llava-tools:latest has no tools",
        "llava-tools",
        "registry.ollama.ai/library/ has no tools"
      ],
      ["hf.co/a/Vision-GGUF:Q4 (loaded) is busy", "hf.co/a/vision-gguf:q4", "hf.co/a/ (loaded) is busy"],
      ["a model that has no images", "a", " model that has no images"],
      ["tools-2 has no tools", "tools", "tools-2 has no "]
    ] as const) {
      assert.strictEqual(Target.withoutModel(said, model), left)
    }
  })

  it("fails together with its upstream unless its domain is named", () => {
    assert.strictEqual(Target.make({ upstream: "gpu1", model: "a" }).domain, "gpu1")
    assert.strictEqual(Target.make({ upstream: "gpu1", model: "a", domain: "rack-a" }).domain, "rack-a")
  })

  it("fails together with all cloud models of its upstream when it is one, wherever that stands", () => {
    for (const model of ["gpt-oss:120b-cloud", "qwen3:cloud", "hf.co/some/model:cloud"]) {
      assert.isTrue(Target.isCloudModel(model))
      assert.strictEqual(Target.make({ upstream: "gpu1", model, domain: "rack-a" }).domain, "gpu1:cloud")
    }
    for (const model of ["cloud", "cloud:8b", "mycloud", "cloudy:1b", "gpt-oss:120b-clouds"]) {
      assert.isFalse(Target.isCloudModel(model))
      assert.strictEqual(Target.make({ upstream: "gpu1", model }).domain, "gpu1")
    }
  })

  it("tells free from unpriced", () => {
    assert.strictEqual(Target.make({ upstream: "gpu1", model: "a", price: Price.free }).price, Price.free)
    assert.notProperty(Target.make({ upstream: "gpu1", model: "a" }), "price")
  })
})
