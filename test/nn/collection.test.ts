/**
 * Modules and the garbage collector. A parameter takes its handle over from a temporary tensor; were that one still
 * listed with the collector, its end would free the parameter's memory under the module.
 */
import { BatchNorm1d, Linear, memoryStats, ones, Sequential } from "dgsam";
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Collects until `done`, at most 50 times: finalizers run in their own time. */
async function collectUntil(done: () => boolean): Promise<void> {
  for (let i = 0; i < 50 && !done(); i++) {
    collect();
    await setImmediate();
  }
}

const make = () => new Sequential(new Linear(2, 2), new BatchNorm1d(2)).eval();

test("parameters and buffers outlive what they were made from", async () => {
  const net = make();
  let rounds = 0;
  await collectUntil(() => ++rounds > 10);
  expect(net.layers[1].forward(net.layers[0].forward(ones([1, 2]))).shape).toEqual([1, 2]);
});

test("modules that nobody holds are freed", async () => {
  await collectUntil(() => false);
  const { handles } = memoryStats();
  for (let i = 0; i < 20; i++) make();
  expect(memoryStats().handles).toBe(handles + 20 * 7);
  await collectUntil(() => memoryStats().handles <= handles);
  expect(memoryStats().handles).toBe(handles);
});
