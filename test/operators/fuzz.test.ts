/**
 * A short run of the fuzzer: two seeded calls of every overload with arguments made from nothing. The long run, with good
 * calls to spoil, is `node test/operators/fuzz/run.mjs --trials 100 --recording FOLDER`.
 */

import { expect, test } from "vitest";
import { operatorNames } from "dgsam";
import { UNCHECKED } from "../../lib/generate/unchecked.js";
import { fuzz } from "./fuzz/run.mjs";

test("no overload ends the process", { timeout: 300_000 }, async () => {
  const unchecked = new Set(UNCHECKED.flatMap(({ operators }) => operators.split(" ")));
  const operators = ["aten", "dgsam"].flatMap((namespace) =>
    operatorNames(namespace)
      .filter(({ name, onCpu }) => onCpu && !unchecked.has(name.split(".", 1)[0]!))
      .map(({ name }) => `${namespace}::${name}`));
  expect(operators.length).toBeGreaterThan(2900);
  expect(await fuzz(operators, { seed: "test", trials: 2 })).toEqual([]);
});

test("an overload that ends the process is found, with its arguments", { timeout: 60_000 }, async () => {
  const crashes = await fuzz(["aten::relu.default", "aten::sum.default"], { seed: "test", trials: 4, dieAt: ["aten::sum.default", 2] });
  expect(crashes).toEqual([{ operator: "aten::sum.default", trial: 2, signal: "SIGSEGV", arguments: expect.stringMatching(/\[.*\]/) as unknown }]);
});
