/**
 * What is refused when a fault is switched on, since it could never matter: the catalogues are held to what the code
 * does with `at`, with `span` and with paths.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import { make as makeAgenda, perSecond } from "../src/Agenda.ts"
import type { Struck } from "../src/Fault.ts"
import * as HostedServer from "../src/HostedServer.ts"
import * as Door from "../src/ollama/Door.ts"
import * as Faults from "../src/ollama/Faults.ts"
import * as Simulation from "../src/Simulation.ts"
import { Recorder } from "./hosted/recorder.ts"

describe("the catalogue of Ollama's faults", () => {
  /** All that comes of a fault where it happens: at the door and on the wire of an answer of six packets. */
  const comesOf = (fault: Struck) =>
    Effect.gen(function* () {
      const agenda = yield* makeAgenda
      const begun = agenda.now
      const reply = Object.assign(new Recorder(() => agenda.now - begun), { fault })
      const answer = Door.struck(agenda, (_, to) => {
        to.begin(200, [])
        const send = (left: number): void => {
          if (left === 0) return to.end()
          to.write("packet")
          agenda.after(60 * perSecond, () => send(left - 1))
        }
        agenda.after(60 * perSecond, () => send(6))
      })
      answer({ method: "POST", path: "/api/chat", query: new URLSearchParams(), headers: {}, body: "" }, reply)
      yield* TestClock.adjust("1 hour")
      const { ended, headers, packets, status } = reply
      return JSON.stringify([
        Faults.scripted(fault, {}),
        Faults.loadOf({ ...fault }),
        [status, headers, packets, ended]
      ])
    })

  for (const [name, entry] of Object.entries(Faults.catalogue)) {
    it.effect(`says whether at and span mean anything: ${name}`, () =>
      Effect.gen(function* () {
        const struck = { name, draw: 3, at: undefined, span: undefined }
        const isAt = (yield* comesOf({ ...struck, at: 2 })) !== (yield* comesOf({ ...struck, at: 4 }))
        assert.strictEqual(isAt, entry.at !== undefined)
        const isSpan =
          (yield* comesOf({ ...struck, span: 90 * perSecond })) !==
          (yield* comesOf({ ...struck, span: 150 * perSecond }))
        assert.strictEqual(isSpan, entry.span !== undefined)
      })
    )
  }

  it("knows the paths that are served, all of them and no other", () => {
    const routes = readFileSync(new URL("../src/ollama/Routes.ts", import.meta.url), "utf8")
    const served = [...routes.matchAll(/^ {4}"(\/[^"]*)": \{/gm)].map(([, path]) => path)
    assert.isAbove(served.length, 15)
    assert.sameMembers([...Faults.known.get("hang")!.paths], served)
  })

  it("lets a fault have just the paths where it is asked for", () => {
    for (const [name, { paths }] of Faults.known) {
      const isLoad = Faults.ofLoads.has(name)
      for (const path of Faults.known.get("hang")!.paths) {
        const isAsked = Faults.ofRequest({ method: "POST", path }).has(name)
        assert.strictEqual(paths.includes(path), isAsked && !isLoad, `${name} ${path}`)
      }
    }
  })
})

