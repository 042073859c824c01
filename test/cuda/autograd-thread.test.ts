/** Where autograd runs: LibTorch keeps a thread for each GPU, and waking it costs a good part of a small pass. */

import { readdirSync, readFileSync } from "node:fs";
import { DGSAM, grad, ops, randn, scope, SGD } from "dgsam";
import { expect, test } from "vitest";
import { describeOnCuda } from "./support.js";

const device = "cuda";

/** How often autograd's threads have gone to sleep, by their names. */
function sleeps(): Record<string, number> {
  const sleeps: Record<string, number> = {};
  for (const id of readdirSync("/proc/self/task")) {
    let status: string;
    try {
      status = readFileSync(`/proc/self/task/${id}/status`, "utf8");
    } catch {
      // It has ended.
      continue;
    }
    const name = /^Name:\s*(.*)$/m.exec(status)![1]!;
    if (name.startsWith("pt_autograd")) sleeps[`${name} ${id}`] = Number(/^voluntary_ctxt_switches:\s*(\d+)$/m.exec(status)![1]);
  }
  return sleeps;
}

describeOnCuda("autograd's threads", () => {
  test.skipIf(process.platform !== "linux")("rest while one GPU is used: passes run in the calling thread", async () => {
    const { aten } = ops;
    const weight = randn([8, 8], { device }).requiresGrad_();
    const loss = () => scope(() => aten.mean(aten.relu(aten.mm(weight, weight))));
    loss().backward();
    // They start with the first pass.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const before = sleeps();
    expect(Object.keys(before).length).toBeGreaterThan(0);
    for (let i = 0; i < 5; i++) {
      loss().backward();
      grad([loss()], [weight]);
    }
    const optimizer = new DGSAM([weight], SGD, { lr: 0.1, momentum: 0.9 });
    optimizer.step([loss, loss]);
    expect(optimizer.step([loss, loss]).losses.every(Number.isFinite)).toBe(true);
    expect(sleeps()).toEqual(before);
  });
});

// After the test above: what a process has used, it uses.
describeOnCuda("autograd's threads, with two GPUs", () => {
  test.skipIf(process.platform !== "linux")("serve a process that uses both", () => {
    const weights = [0, 1].map((index) => randn([8, 8], { device: `cuda:${index}` }).requiresGrad_());
    const before = sleeps();
    scope(() => weights[0]!.mul(2).to({ device: "cuda:1" }).mul(weights[1]!).sum().backward());
    for (const weight of weights) expect(weight.grad!.device).toBe(weight.device);
    expect(sleeps()).not.toEqual(before);
  });
}, 2);
