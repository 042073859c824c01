import {
  BCEWithLogitsLoss, binaryCrossEntropyWithLogits, crossEntropy, CrossEntropyLoss, L1Loss, l1Loss, Module, MSELoss, mseLoss, NLLLoss, nllLoss, ones, ops,
  SmoothL1Loss, smoothL1Loss, tensor, zeroGrad, zeros, type DType, type Tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError, values, worstError } from "../optim/support.js";
import { hasTorch } from "../reference/oracle.js";
import { evaluateInPython, expectNear } from "./evaluate.js";

function inputs(dtype: DType) {
  const own = { dtype } as const;
  return {
    x: tensor([[1, 2, 0.5], [0.2, -1, 3], [-2, 0.1, 0.3]], { ...own, requiresGrad: true }),
    y: tensor([2n, 0n, 1n]),
    probabilities: tensor([[0, 0.25, 0.75], [1, 0, 0], [0.2, 0.2, 0.6]], own),
    weight: tensor([0.5, 1, 2], own),
    maps: tensor([[[[1, -1], [0.5, 2]], [[0, 1], [-1, 3]]]], { ...own, requiresGrad: true }),
    labels: tensor([[[0n, 1n], [1n, 1n]]]),
  };
}
type Inputs = ReturnType<typeof inputs>;

interface Row {
  python: string;
  ours: (inputs: Inputs) => Tensor;
}

const ROWS: Row[] = [
  { python: "F.cross_entropy(x, y)", ours: ({ x, y }) => crossEntropy(x, y) },
  { python: "F.cross_entropy(x, y, reduction='sum')", ours: ({ x, y }) => crossEntropy(x, y, { reduction: "sum" }) },
  { python: "F.cross_entropy(x, y, reduction='none')", ours: ({ x, y }) => crossEntropy(x, y, { reduction: "none" }) },
  { python: "F.cross_entropy(x, y, weight=weight)", ours: ({ x, y, weight }) => crossEntropy(x, y, { weight }) },
  { python: "F.cross_entropy(x, y, ignore_index=0)", ours: ({ x, y }) => crossEntropy(x, y, { ignoreIndex: 0 }) },
  { python: "F.cross_entropy(x, y, label_smoothing=0.1)", ours: ({ x, y }) => crossEntropy(x, y, { labelSmoothing: 0.1 }) },
  {
    python: "F.cross_entropy(x, y, weight=weight, ignore_index=1, label_smoothing=0.3)",
    ours: ({ x, y, weight }) => crossEntropy(x, y, { weight, ignoreIndex: 1, labelSmoothing: 0.3 }),
  },
  { python: "F.cross_entropy(x, probabilities)", ours: ({ x, probabilities }) => crossEntropy(x, probabilities) },
  {
    python: "F.cross_entropy(x, probabilities, weight=weight, label_smoothing=0.2, reduction='none')",
    ours: ({ x, probabilities, weight }) => crossEntropy(x, probabilities, { weight, labelSmoothing: 0.2, reduction: "none" }),
  },
  { python: "F.cross_entropy(maps, labels)", ours: ({ maps, labels }) => crossEntropy(maps, labels) },
  { python: "nn.CrossEntropyLoss(weight=weight, label_smoothing=0.1)(x, y)", ours: ({ x, y, weight }) => new CrossEntropyLoss({ weight, labelSmoothing: 0.1 }).forward(x, y) },
  { python: "F.nll_loss(x, y)", ours: ({ x, y }) => nllLoss(x, y) },
  { python: "F.nll_loss(x, y, weight=weight, ignore_index=2, reduction='sum')", ours: ({ x, y, weight }) => nllLoss(x, y, { weight, ignoreIndex: 2, reduction: "sum" }) },
  { python: "nn.NLLLoss(weight=weight)(x, y)", ours: ({ x, y, weight }) => new NLLLoss({ weight }).forward(x, y) },
  { python: "F.mse_loss(x, probabilities)", ours: ({ x, probabilities }) => mseLoss(x, probabilities) },
  { python: "nn.MSELoss(reduction='none')(x, probabilities)", ours: ({ x, probabilities }) => new MSELoss({ reduction: "none" }).forward(x, probabilities) },
  { python: "F.l1_loss(x, probabilities, reduction='sum')", ours: ({ x, probabilities }) => l1Loss(x, probabilities, { reduction: "sum" }) },
  { python: "nn.L1Loss()(x, probabilities)", ours: ({ x, probabilities }) => new L1Loss().forward(x, probabilities) },
  { python: "F.smooth_l1_loss(x, probabilities)", ours: ({ x, probabilities }) => smoothL1Loss(x, probabilities) },
  { python: "nn.SmoothL1Loss(beta=0.4)(x, probabilities)", ours: ({ x, probabilities }) => new SmoothL1Loss({ beta: 0.4 }).forward(x, probabilities) },
  { python: "F.binary_cross_entropy_with_logits(x, probabilities)", ours: ({ x, probabilities }) => binaryCrossEntropyWithLogits(x, probabilities) },
  {
    python: "F.binary_cross_entropy_with_logits(x, probabilities, pos_weight=weight, reduction='sum')",
    ours: ({ x, probabilities, weight }) => binaryCrossEntropyWithLogits(x, probabilities, { posWeight: weight, reduction: "sum" }),
  },
  {
    python: "nn.BCEWithLogitsLoss(weight=weight, pos_weight=weight)(x, probabilities)",
    ours: ({ x, probabilities, weight }) => new BCEWithLogitsLoss({ weight, posWeight: weight }).forward(x, probabilities),
  },
];