describe("a fault for a model", () => {
  const added = (fault: string, models = ["llama3", "me/mine:7b", "hf.co/me/mine:7b"]) =>
    Effect.gen(function* () {
      const { faults, ollama } = yield* Simulation.make({ models })
      return { ollama, add: faults.add(fault), faults }
    })

  const names =
    "llama3 llama3:latest library/llama3 library/llama3:latest registry.ollama.ai/library/llama3 me/mine:7b hf.co/* " +
    "registry.ollama.ai/me/mine:7b * *:7b"
  for (const name of names.split(" ")) {
    it.effect(`may call it as its callers may: ${name}`, () =>
      Effect.gen(function* () {
        const { add, faults } = yield* added(`busy model=${name}`)
        yield* add
        assert.lengthOf(faults.on, 1)
      })
    )
  }

  for (const [given, asked] of [
    ["llama3", "library/llama3"],
    ["llama3:latest", "llama3"],
    ["library/llama3", "llama3:latest"],
    ["registry.ollama.ai/library/llama3", "llama3"],
    ["me/mine:7b", "registry.ollama.ai/me/mine:7b"],
    // What is not there is refused by the daemon, and a fault may strike before.
    ["llama*:latest", "llama9"]
  ] as const) {
    it.effect(`as ${given} strikes who writes ${asked}, and a load`, () =>
      Effect.gen(function* () {
        const { add, faults, ollama } = yield* added(`busy model=${given}`)
        yield* add
        yield* faults.add(`load-hang model=${given}`)
        assert.isDefined(
          faults.strike(Faults.ofArrival({ method: "POST", path: "/api/chat" }), { path: "/api/chat", model: asked })
        )
        const loaded = ollama.find(asked)?.name ?? asked
        assert.isDefined(faults.strike(Faults.ofLoads, { path: "", model: loaded }))
        assert.isUndefined(faults.strike(Faults.ofLoads, { path: "", model: "another" }))
      })
    )
  }

  it.effect("may be for a model of vectors where it strikes these too, or where others have such a name", () =>
    Effect.gen(function* () {
      const { faults } = yield* Simulation.make({ models: ["llama3", "nomic-embed-text"] })
      yield* faults.add("busy model=nomic*")
      yield* faults.add("die model=*")
      const refused = yield* Effect.flip(faults.add("die model=nomic*"))
      assert.strictEqual(
        refused.message,
        '"die model=nomic*" is no fault: it strikes answers of words, and that model makes vectors; write one of llama3'
      )
    })
  )

  it.effect("is one of a hundred at most", () =>
    Effect.gen(function* () {
      const { faults } = yield* Simulation.make({ models: ["llama3"], faults: Array<string>(100).fill("busy") })
      const refused = yield* Effect.flip(faults.add("busy"))
      assert.strictEqual(
        refused.message,
        '"busy" after 100 others is no fault: no more than 100 are on at once; switch some off first'
      )
      faults.remove()
      yield* faults.add("busy")
    })
  )

  it.effect("may be for one that was made by a copy since", () =>
    Effect.gen(function* () {
      const { add, faults, ollama } = yield* added("busy model=other")
      assert.strictEqual((yield* Effect.flip(add))._tag, "FaultRefused")
      ollama.copy("llama3", "other")
      yield* add
      assert.lengthOf(faults.on, 1)
    })
  )

  it.effect("is refused where a simulation is made with it", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip(Simulation.make({ models: ["llama3"], faults: ["busy model=lama3"] }))
      assert.strictEqual(
        refused.message,
        '"busy model=lama3" is no fault: no model here is called so; did you mean llama3?'
      )
    })
  )
})

describe("a fault of a hosted provider", () => {
  const refused = (face: "openai" | "anthropic", fault: string) =>
    Effect.map(Effect.flip(Effect.scoped(HostedServer.start({ face, faults: [fault] }))), ({ message }) => message)

  const bad: ReadonlyArray<readonly [face: "openai" | "anthropic", fault: string, message: string]> = [
    ["openai", "idel-close", '"idel-close" is no fault: did you mean idle-close?'],
    [
      "openai",
      "idle-close at=1",
      '"idle-close at=1" is no fault: "at" means nothing to it, only to truncated-json, cut, reset, silence, ' +
        "no-marker, error-mid-stream, comments-only; leave it out"
    ],
    [
      "anthropic",
      "hang span=1s",
      '"hang span=1s" is no fault: "span" means nothing to it, only to rate-limited, quota, slow, comments-only; ' +
        "leave it out"
    ],
    [
      "openai",
      "hang model=claude*",
      '"hang model=claude*" is no fault: no model here is called so; write one of gpt-4o-mini, text-embedding-3-small'
    ],
    [
      "anthropic",
      "hang path=/v1/chat",
      '"hang path=/v1/chat" is no fault: no path where it can strike begins so; write one of /v1/messages, ' +
        "/v1/models, /v1/models/*"
    ],
    [
      "openai",
      "no-marker path=/v1/embeddings",
      '"no-marker path=/v1/embeddings" is no fault: no path where it can strike begins so; write one of ' +
        "/v1/chat/completions"
    ]
  ]
  for (const [face, fault, message] of bad) {
    it.effect(`is refused where it could not strike ${face}: ${fault}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* refused(face, fault), message)
      })
    )
  }

  for (const fault of ["cut at=1 path=/v1/embeddings", "hang path=/v1/models/gpt-4o-mini", "slow span=2s model=gpt*"]) {
    it.effect(`is taken where it can: ${fault}`, () =>
      Effect.gen(function* () {
        const { faults } = yield* HostedServer.start({ face: "openai", faults: [fault] })
        assert.lengthOf(faults.on, 1)
      }).pipe(Effect.scoped)
    )
  }
})

describe("a fault that is on", () => {
  it.effect("says whether it strikes now, will later, or has struck for the last time", () =>
    Effect.gen(function* () {
      const { faults } = yield* Simulation.make({
        faults: ["busy after=10s for=5s", "die for=2s every=10s", "overloaded x1", "end"]
      })
      const phases = () => faults.on.map(({ phase }) => phase)
      const asked = { method: "POST", path: "/api/chat" }
      assert.deepStrictEqual(phases(), ["later", "now", "now", "now"])
      faults.strike(new Set(["overloaded"]), asked)
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(phases(), ["later", "later", "over", "now"])
      yield* TestClock.adjust("8 seconds")
      assert.deepStrictEqual(phases(), ["now", "now", "over", "now"])
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(phases(), ["over", "later", "over", "now"])
    })
  )
})
