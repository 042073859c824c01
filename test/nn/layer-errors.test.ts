/** What layers refuse, when they are made and when they are run. */
import {
  AdaptiveAvgPool2d, AvgPool2d, Conv2d, Dropout, Embedding, Flatten, GELU, GroupNorm, LayerNorm, Linear, MaxPool2d, MultiheadAttention,
  ones, Permute, ReLU, SamePaddedConv2d, StochasticDepth, tensor,
} from "dgsam";
import { describe, test } from "vitest";
import { expectError } from "../optim/support.js";

type Row = [title: string, call: () => unknown, text: RegExp];

describe("constructors", () => {
  test.each<Row>([
    ["fewer than no features", () => new Linear(-1, 1), /^Linear: inFeatures: expected an integer of at least 0, got the number -1$/],
    ["half a feature", () => new Linear(1, 1.5), /^Linear: outFeatures: expected an integer of at least 0, got the number 1.5$/],
    ["options in a Map", () => new Linear(1, 1, new Map([["bias", false]]) as never), /^Linear: options: expected an object with any of bias, dtype, device, got a Map$/],
    ["a Tensor for options", () => new Linear(1, 1, ones([1]) as never), /^Linear: options: expected an object with any of bias, dtype, device, got a Tensor$/],
    ["no number", () => new Linear("4" as never, 1), /^Linear: inFeatures: expected an integer of at least 0, got the string "4"$/],
    ["an unknown option", () => new Linear(1, 1, { Bias: false } as never), /^Linear: unknown option 'Bias'; the options are bias, dtype, device$/],
    ["a positional option", () => new Linear(1, 1, false as never), /^Linear: options: expected an object with any of bias, dtype, device, got the boolean false$/],
    ["bias of no boolean", () => new Linear(1, 1, { bias: 0 as never }), /^Linear: bias: expected a boolean, got the number 0$/],
    ["an unknown dtype", () => new Linear(1, 1, { dtype: "double" as never }), /aten::empty.*dtype.*got the string "double"/],
    ["fewer than no channels", () => new Conv2d(-1, 1, 3), /^Conv2d: inChannels: expected an integer of at least 0, got the number -1$/],
    ["no kernel", () => new Conv2d(1, 1, 0), /^Conv2d: kernelSize: expected an integer of at least 1, or a pair of them \[height, width\], got the number 0$/],
    ["three kernel sizes", () => new Conv2d(1, 1, [3, 3, 3] as never), /^Conv2d: kernelSize: .* got an array of length 3$/],
    ["a negative padding", () => new Conv2d(1, 1, 3, { padding: -1 }), /^Conv2d: padding: expected an integer of at least 0, or a pair/],
    ["an unknown padding", () => new Conv2d(1, 1, 3, { padding: "full" as never }), /^Conv2d: padding: expected integers, "same" or "valid", got the string "full"$/],
    ["same with a stride", () => new Conv2d(1, 1, 3, { padding: "same", stride: [1, 2] }), /^Conv2d: padding "same" needs stride 1, got stride \[1, 2\]$/],
    ["groups that do not divide", () => new Conv2d(4, 6, 3, { groups: 4 }), /^Conv2d: groups: expected a divisor of inChannels 4 and of outChannels 6, got 4$/],
    ["an unknown padding mode", () => new Conv2d(1, 1, 3, { paddingMode: "mirror" as never }), /^Conv2d: paddingMode: expected "zeros" or "reflect" or "replicate" or "circular", got the string "mirror"$/],
    ["a positional stride", () => new Conv2d(1, 1, 3, 2 as never), /^Conv2d: options: expected an object with any of stride, .* got the number 2$/],
    ["a padding beyond half the window", () => new MaxPool2d(2, { padding: 2 }), /^MaxPool2d: padding: expected at most half the kernel size \[2, 2\], got \[2, 2\]$/],
    ["no stride", () => new AvgPool2d(2, { stride: 0 }), /^AvgPool2d: stride: expected an integer of at least 1/],
    ["a divisor of zero", () => new AvgPool2d(2, { divisorOverride: 0 }), /^AvgPool2d: divisorOverride: expected an integer of at least 1, got the number 0$/],
    ["indices of no boolean", () => new MaxPool2d(2, { returnIndices: 1 as never }), /^MaxPool2d: returnIndices: expected a boolean, got the number 1$/],
    ["no output", () => new AdaptiveAvgPool2d(0), /^AdaptiveAvgPool2d: outputSize: expected an integer of at least 1 or null, or a pair of them \[height, width\], got the number 0$/],
    ["an output of undefined", () => new AdaptiveAvgPool2d([1, undefined] as never), /^AdaptiveAvgPool2d: outputSize: .* got an array of length 2$/],
    ["an output of three sizes", () => new AdaptiveAvgPool2d([1, 2, 3] as never), /^AdaptiveAvgPool2d: outputSize: .* got an array of length 3$/],
    ["in place of no boolean", () => new ReLU({ inplace: 1 as never }), /^ReLU: inplace: expected a boolean, got the number 1$/],
    ["in place by position", () => new ReLU(true as never), /^ReLU: options: expected an object with any of inplace, got the boolean true$/],
    ["in place of no boolean", () => new Dropout(0.5, { inplace: "yes" as never }), /^Dropout: inplace: expected a boolean, got the string "yes"$/],
    ["heads that do not divide", () => new MultiheadAttention(6, 4), /^MultiheadAttention: embedDim: expected a multiple of numHeads 4, got 6$/],
    ["no heads", () => new MultiheadAttention(6, 0), /^MultiheadAttention: numHeads: expected an integer of at least 1, got the number 0$/],
    ["an unknown option of attention", () => new MultiheadAttention(6, 2, { batch_first: true } as never), /^MultiheadAttention: unknown option 'batch_first'/],
    ["a depth's probability above 1", () => new StochasticDepth(1.5, "row"), /^StochasticDepth: p: expected a number from 0 to 1, got the number 1.5$/],
    ["an unknown mode", () => new StochasticDepth(0.5, "column" as never), /^StochasticDepth: mode: expected "batch" or "row", got the string "column"$/],
    ["dimensions that are no integers", () => new Permute([0, 1.5]), /^Permute: dims: expected an array of integers, got an array of length 2$/],
    ["padding of a convolution that pads itself", () => new SamePaddedConv2d(1, 1, 3, { padding: 1 } as never), /^SamePaddedConv2d: unknown option 'padding'/],
    ["groups that do not divide the channels", () => new GroupNorm(8, 12), /^GroupNorm: numChannels: expected a multiple of numGroups 8, got 12$/],
    ["bias of no boolean", () => new GroupNorm(2, 4, { bias: 1 as never }), /^GroupNorm: bias: expected a boolean, got the number 1$/],
    ["an empty shape", () => new LayerNorm([]), /^LayerNorm: normalizedShape: expected an integer of at least 0, or an array of them, got an array of length 0$/],
    ["a negative size", () => new LayerNorm([3, -1]), /^LayerNorm: normalizedShape: /],
    ["eps NaN", () => new LayerNorm(3, { eps: NaN }), /^LayerNorm: eps: expected a number of at least 0, got the number NaN$/],
    ["a padding row beyond the table", () => new Embedding(3, 2, { paddingIdx: 3 }), /^Embedding: paddingIdx: expected null or an integer from -3 to 2, got the number 3$/],
    ["a padding row of an empty table", () => new Embedding(0, 2, { paddingIdx: 0 }), /^Embedding: paddingIdx: expected null or an integer from/],
    ["a negative norm", () => new Embedding(3, 2, { maxNorm: -1 }), /^Embedding: maxNorm: expected a number of at least 0, got the number -1$/],
    ["a norm of no number", () => new Embedding(3, 2, { normType: "inf" as never }), /^Embedding: normType: expected a number of at least 0, got the string "inf"$/],
    ["scaled sparse gradients", () => new Embedding(3, 2, { sparse: true, scaleGradByFreq: true }), /^Embedding: scaleGradByFreq: sparse gradients cannot be scaled; leave one of scaleGradByFreq and sparse out$/],
    ["sparse of no boolean", () => new Embedding(3, 2, { sparse: 1 as never }), /^Embedding: sparse: expected a boolean, got the number 1$/],
    ["a probability beyond 1", () => new Dropout(1.5), /^Dropout: p: expected a number from 0 to 1, got the number 1.5$/],
    ["an unknown approximation", () => new GELU({ approximate: "erf" as never }), /^GELU: approximate: expected "none" or "tanh", got the string "erf"$/],
    ["half a dimension", () => new Flatten(0.5), /^Flatten: startDim: expected an integer, got the number 0.5$/],
    ["half a dimension", () => new Flatten(0, 1.5), /^Flatten: endDim: expected an integer, got the number 1.5$/],
  ])("%s", (_, call, text) => expectError(call, "ERR_ARGUMENT", text));
});

