import {
  adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveMaxPool2d, atleast1d, atleast2d, atleast3d, avgPool1d, avgPool2d, batchNorm, blockDiag,
  broadcastTensors, bucketize, cartesianProd, cat, cdist, columnStack, concat, conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d,
  cosineSimilarity, dropout, dstack, einsum, embedding, groupNorm, hstack, instanceNorm, isin, layerNorm, linear, manualSeed, maxPool1d, maxPool2d,
  maxPool3d, memoryStats, meshgrid, oneHot, pad, pairwiseDistance, pixelShuffle, polar, randint, randn, rmsNorm, scaledDotProductAttention, scope,
  searchsorted, stack, stdMean, tensor, tensordot, trilIndices, triuIndices, varMean, vstack, where, zeros, type Tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "../data/errors.js";
import { hasTorch } from "../reference/oracle.js";
import { encode, evaluatedByPytorch } from "./pytorch.js";

function makeInputs() {
  manualSeed(2);
  return {
    a: randn([2, 3]), b: randn([2, 3]), row: randn([3]), column: randn([2]), m: tensor([[true, false, true], [false, true, false]]),
    i: randint(0, 5, [2, 3]),
    x1: randn([2, 4, 9]), w1: randn([6, 4, 3]), x2: randn([2, 4, 7, 8]), w2: randn([6, 4, 3, 3]), g2: randn([4, 2, 3, 3]), wt: randn([4, 3, 3, 3]),
    bias: randn([6]),
    x3: randn([1, 2, 4, 5, 6]), w3: randn([3, 2, 2, 2, 2]), wt1: randn([4, 3, 3]), four: randn([4]), four2: randn([4]), mean: randn([4]),
    variance: randn([4]).abs(), table: randn([5, 3]),
    q: randn([2, 3, 5, 4]), k: randn([2, 3, 6, 4]), v: randn([2, 3, 6, 4]), weight: randn([5, 3]), five: randn([5]), edges: tensor([-1, 0, 1]),
    abs: randn([3]).abs(), indices: tensor([0n, 1n]), m5: randn([3, 3, 5]), p5: randn([3, 5, 2]),
  };
}

const CASES: readonly (readonly [python: string, ours: (t: ReturnType<typeof makeInputs>) => unknown])[] = [
  ["torch.cat([a, b])", ({ a, b }) => cat([a, b])], ["torch.cat([a, b], 1)", ({ a, b }) => cat([a, b], 1)],
  ["torch.concat([a, b], -1)", ({ a, b }) => concat([a, b], -1)],
  ["torch.stack([a, b])", ({ a, b }) => stack([a, b])], ["torch.stack([a, b], 2)", ({ a, b }) => stack([a, b], 2)],
  ["torch.hstack([a, b])", ({ a, b }) => hstack([a, b])],
  ["torch.vstack([row, a])", ({ a, row }) => vstack([row, a])], ["torch.dstack([a, b])", ({ a, b }) => dstack([a, b])],
  ["torch.block_diag(a, b)", ({ a, b }) => blockDiag([a, b])],
  ["torch.cartesian_prod(row, column)", ({ row, column }) => cartesianProd([row, column])],
  ["torch.broadcast_tensors(a, row)", ({ a, row }) => broadcastTensors([a, row])],
  ["torch.meshgrid(row, column, indexing='ij')", ({ row, column }) => meshgrid([row, column])],
  ["torch.meshgrid(row, column, indexing='xy')", ({ row, column }) => meshgrid([row, column], { indexing: "xy" })],
  ["torch.where(m, a, b)", ({ m, a, b }) => where(m, a, b)], ["torch.where(m, a, 0)", ({ m, a }) => where(m, a, 0)],
  ["torch.where(m, 1.5, b)", ({ m, b }) => where(m, 1.5, b)], ["torch.where(m)", ({ m }) => where(m)],
  ["torch.einsum('ij,kj->ik', a, b)", ({ a, b }) => einsum("ij,kj->ik", a, b)], ["torch.einsum('ij->j', a)", ({ a }) => einsum("ij->j", [a])],
  ["torch.einsum('...ij,...jk', m5, p5)", ({ m5, p5 }) => einsum("...ij,...jk", m5, p5)],
  ["torch.tensordot(a, a)", ({ a }) => tensordot(a, a)], ["torch.tensordot(a, row, 1)", ({ a, row }) => tensordot(a, row, 1)],
  ["torch.tensordot(m5, p5, ([2], [1]))", ({ m5, p5 }) => tensordot(m5, p5, [[2], [1]])],
  ["torch.tensordot(a, row, dims=1)", ({ a, row }) => tensordot(a, row, { dims: 1 })],
  ["torch.block_diag(a, b)", ({ a, b }) => blockDiag(a, b)], ["torch.cartesian_prod(row, column)", ({ row, column }) => cartesianProd(row, column)],
  ["torch.broadcast_tensors(a, row)", ({ a, row }) => broadcastTensors(a, row)],
  ["torch.meshgrid(row, column, indexing='ij')", ({ row, column }) => meshgrid(row, column)],
  ["torch.meshgrid(row, column, indexing='xy')", ({ row, column }) => meshgrid(row, column, { indexing: "xy" })],
  ["torch.column_stack([row, row])", ({ row }) => columnStack([row, row])], ["torch.polar(abs, row)", ({ abs, row }) => polar(abs, row)],
  ["torch.atleast_1d(a[0, 0])", ({ a }) => atleast1d(a.get(0).get(0))], ["torch.atleast_2d(row)", ({ row }) => atleast2d(row)],
  ["torch.atleast_3d(a)", ({ a }) => atleast3d(a)], ["torch.atleast_2d([row, a])", ({ row, a }) => atleast2d([row, a])],
  ["torch.std_mean(a)", ({ a }) => stdMean(a)], ["torch.std_mean(a, 1, unbiased=False)", ({ a }) => stdMean(a, 1, { unbiased: false })],
  ["torch.var_mean(a, dim=0, correction=0, keepdim=True)", ({ a }) => varMean(a, { dim: 0, correction: 0, keepdim: true })],
  ["torch.tril_indices(3, 4)", () => trilIndices(3, 4)], ["torch.tril_indices(3, 4, -1, dtype=torch.int32)", () => trilIndices(3, 4, -1, { dtype: "int32" })],
  ["torch.triu_indices(3, 4, offset=1)", () => triuIndices(3, 4, { offset: 1 })],
  ["torch.tensordot(row, column, 0)", ({ row, column }) => tensordot(row, column, 0)],
  ["torch.cdist(a, b)", ({ a, b }) => cdist(a, b)], ["torch.cdist(a, b, 1.)", ({ a, b }) => cdist(a, b, 1)],
  ["torch.isin(i, tensor([1, 3]))", ({ i }) => isin(i, tensor([1n, 3n]))],
  ["torch.isin(i, 2, invert=True)", ({ i }) => isin(i, 2, { invert: true })],
  ["torch.bucketize(a, edges)", ({ a, edges }) => bucketize(a, edges)],
  ["torch.bucketize(a, edges, out_int32=True, right=True)", ({ a, edges }) => bucketize(a, edges, { outInt32: true, right: true })],
  ["torch.searchsorted(edges, a)", ({ a, edges }) => searchsorted(edges, a)],
  ["torch.searchsorted(edges, 0, side='right')", ({ edges }) => searchsorted(edges, 0, { side: "right" })],
  ["F.linear(a, weight)", ({ a, weight }) => linear(a, weight)], ["F.linear(a, weight, five)", ({ a, weight, five }) => linear(a, weight, five)],
  ["F.conv1d(x1, w1, bias, 2, 1)", ({ x1, w1, bias }) => conv1d(x1, w1, bias, 2, 1)], ["F.conv2d(x2, w2)", ({ x2, w2 }) => conv2d(x2, w2)],
  ["F.conv2d(x2, w2, bias, (2, 1), (1, 0), 2)", ({ x2, w2, bias }) => conv2d(x2, w2, bias, [2, 1], [1, 0], 2)],
  ["F.conv2d(x2, w2, bias, padding='same')", ({ x2, w2, bias }) => conv2d(x2, w2, { bias, padding: "same" })],
  ["F.conv2d(x2, g2, None, padding=1, groups=2)", ({ x2, g2 }) => conv2d(x2, g2, null, { padding: 1, groups: 2 })],
  ["F.conv3d(x3, w3)", ({ x3, w3 }) => conv3d(x3, w3)],
  ["F.conv_transpose1d(x1, wt1, stride=2)", ({ x1, wt1 }) => convTranspose1d(x1, wt1, { stride: 2 })],
  ["F.conv_transpose2d(x2, wt, None, 2, 1, 1)", ({ x2, wt }) => convTranspose2d(x2, wt, null, 2, 1, 1)],
  ["F.conv_transpose2d(x2, wt, stride=2, output_padding=1)", ({ x2, wt }) => convTranspose2d(x2, wt, { stride: 2, outputPadding: 1 })],
  ["F.max_pool1d(x1, 2)", ({ x1 }) => maxPool1d(x1, 2)], ["F.max_pool2d(x2, 2)", ({ x2 }) => maxPool2d(x2, 2)],
  ["F.max_pool2d(x2, (3, 2), 2, 1, ceil_mode=True)", ({ x2 }) => maxPool2d(x2, [3, 2], { stride: 2, padding: 1, ceilMode: true })],
  ["F.avg_pool1d(x1, 3, 2, 1)", ({ x1 }) => avgPool1d(x1, 3, 2, 1)], ["F.avg_pool2d(x2, 2)", ({ x2 }) => avgPool2d(x2, 2)],
  ["F.avg_pool2d(x2, 3, 2, 1, False, False)", ({ x2 }) => avgPool2d(x2, 3, { stride: 2, padding: 1, countIncludePad: false })],
  ["F.adaptive_avg_pool1d(x1, 4)", ({ x1 }) => adaptiveAvgPool1d(x1, 4)], ["F.adaptive_avg_pool2d(x2, 1)", ({ x2 }) => adaptiveAvgPool2d(x2, 1)],
  ["F.adaptive_avg_pool2d(x2, (2, 3))", ({ x2 }) => adaptiveAvgPool2d(x2, [2, 3])],
  ["F.adaptive_avg_pool2d(x2, (None, 3))", ({ x2 }) => adaptiveAvgPool2d(x2, [null, 3])],
  ["F.adaptive_max_pool2d(x2, (2, None))", ({ x2 }) => adaptiveMaxPool2d(x2, [2, null])],
  ["F.max_pool3d(x3, 2, 1)", ({ x3 }) => maxPool3d(x3, 2, 1)],
  ["F.adaptive_max_pool2d(x2, 3)", ({ x2 }) => adaptiveMaxPool2d(x2, 3)],
  ["F.batch_norm(x2, mean, variance, four, four2)", ({ x2, mean, variance, four, four2 }) => batchNorm(x2, mean, variance, four, four2)],
  ["F.batch_norm(x2, None, None, training=True)", ({ x2 }) => batchNorm(x2, null, null, null, null, true)],
  ["F.batch_norm(x2, mean, variance, training=True)", ({ x2, mean, variance }) => batchNorm(x2, mean.clone(), variance.clone(), { training: true })],
  ["F.batch_norm(x2, mean, variance, four, bias=four2, eps=0.1)", ({ x2, mean, variance, four, four2 }) => batchNorm(x2, mean, variance, four, { bias: four2, eps: 0.1 } as never)],
  ["F.instance_norm(x2)", ({ x2 }) => instanceNorm(x2)],
  ["F.instance_norm(x2, mean, variance, four, four2, False, 0.1, 0.01)", ({ x2, mean, variance, four, four2 }) => instanceNorm(x2, mean, variance, four, four2, false, 0.1, 0.01)],
  ["F.instance_norm(x2, weight=four, eps=0.1)", ({ x2, four }) => instanceNorm(x2, { weight: four, eps: 0.1 })],
  ["F.layer_norm(a, (3,), eps=0.1)", ({ a }) => layerNorm(a, 3, { eps: 0.1 })],
  ["F.rms_norm(a, (3,))", ({ a }) => rmsNorm(a, 3)], ["F.rms_norm(a, (3,), row, 0.1)", ({ a, row }) => rmsNorm(a, [3], row, 0.1)],
  ["F.pixel_shuffle(x2, 2)", ({ x2 }) => pixelShuffle(x2, 2)],
  ["F.pairwise_distance(a, b)", ({ a, b }) => pairwiseDistance(a, b)], ["F.pairwise_distance(a, b, 1., keepdim=True)", ({ a, b }) => pairwiseDistance(a, b, 1, { keepdim: true } as never)],
  ["F.dropout(a, 0.5, False)", ({ a }) => dropout(a, { training: false })], ["F.dropout(a, 1.)", ({ a }) => dropout(a, 1)],
  ["F.dropout(a, 1., training=True)", ({ a }) => dropout(a, 1, { training: true })], ["torch.dropout(a, p=1., train=True)", ({ a }) => dropout(a, { p: 1, train: true })],
  ["F.layer_norm(a, (3,))", ({ a }) => layerNorm(a, [3])],
  ["F.layer_norm(a, (3,), row, row, 0.1)", ({ a, row }) => layerNorm(a, [3], row, row, 0.1)],
  ["F.group_norm(x2, 2, four, four2)", ({ x2, four, four2 }) => groupNorm(x2, 2, four, four2)],
  ["F.embedding(i, table)", ({ i, table }) => embedding(i, table)], ["F.one_hot(i)", ({ i }) => oneHot(i)],
  ["F.one_hot(i, 7)", ({ i }) => oneHot(i, 7)],
  ["F.pad(a, (1, 2))", ({ a }) => pad(a, [1, 2])], ["F.pad(x2, (1, 1, 2, 0), 'reflect')", ({ x2 }) => pad(x2, [1, 1, 2, 0], "reflect")],
  ["F.pad(a, (0, -1, 1, 0), value=3.)", ({ a }) => pad(a, [0, -1, 1, 0], "constant", 3)],
  ["F.cosine_similarity(a, b)", ({ a, b }) => cosineSimilarity(a, b)], ["F.cosine_similarity(a, b, 0)", ({ a, b }) => cosineSimilarity(a, b, 0)],
  ["F.scaled_dot_product_attention(q, k, v)", ({ q, k, v }) => scaledDotProductAttention(q, k, v)],
  ["F.scaled_dot_product_attention(q, q, q, is_causal=True)", ({ q }) => scaledDotProductAttention(q, q, q, { isCausal: true })],
  ["F.scaled_dot_product_attention(q, k, v, scale=0.1)", ({ q, k, v }) => scaledDotProductAttention(q, k, v, { scale: 0.1 })],
];

describe.skipIf(!hasTorch)("functions", { timeout: 60_000 }, () => {
  test("give PyTorch's results to the bit", () => {
    scope(() => {
      const inputs = makeInputs();
      const python = CASES.map(([expression]) => expression);
      const theirs = evaluatedByPytorch(python, inputs as unknown as Record<string, Tensor>);
      expect(CASES.map(([, ours], i) => [python[i], encode(ours(inputs))])).toEqual(python.map((expression, i) => [expression, theirs[i]]));
      expect(theirs.filter((each) => "error" in each)).toEqual([]);
    });
  });

  test("batchNorm moves the running statistics while training, as PyTorch does", () => {
    scope(() => {
      const inputs = makeInputs();
      const { x2, mean, variance } = inputs;
      const [theirs] = evaluatedByPytorch(["[F.batch_norm(x2, mean, variance, training=True, momentum=0.3), mean, variance]"], inputs as unknown as Record<string, Tensor>);
      expect(encode([batchNorm(x2, mean, variance, null, null, true, 0.3), mean, variance])).toEqual(theirs);
    });
  });
});

describe("functions of tensors", () => {
  test("free what they do not return", () => {
    scope(() => {
      const x = randn([1, 1, 4, 4]);
      const { handles } = memoryStats();
      adaptiveMaxPool2d(x, 2);
      expect(memoryStats().handles).toBe(handles + 1);
    });
  });

  test("say which argument is wrong", () => {
    scope(() => {
      const x = randn([2, 3]);
      expectError(() => cat([x, 3 as never]), "ERR_ARGUMENT", /aten::cat[\s\S]*argument 'tensors': expected an array, each element a Tensor, got the number 3 at index 1/);
      expectError(() => cat(x as never), "ERR_ARGUMENT", /argument 'tensors': expected an array, each element a Tensor, got a Tensor/);
      expectError(() => cat([x, zeros([2, 2])]), "ERR_SHAPE", /aten::cat.*Sizes of tensors must match/);
      expectError(() => stack([]), "ERR_ARGUMENT", /^aten::stack\.default: stack expects a non-empty TensorList/);
      expectError(() => einsum("ij,jk", x), "ERR_ARGUMENT", /^aten::einsum\.default: einsum\(\): fewer operands were provided than specified in the equation/);
      expectError(() => conv2d(x, x, { strides: 2 } as never), "ERR_ARGUMENT", /there is no argument 'strides'/);
      expectError(() => maxPool2d(x, "2" as never), "ERR_ARGUMENT", /argument 'kernel_size': expected an array, each element a safe integer or a bigint within 64 bits, or one for all, got the string "2"/);
      expectError(() => linear(x, randn([2, 2])), "ERR_SHAPE", /aten::linear/);
      expectError(() => batchNorm(x, null, null, { train: true } as never), "ERR_ARGUMENT", /^batchNorm: unknown option 'train'; the options are weight, bias, training, momentum, eps$/);
      expectError(() => (batchNorm as (...args: unknown[]) => unknown)(x, null, null, null, null, true, 0.1, 1e-5, 9), "ERR_ARGUMENT", /^batchNorm: expected at most 8 arguments \(input, .*\), got 9$/);
      expectError(() => tensordot(x, x, -1), "ERR_ARGUMENT", /^tensordot\(a, b, dims\): dims: expected an integer from 0 to 64, or two arrays of dimensions, got the number -1$/);
      expectError(() => meshgrid([x], { index: "ij" } as never), "ERR_ARGUMENT", /^meshgrid: unknown option 'index'; the options are indexing$/);
      expectError(() => embedding(x, x, { padding_idx: 1 } as never), "ERR_ARGUMENT", /^embedding: unknown option 'padding_idx'; the options are paddingIdx, scaleGradByFreq, sparse$/);
      expectError(() => trilIndices(2, 2, { diagonal: 1 } as never), "ERR_ARGUMENT", /^trilIndices: unknown option 'diagonal'; the options are dtype, device, requiresGrad, offset$/);
      expectError(() => adaptiveAvgPool2d(randn([1, 4, 4]), [2, "3"] as never), "ERR_ARGUMENT", /argument 'output_size': expected an array, .*got the string "3" at index 1/);
      expectError(() => pad(x, [1, 1], "foo" as never), "ERR_ARGUMENT", /^aten::pad\.default: Unrecognised padding mode foo$/);
      expectError(() => oneHot(x), "ERR_DTYPE", /^aten::one_hot\.default: one_hot is only applicable to index tensor of type LongTensor/);
    });
  });
});