const CASES = ROWS.flatMap((row) => (["float64", "float32"] as const).map((dtype) => ({ ...row, dtype, tensors: inputs(dtype) })));
const answers = hasTorch ? evaluateInPython(CASES.map(({ python, tensors }) => ({ expression: python, tensors: used(python, tensors) }))) : [];

/** The inputs that an expression names: others have no gradient. */
function used(python: string, tensors: Inputs): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => new RegExp(`\\b${name}\\b`).test(python)));
}

describe.skipIf(!hasTorch)("losses and their gradients equal PyTorch's (skipped: no Python with torch)", () => {
  test.each(CASES.map((each, index) => ({ ...each, index })))("$python in $dtype", ({ ours, dtype, tensors, index }) => {
    const answer = answers[index]!;
    const tolerance = dtype === "float64" ? 1e-12 : 1e-5;
    zeroGrad([tensors.x, tensors.maps]);
    const loss = ours(tensors);
    expectNear(loss, answer, tolerance);
    ops.aten["sum.default"](loss).backward();
    const grads = Object.entries(answer.grads);
    expect(grads).toHaveLength(1);
    for (const [name, expected] of grads) expect(worstError(values(tensors[name as "x" | "maps"].grad!), expected)).toBeLessThanOrEqual(tolerance);
  });
});

test("a loss module's weights are buffers under PyTorch's keys", () => {
  const weight = ones([3]);
  const loss = new BCEWithLogitsLoss({ weight, posWeight: weight });
  expect(Object.keys(loss.stateDict())).toEqual(["weight", "pos_weight"]);
  expect(loss.parameters()).toEqual([]);
  expect(new MSELoss()).toBeInstanceOf(Module);
  expect(new CrossEntropyLoss().stateDict()).toEqual({});
});

describe("errors", () => {
  const x = () => zeros([2, 3]);
  test.each<[title: string, call: () => unknown, code: string, text: RegExp]>([
    ["an unknown reduction", () => crossEntropy(x(), tensor([0n, 1n]), { reduction: "average" as never }), "ERR_ARGUMENT", /^crossEntropy: reduction: expected "mean", "sum" or "none", got the string "average"$/],
    ["an unknown option", () => crossEntropy(x(), tensor([0n, 1n]), { smoothing: 0.1 } as never), "ERR_ARGUMENT", /^crossEntropy: unknown option 'smoothing'; the options are weight, ignoreIndex, reduction, labelSmoothing$/],
    ["options that are none", () => crossEntropy(x(), tensor([0n, 1n]), "mean" as never), "ERR_ARGUMENT", /^crossEntropy: options: expected an object with any of weight, .*, got the string "mean"$/],
    ["smoothing beyond 1", () => crossEntropy(x(), tensor([0n, 1n]), { labelSmoothing: 2 }), "ERR_ARGUMENT", /^crossEntropy: labelSmoothing: expected a number from 0 to 1, got the number 2$/],
    ["fewer targets than examples", () => crossEntropy(x(), tensor([0n])), "ERR_SHAPE", /aten::cross_entropy_loss.*batch_size \(2\) to match target batch_size \(1\)/],
    ["targets of a wrong dtype", () => crossEntropy(x(), tensor([0, 1])), "ERR_DTYPE", /aten::cross_entropy_loss.*Long/],
    ["a target out of range", () => crossEntropy(x(), tensor([0n, 3n])), "ERR_ARGUMENT", /aten::cross_entropy_loss.*Target 3 is out of bounds/],
    ["shapes that would broadcast", () => mseLoss(zeros([3]), zeros([3, 1])), "ERR_SHAPE", /^mseLoss: expected a target of the input's shape \[3\], got \[3, 1\]; reshape or expand it$/],
    ["shapes that would broadcast", () => l1Loss(zeros([3]), zeros([])), "ERR_SHAPE", /^l1Loss: .*\[3\], got \[\]/],
    ["shapes that would broadcast", () => smoothL1Loss(zeros([3]), zeros([1])), "ERR_SHAPE", /^smoothL1Loss: .*\[3\], got \[1\]/],
    ["a negative beta", () => smoothL1Loss(zeros([3]), zeros([3]), { beta: -1 }), "ERR_ARGUMENT", /^smoothL1Loss: beta: expected a number of at least 0, got the number -1$/],
    ["shapes that would broadcast", () => binaryCrossEntropyWithLogits(zeros([3, 1]), zeros([3])), "ERR_SHAPE", /^binaryCrossEntropyWithLogits: .*\[3, 1\], got \[3\]/],
    ["no tensor", () => nllLoss(x(), [0, 1] as never), "ERR_ARGUMENT", /aten::nll_loss_nd.*argument 'target'/],
  ])("%s", (_, call, code, text) => expectError(call, code, text));
});
