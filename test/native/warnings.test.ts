import { describe, expect, it } from "vitest";
import { runFixture } from "./child.js";

/** The JSON lines that the fixture prints, without what Node prints of warnings. */
async function warnings(name: string): Promise<unknown[]> {
  const { code, signal, stdout } = await runFixture("warnings", { args: [name], nodeArgs: ["--no-warnings"] });
  expect({ code, signal }).toEqual({ code: 0, signal: null });
  return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as unknown);
}

const resized = (from: number, to: number, thread = "main") => ({
  thread,
  name: "DgsamWarning",
  code: "WARN_NATIVE",
  message: `aten::add.out: An output with one or more elements was resized since it had shape [${from}], which does not match the required output shape [${to}]`,
  traced: true,
});

describe("LibTorch's warnings are the process's", () => {
  it("each text once, with operator, code and the place of the call", async () => {
    expect(await warnings("once a text")).toEqual([resized(2, 3), resized(2, 4)]);
  });

  it("also where the call then throws", async () => {
    expect(await warnings("a call that throws")).toEqual([
      { thrown: "ERR_NATIVE" },
      expect.objectContaining({ message: expect.stringMatching(/^aten::linalg_cholesky\.out: An output .* was resized/) as unknown }),
    ]);
  });

  it("without an operator when none ran", async () => {
    expect(await warnings("no operator")).toEqual([
      expect.objectContaining({ message: "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed" }),
    ]);
  });

  it("listeners run after the call and may call operators", async () => {
    expect(await warnings("a listener that calls operators")).toEqual([{ sum: [2, 2, 2] }, resized(2, 3), resized(2, 4)]);
  });

  it("a worker's come from its own process object, and repeat nobody's", async () => {
    expect(await warnings("a worker")).toEqual([resized(2, 3), resized(2, 5, "worker")]);
  });

  it("at most 1,000 texts", async () => {
    expect(await warnings("endless texts")).toEqual([{ count: 1000 }]);
  });

  it("Node prints them in its own form, nothing else does", async () => {
    const { stderr } = await runFixture("warnings", { args: ["no operator"] });
    expect(stderr).toMatch(/^\(node:\d+\) \[WARN_NATIVE\] DgsamWarning: The \.grad attribute of a Tensor [^\n]*\n\(Use `node --trace-warnings \.\.\.` [^\n]*\n$/);
  });
});
