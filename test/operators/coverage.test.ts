/**
 * Every aten overload that a CPU can run, called once or twice with the arguments that PyTorch was called with, gives the
 * same bits or the same error. What cannot be called is listed, with the reason, in docs/operators-not-callable.md.
 */

import { beforeAll, describe, expect, test } from "vitest";
import { getNumThreads, operatorNames, setNumThreads } from "dgsam";
import { notCallable } from "../../lib/generate/not-callable.js";
import { readRecording, replay, type Outcome, type Recording } from "./recorded-calls.js";
import { hasOracle, recordingFolder } from "./recording.js";

const universe = operatorNames("aten").filter(({ onCpu }) => onCpu).map(({ name }) => `aten::${name}`);

describe.skipIf(!hasOracle)("coverage", { timeout: 300_000 }, () => {
  let recording: Recording;
  const outcomes = new Map<string, Outcome[]>();

  beforeAll(() => {
    recording = readRecording(recordingFolder());
    // The recording is made with one thread; sums over many depend on their number.
    const threads = getNumThreads();
    setNumThreads(1);
    for (const call of recording.calls) {
      if (call.crashed !== undefined || call.unrecorded !== undefined) continue;
      outcomes.set(call.operator, [...(outcomes.get(call.operator) ?? []), replay(call, recording.tensors)]);
    }
    setNumThreads(threads);
  }, 300_000);

  test("the recording and the dispatcher know the same overloads", () => {
    const recorded = new Set(recording.calls.map(({ operator }) => (operator.includes(".") ? operator : `${operator}.default`)));
    // Python's own library adds a kernel to this one.
    recorded.delete("aten::get_gradients.default");
    expect([...recorded].sort()).toEqual(universe);
  });

  test("no replayed call differs from PyTorch's", () => {
    const differences = [...outcomes].flatMap(([operator, all]) =>
      universe.includes(operator) ? all.flatMap((each) => (each.kind === "different" ? [`${operator}: ${each.reason}`] : [])) : []);
    expect(differences).toEqual([]);
  });

  test("at least 98% of the overloads can be called, and the list names the rest", () => {
    const callable = universe.filter((operator) => outcomes.has(operator));
    expect(callable.length / universe.length).toBeGreaterThanOrEqual(0.98);
    const listed = notCallable("aten").map(({ operator }) => operator);
    expect(universe.filter((operator) => !outcomes.has(operator))).toEqual(listed.filter((operator) => universe.includes(operator)));
  });

  test("nine of ten overloads are compared by results, not by errors", () => {
    const succeeded = universe.filter((operator) => outcomes.get(operator)?.some(({ kind }) => kind === "same result"));
    expect(succeeded.length / universe.length).toBeGreaterThanOrEqual(0.9);
  });

  test("a wrong result would be seen", () => {
    const call = recording.calls.find(({ operator, result }) => operator === "aten::add.Tensor" && result !== undefined)!;
    const spoiled = Buffer.from(recording.tensors);
    const { at } = (call.result as { tensor: { at: number } }).tensor;
    spoiled[at] = spoiled[at]! ^ 1;
    expect(replay(call, spoiled)).toEqual({ kind: "different", reason: "the bytes differ" });
  });
});
