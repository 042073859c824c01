/**
 * Modules and the garbage collector. A parameter takes its handle over from a temporary tensor; were that one still
 * listed with the collector, its end would free the parameter's memory under the module.
 */
import { BatchNorm1d, Buffer, Linear, memoryStats, ones, Parameter, Sequential } from "dgsam";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Collects until `done`, at most so many times: finalizers run in their own time. */
async function collectUntil(done: () => boolean, rounds: number): Promise<void> {
  for (let i = 0; i < rounds && !done(); i++) {
    collect();
    await setImmediate();
  }
}

const make = () => new Sequential(new Linear(2, 2), new BatchNorm1d(2)).eval();

test("parameters and buffers outlive what they were made from", async () => {
  const tensors = [new Parameter(ones([2])), new Buffer(ones([2]))];
  await collectUntil(() => false, 10);
  expect(tensors.map((each) => each.toArray())).toEqual([[1, 1], [1, 1]]);
});

test("modules that nobody holds are freed", async () => {
  await collectUntil(() => false, 10);
  const { handles } = memoryStats();
  for (let i = 0; i < 20; i++) make();
  expect(memoryStats().handles).toBe(handles + 20 * 7);
  await collectUntil(() => memoryStats().handles <= handles, 100);
  expect(memoryStats().handles).toBe(handles);
});
