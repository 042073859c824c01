/** A step waits for the device nowhere: LibTorch throws at every operator that would (as `torch.cuda.set_sync_debug_mode("error")`). */
import {
  Adadelta, Adagrad, Adam, Adamax, AdamW, BatchNorm1d, capture, crossEntropy, Dropout, Linear, manualSeed, NAdam, ones, RAdam, randint, randn, ReLU, RMSprop, scope, Sequential,
  setSyncDebugMode, SGD, type Tensor,
} from "dgsam";
import { afterEach, expect, test } from "vitest";
import { inBothModes } from "../optim/modes.js";
import { FAMILY } from "../optim/sharpness/family.js";
import { expectError } from "../optim/support.js";
import { describeWithNvcc, hasKernels } from "./support.js";

const device = "cuda";
const BASES = [
  { base: "SGD", Base: SGD, of: { lr: 0.05, momentum: 0.9, nesterov: true, weightDecay: 1e-3 } },
  { base: "Adam", Base: Adam, of: { lr: 0.01, amsgrad: true } },
  { base: "AdamW", Base: AdamW, of: { lr: 0.01, clipGradNorm: 1 } },
];
// By kernels of our own; those of LibTorch wait.
const SWEPT = !hasKernels ? [] : [
  { base: "RMSprop", Base: RMSprop, of: { lr: 0.01, momentum: 0.5, centered: true } }, { base: "Adagrad", Base: Adagrad, of: { lr: 0.01, lrDecay: 0.1 } },
  { base: "Adadelta", Base: Adadelta, of: {} }, { base: "NAdam", Base: NAdam, of: { lr: 0.01 } }, { base: "RAdam", Base: RAdam, of: { lr: 0.01 } },
  { base: "Adamax", Base: Adamax, of: { lr: 0.01 } },
];
const CASES = [
  ...inBothModes(FAMILY).flatMap((member) => BASES.map((base) => ({ ...member, ...base }))),
  ...inBothModes(FAMILY.filter(({ name }) => name === "DGSAM")).flatMap((member) => SWEPT.map((base) => ({ ...member, ...base }))),
];

describeWithNvcc("waits", () => {
  afterEach(() => setSyncDebugMode("default"));

  test("are seen where there are some", () => {
    const x = ones([4], { device });
    setSyncDebugMode("error");
    expectError(() => x.sum().item(), "ERR_NATIVE", /synchronizing CUDA operation/);
    expectError(() => x.nonzero(), "ERR_NATIVE", /synchronizing CUDA operation/);
    setSyncDebugMode("default");
    expect(x.sum().item()).toBe(4);
  });

  test.each(CASES)("no step of $name over $base, $mode, has one", ({ Wrapper, options, mode, Base, of }) => {
    scope(() => {
      manualSeed(1);
      const model = new Sequential(new Linear(16, 32), new BatchNorm1d(32), new ReLU(), new Dropout(0.3), new Linear(32, 4)).to(device);
      const optimizer = new Wrapper(model.parameters(), Base, { ...of, ...options, model });
      const fn = (x: Tensor, y: Tensor) => crossEntropy(model.forward(x) as Tensor, y);
      const captured = capture(fn);
      const batches = Array.from({ length: 3 }, () => [randn([8, 16], { device }), randint(4, [8], { device })] as const);
      const step = () => optimizer.step(batches.map(([x, y]) => (mode === "eager" ? () => fn(x, y) : captured.on(x, y))));
      // Memory, numbers of the optimizer's and the graphs are made in the first ones.
      for (let i = 0; i < 10; i++) void step().losses;
      setSyncDebugMode("error");
      const results = Array.from({ length: 12 }, step);
      setSyncDebugMode("default");
      expect(optimizer.isLate).toBe(true);
      for (const { losses } of results) expect(losses.every(Number.isFinite)).toBe(true);
      if (mode === "captured") {
        expect(optimizer.graphs).toMatchObject({ refused: [], failures: [] });
        // Where LibTorch's kernels serve, some may not be captured.
        if (hasKernels) expect(optimizer.graphs.replayed).toBeGreaterThan(0);
      }
      captured.dispose();
      model.dispose();
    });
  });
});
