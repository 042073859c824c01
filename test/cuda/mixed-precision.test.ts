/** Training in half precision on a device, and the same in float32; on the CPU, too, where no device is. */
import {
  Adam, AdaptiveAvgPool2d, autocast, BatchNorm2d, capture, Conv2d, crossEntropy, cudaDeviceCount, DGSAM, ERM, Flatten, GradScaler, Linear, manualSeed, MLP, randint, randn, ReLU, SAM,
  scope, Sequential, SGD, type DType, type SharpnessAware, type Tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { inBothModes } from "../optim/modes.js";
import type { AnyWrapper } from "../optim/sharpness/family.js";
import { bits, values, worstError } from "../optim/support.js";

const ALGORITHMS = [
  { name: "ERM", Wrapper: ERM, options: {} }, { name: "SAM", Wrapper: SAM, options: {} }, { name: "DGSAM", Wrapper: DGSAM, options: { seed: 1 } },
] as unknown as { name: string; Wrapper: AnyWrapper; options: object }[];

/** The same numbers on every device. */
function problem(device: string, { size = 8, channelsLast = false, dtype = "float32" as DType } = {}) {
  manualSeed(3);
  const model = new Sequential(new Conv2d(3, 8, 3, { padding: 1 }), new BatchNorm2d(8), new ReLU(), new Conv2d(8, 16, 3), new ReLU(), new AdaptiveAvgPool2d(1), new Flatten(), new Linear(16, 4));
  const batches = Array.from({ length: 3 }, () => ({ x: randn([size, 3, 8, 8]), y: randint(4, [size]) }));
  model.to({ device, dtype, ...(channelsLast ? { memoryFormat: "channels_last" } : {}) });
  return { model, batches: batches.map(({ x, y }) => ({ x: x.to({ device, dtype, ...(channelsLast ? { memoryFormat: "channels_last" } : {}) }), y: y.to(device) })) };
}

const mean = (numbers: readonly number[]) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;

describe.each(["cpu", "cuda"])("on %s", (device) => {
  const missing = device === "cuda" && cudaDeviceCount() === 0;
  describe.skipIf(missing)(missing ? "left out, for want of a CUDA device" : "half precision", () => {
    test.each(inBothModes(ALGORITHMS))("autocast to bfloat16 in channels last learns as float32 does: $name, $mode", ({ Wrapper, options, mode }) => {
      const run = (cast: boolean) =>
        scope(() => {
          const { model, batches } = problem(device, { channelsLast: cast });
          const optimizer = new Wrapper(model.parameters(), Adam, { lr: 0.01, rho: 0.05, model, ...options });
          const plain = (x: Tensor, y: Tensor) => crossEntropy(model.forward(x) as Tensor, y);
          const fn = cast ? (x: Tensor, y: Tensor) => autocast(() => plain(x, y), { dtype: "bfloat16", device: device as "cpu" }) : plain;
          const captured = capture(fn);
          const losses = Array.from({ length: 30 }, () => optimizer.step(batches.map(({ x, y }) => (mode === "eager" ? () => fn(x, y) : captured.on(x, y)))).losses.map(Number));
          if (mode === "captured") expect(captured.stats.refused).toEqual([]);
          captured.dispose();
          model.dispose();
          return losses;
        });
      const [full, half] = [run(false), run(true)];
      expect(mean(full.at(-1)!)).toBeLessThan(0.8 * mean(full[0]!));
      expect(worstError(half[0]!, full[0]!)).toBeLessThan(0.02);
      expect(worstError(half.at(-1)!, full.at(-1)!)).toBeLessThan(0.15);
    });

    test.each(inBothModes(ALGORITHMS))("a scaler leaves out what overflows in float16, shrinks, and goes on: $name, $mode", ({ Wrapper, options, mode }) => {
      manualSeed(3);
      const model = new MLP([8, 16, 4]).to(device);
      const batches = Array.from({ length: 3 }, () => ({ x: randn([8, 8], { device }), y: randint(4, [8], { device }) }));
      const optimizer = new Wrapper(model.parameters(), Adam, { lr: 0.02, rho: 0.05, ...options }) as SharpnessAware;
      const fn = (x: Tensor, y: Tensor) => autocast(() => crossEntropy(model.forward(x), y), { dtype: "float16", device: device as "cpu" });
      const captured = capture(fn);
      const scaler = new GradScaler({ initScale: 2 ** 24 });
      const before = bits(model.parameters());
      const told: { skipped: boolean; loss: number }[] = [];
      for (let step = 0; step < 60; step++) {
        const { skipped, losses } = scaler.step(optimizer, batches.map(({ x, y }) => (mode === "eager" ? () => fn(x, y) : captured.on(x, y)))) as { skipped: boolean; losses: number[] };
        scaler.update();
        told.push({ skipped, loss: mean(losses) });
        if (told.every((each) => each.skipped)) expect(bits(model.parameters())).toEqual(before);
      }
      const left = told.filter(({ skipped }) => skipped).length;
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThan(20);
      expect(scaler.getScale()).toBe(2 ** (24 - left));
      expect(told.at(-1)!.loss).toBeLessThan(0.7 * told[left]!.loss);
      captured.dispose();
    });

    test.each(["bfloat16", "float16"] as const)("parameters of %s take the steps of float32 ones, as far as they can tell", (dtype) => {
      const run = (own: DType) =>
        scope(() => {
          manualSeed(5);
          const model = new MLP([8, 16, 4]);
          const batches = Array.from({ length: 3 }, () => ({ x: randn([8, 8]), y: randint(4, [8]) }));
          model.to({ device, dtype: own });
          const optimizer = new DGSAM(model.parameters(), SGD, { lr: 0.1, rho: 0.05, seed: 1 });
          const closures = batches.map(({ x, y }) => () => crossEntropy(model.forward(x.to({ device, dtype: own })), y.to(device)));
          const results = Array.from({ length: 10 }, () => optimizer.step(closures));
          return { losses: results.map(({ losses }) => mean(losses)), parameters: model.parameters().map((each) => values(each.detach().to({ device: "cpu", dtype: "float64" }))) };
        });
      const [half, full] = [run(dtype), run("float32")];
      const tolerance = dtype === "bfloat16" ? 0.06 : 0.01;
      expect(worstError(half.losses, full.losses)).toBeLessThan(tolerance);
      half.parameters.forEach((each, i) => expect(worstError(each, full.parameters[i]!)).toBeLessThan(tolerance));
    });
  });
});
