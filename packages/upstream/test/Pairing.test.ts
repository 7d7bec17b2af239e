/** Calls of tools and their answers, put under one name each. */
import type { Question } from "@spillway/core"
import { describe, expect, it } from "vitest"
import { paired } from "../src/Pairing.ts"

type Call = NonNullable<Question.Message["toolCalls"]>[number]

const calls = (...toolCalls: ReadonlyArray<Call>): Question.Message => ({ role: "assistant", text: "", toolCalls })
const call = (name: string, id?: string): Call => ({ name, arguments: "{}", ...(id !== undefined && { id }) })
const answer = (more: Partial<Question.Message> = {}): Question.Message => ({ role: "tool", text: "42", ...more })

/** The names, turn by turn. */
const names = (messages: ReadonlyArray<Question.Message>, form = /^[a-z0-9_]+$/) =>
  paired(messages, form)?.map(({ toolCallId, toolCalls }) => toolCallId ?? toolCalls.map(({ id }) => id))

describe("calls and their answers", () => {
  it("keep the names that they have", () => {
    expect(
      names([calls(call("f", "a"), call("f", "b")), answer({ toolCallId: "b" }), answer({ toolCallId: "a" })])
    ).toEqual([["a", "b"], "b", "a"])
  })

  it("without names are told by their tools, and by their order where nothing else is said", () => {
    const both = calls(call("f"), call("g"))
    expect(names([both, answer({ toolName: "g" }), answer({ toolName: "f" })])).toEqual([
      ["call_0", "call_1"],
      "call_1",
      "call_0"
    ])
    expect(names([both, answer(), answer()])).toEqual([["call_0", "call_1"], "call_0", "call_1"])
    // A server that names no calls may still be told of one by a caller who does.
    expect(names([both, answer({ toolCallId: "x", toolName: "g" })])).toEqual([["call_0", "call_1"], "call_1"])
  })

  it("without a name are answered before those that have one, by whoever gives none", () => {
    const both = calls(call("f", "a"), call("f"))
    expect(names([both, answer({ toolName: "f" }), answer({ toolCallId: "a" })])).toEqual([
      ["a", "call_0"],
      "call_0",
      "a"
    ])
    expect(names([both, answer(), answer()])).toEqual([["a", "call_0"], "call_0", "a"])
  })

  it("get no name that another one has", () => {
    expect(names([calls(call("f", "call_0"), call("f")), answer({ toolCallId: "call_0" }), answer()])).toEqual([
      ["call_0", "call_1"],
      "call_0",
      "call_1"
    ])
  })

  it("are named afresh where a turn counts them anew, or where a name is in no form that a server takes", () => {
    const turn = [calls(call("f", "a")), answer({ toolCallId: "a" })]
    expect(names([...turn, ...turn])).toEqual([["a"], "a", ["call_0"], "call_0"])
    expect(names([calls(call("f", "functions.f:0")), answer({ toolCallId: "functions.f:0" })])).toEqual([
      ["call_0"],
      "call_0"
    ])
  })

  it("that belong to nothing are refused", () => {
    expect(names([answer()])).toBeUndefined()
    expect(names([calls(call("f", "a")), answer({ toolCallId: "b" })])).toBeUndefined()
    expect(names([calls(call("f")), answer({ toolName: "g" })])).toBeUndefined()
    expect(names([calls(call("f")), answer(), answer()])).toBeUndefined()
  })
})
