/** What tests of graphs share: the emulation is on in them, on the CPU. */
import { BatchNorm1d, capture, crossEntropy, DGSAM, Dropout, Linear, manualSeed, ones, Sequential, SGD, type StepResult, type Tensor } from "dgsam";
import { afterEach, beforeEach, vi } from "vitest";
import { emulateGraphs } from "../../../lib/tensor/internal.js";
import type { AnyWrapper } from "../sharpness/family.js";
import { drawBatches, NETS } from "./nets.js";

beforeEach(() => emulateGraphs(true));
afterEach(() => {
  emulateGraphs(false);
  vi.restoreAllMocks();
});

export const SGD_OPTIONS = { lr: 0.02, momentum: 0.9, nesterov: true, weightDecay: 1e-3 };

// Running and recording the function, the step that makes the base optimizer's state, and the first of its kind.
export const ONE_GRAPH = { captured: 1, recaptured: 0, graphs: 1, evicted: 0, recaptures: [], refused: [] };

export interface Problem {
  readonly model: Sequential;
  readonly first: Linear;
  /** What the losses are multiplied by, and no step writes to: [1]. */
  readonly read: Tensor;
  readonly optimizer: DGSAM<SGD>;
  /** Takes steps over new minibatches of `size` examples; the last one's result. */
  readonly steps: (count: number, size?: number) => StepResult;
}

export function problem(options: object = {}, Base: unknown = SGD, reads = (loss: Tensor): Tensor => loss, maxPrograms = 64): Problem {
  manualSeed(1);
  const first = new Linear(6, 8);
  const read = ones([1]);
  const model = new Sequential(first, new BatchNorm1d(8), new Dropout(0.2), new Linear(8, 3));
  const optimizer = new (DGSAM as unknown as AnyWrapper)(model.parameters(), Base, { ...(Base === SGD ? SGD_OPTIONS : { lr: 1e-3 }), ...options, model, check: "late" }) as unknown as DGSAM<SGD>;
  const loss = capture((x: Tensor, y: Tensor) => reads(crossEntropy(model.forward(x) as Tensor, y)).mul(read.sum()), { maxPrograms });
  const steps = (count: number, size = 4): StepResult => {
    let result!: StepResult;
    for (let i = 0; i < count; i++) result = optimizer.step(drawBatches({ ...NETS.mlp, shape: [size, 6] }).map(({ x, y }) => loss.on(x, y)));
    return result;
  };
  return { model, first, read, optimizer, steps };
}