describe("inputs", () => {
  test.each<[...Row, code: string]>([
    ["Linear, of another size", () => new Linear(4, 3).forward(ones([2, 5])), /^aten::linear.*\(2x5 and 4x3\)/, "ERR_SHAPE"],
    ["Linear, of another dtype", () => new Linear(4, 3).forward(ones([2, 4], { dtype: "float64" })), /^aten::linear/, "ERR_DTYPE"],
    ["Conv2d, of other channels", () => new Conv2d(3, 1, 3).forward(ones([1, 2, 5, 5])), /^aten::conv2d.*expected input\[1, 2, 5, 5\] to have 3 channels/, "ERR_SHAPE"],
    ["Conv2d, smaller than the kernel", () => new Conv2d(1, 1, 3).forward(ones([1, 1, 2, 2])), /^aten::conv2d.*[Kk]ernel size/, "ERR_SHAPE"],
    ["GroupNorm, of other channels", () => new GroupNorm(2, 4).forward(ones([1, 6, 2])), /^aten::group_norm/, "ERR_SHAPE"],
    ["GroupNorm, one value per group", () => new GroupNorm(4, 4).forward(ones([1, 4])), /^GroupNorm: expected more than one value per group, got shape \[1, 4\] for 4 groups; use fewer groups$/, "ERR_SHAPE"],
    ["GroupNorm, one value per group in evaluation", () => new GroupNorm(4, 4).eval().forward(ones([1, 4, 1, 1])), /^GroupNorm: expected more than one value per group, got shape \[1, 4, 1, 1\]/, "ERR_SHAPE"],
    ["GroupNorm, of one dimension", () => new GroupNorm(2, 4).forward(ones([4])), /^aten::group_norm/, "ERR_SHAPE"],
    ["GroupNorm, no tensor", () => new GroupNorm(2, 4).forward(null as never), /^GroupNorm\.forward\(x\): expected a Tensor, got null$/, "ERR_ARGUMENT"],
    ["AdaptiveAvgPool2d, of two dimensions", () => new AdaptiveAvgPool2d([null, 2]).forward(ones([2, 4])), /^aten::adaptive_avg_pool2d/, "ERR_SHAPE"],
    ["AdaptiveAvgPool2d, no tensor", () => new AdaptiveAvgPool2d(1).forward(undefined as never), /^AdaptiveAvgPool2d\.forward\(x\): expected a Tensor, got undefined$/, "ERR_ARGUMENT"],
    ["Dropout in evaluation, no tensor", () => new Dropout().eval().forward(1 as never), /^Dropout\.forward\(x\): expected a Tensor, got the number 1$/, "ERR_ARGUMENT"],
    ["ReLU in place, a parameter", () => new ReLU({ inplace: true }).forward(ones([1], { requiresGrad: true })), /^aten::relu_.*leaf Variable/, "ERR_NATIVE"],
    ["Conv2d, without outputs", () => new Conv2d(2, 0, 3).forward(ones([1, 2, 4, 4])), /^aten::conv2d/, "ERR_SHAPE"],
    ["LayerNorm, of another size", () => new LayerNorm(4).forward(ones([2, 3])), /^aten::layer_norm.*normalized_shape=\[4\]/, "ERR_SHAPE"],
    ["MaxPool2d, smaller than the window", () => new MaxPool2d(3).forward(ones([1, 1, 2, 2])), /^aten::max_pool2d/, "ERR_SHAPE"],
    ["Embedding, beyond the table", () => new Embedding(3, 2).forward(tensor([3n])), /^aten::embedding.*out of range/, "ERR_ARGUMENT"],
    ["Embedding, of fractions", () => new Embedding(3, 2).forward(tensor([1])), /^aten::embedding/, "ERR_DTYPE"],
    ["Flatten, without the dimension", () => new Flatten(2).forward(ones([2, 3])), /^aten::flatten/, "ERR_SHAPE"],
    ["no tensor", () => new Linear(1, 1).forward([1] as never), /^aten::linear.*argument 'input': expected a Tensor/, "ERR_ARGUMENT"],
  ])("%s", (_, call, text, code) => expectError(call, code, text));
});
