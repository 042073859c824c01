import { describe, expect, it } from "vitest";
import { runFixture } from "./child.js";

describe("a process that ends with live tensors", () => {
  it.each([
    ["live tensors", 0],
    ["exit code in a scope", 7],
    ["exit in nested scopes and modes", 8],
    ["exit in an asynchronous scope", 9],
    ["asynchronous scope that never ends", 0],
    ["tensors used at exit", 5],
    ["exit while operators run in the background", 12],
    ["exit while a worker calculates", 10],
    ["exit in a worker's scope", 11],
  ])("%s: exit code %i and not a word", async (ending, code) => {
    expect(await runFixture("exit", { args: [ending] })).toEqual({ code, signal: null, stdout: "", stderr: "" });
  });

  it.each([
    ["uncaught exception in a scope", "Error: thrown on purpose"],
    ["rejection in an asynchronous scope", "Error: rejected on purpose"],
    ["native error in a scope", "DgsamError: aten::matmul.default: mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)"],
  ])("%s: exit code 1 and that error", async (ending, message) => {
    const { code, signal, stdout, stderr } = await runFixture("exit", { args: [ending] });
    expect({ code, signal, stdout }).toEqual({ code: 1, signal: null, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/terminate called|Assertion|core dumped|FATAL/);
  });
});
