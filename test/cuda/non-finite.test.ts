/** A pass that is not finite stops a step on a GPU, wherever it is found out: at once, when the result is read, or within a graph. */
import {
  Adadelta, Adagrad, Adam, Adamax, BatchNorm1d, capture, crossEntropy, DGSAM, Linear, manualSeed, NAdam, RAdam, randint, randn, ReLU, RMSprop, scope, Sequential, SGD, type Tensor,
} from "dgsam";
import { expect, test } from "vitest";
import { expectError, stateBits } from "../optim/support.js";
import { describeOnCuda, hasKernels, hasNvcc } from "./support.js";

const device = "cuda";
const BASES: readonly (readonly [string, unknown, object])[] = [
  ["SGD", SGD, { lr: 0.05, momentum: 0.9 }], ["Adam", Adam, { lr: 0.01 }], ["RMSprop", RMSprop, { lr: 0.01 }], ["Adagrad", Adagrad, { lr: 0.01 }], ["Adadelta", Adadelta, {}],
  ["NAdam", NAdam, { lr: 0.01 }], ["RAdam", RAdam, { lr: 0.01 }], ["Adamax", Adamax, { lr: 0.01 }],
];
// Of the others LibTorch's operators would wait; without nvcc there are none.
const WITH_GRAPHS = !hasNvcc ? [] : ["SGD", "Adam", ...(hasKernels ? ["RMSprop", "Adagrad", "Adadelta", "NAdam", "RAdam", "Adamax"] : [])];
const CASES = (["sync", "late"] as const).flatMap((check) => (["eager", "captured"] as const).flatMap((mode) => BASES.map(([name, Base, options]) => [check, mode, name, Base, options] as const)));

describeOnCuda("passes that are not finite", () => {
  test.each(CASES)("check %s, %s, over %s: the domain is named, and nothing is left of the step", (check, mode, name, Base, options) => scope(() => {
    manualSeed(1);
    const model = new Sequential(new Linear(16, 32), new BatchNorm1d(32), new ReLU(), new Linear(32, 4)).to(device);
    const optimizer = new DGSAM(model.parameters(), Base as typeof SGD, { ...options, rho: 0.05, model, check });
    const fn = (x: Tensor, y: Tensor) => crossEntropy(model.forward(x) as Tensor, y);
    const captured = capture(fn);
    const step = (spoiled?: number) => optimizer.step(Array.from({ length: 3 }, (_, domain) => {
      const [x, y] = [randn([8, 16], { device }), randint(4, [8], { device })];
      if (domain === spoiled) x.fill_(NaN);
      return mode === "eager" ? () => fn(x, y) : captured.on(x, y);
    }));
    for (let i = 0; i < 8; i++) void step().losses;
    const state = () => stateBits([[...model.parameters(), ...model.buffers()], optimizer.stateDict().base]);
    for (const spoiled of [0, 1, 2]) {
      const before = state();
      if (check === "sync") {
        expectError(() => step(spoiled), "ERR_NON_FINITE", new RegExp(`the loss of domain ${spoiled} `));
      } else {
        const result = step(spoiled);
        expectError(() => result.losses, "ERR_NON_FINITE", new RegExp(`the loss of domain ${spoiled} `));
      }
      expect(state()).toEqual(before);
      expect(step().losses.every(Number.isFinite)).toBe(true);
      expect(state()).not.toEqual(before);
    }
    if (check === "late" && mode === "captured" && WITH_GRAPHS.includes(name)) expect(optimizer.graphs).toMatchObject({ captured: 1, refused: [], failures: [] });
    captured.dispose();
    model.dispose();
  }));
});
