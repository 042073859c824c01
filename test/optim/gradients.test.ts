import {
  clipGradNorm, clipGradValue, Conv2d, DGSAM, DgsamError, grad, gradNorm, memoryStats, noGrad, ones, ops, scope, SGD, tensor, zeroGrad, zeros, type DType, type Tensor,
} from "dgsam";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { hasTorch, oracle } from "../reference/oracle.js";
import { decodeTensor, encodeTensor, type EncodedTensor } from "../tensor/pytorch.js";
import { MODES } from "./modes.js";
import { bits, expectError, linearLoss, values as elements } from "./support.js";

/** How far a result may lie from the one in float64, relative to the greatest value: half the distance of two numbers, and a little. */
const ROUNDING: Partial<Record<DType, number>> = { float64: 1e-12, complex128: 1e-12, float32: 2 ** -23, complex64: 2 ** -23, bfloat16: 2 ** -8, float16: 2 ** -10 };
const DTYPES = Object.keys(ROUNDING) as DType[];
const isComplex = (dtype: DType) => dtype.startsWith("complex");
const wide = (each: Tensor): Tensor => each.to(isComplex(each.dtype) ? "complex128" : "float64");

/** Ways in which the same values lie in memory. */
const LAYOUTS: Record<string, (dense: Tensor) => Tensor> = {
  plain: (dense) => dense,
  transposed: (dense) => (dense.ndim < 2 ? dense : dense.transpose(0, -1).contiguous().transpose(0, -1)),
  "with gaps": (dense) => ops.aten.stack([dense, dense.mul(0)], -1).select(-1, 0),
  expanded: (dense) => (dense.ndim === 0 ? dense : dense.reshape([-1]).slice({ start: 0, end: 1 }).expand(dense.shape)),
  "lazily negated": (dense) => ops.aten["_neg_view.default"](dense),
};

interface Gradient {
  dtype: DType;
  shape: number[];
  layout: string;
  values: number[];
}

interface Case {
  grads: (Gradient | null)[];
  maxNorm: number;
  normType: number;
  clipValue: number;
}

const shapes = fc.constantFrom<number[]>([], [1], [7], [3, 5], [2, 3, 4], [0], [2, 0]);
// The square of what lies below is 0 in float64, which sums of squares are formed in.
const finite = fc.double({ min: -30, max: 30, noNaN: true }).map((each) => (Math.abs(each) < 1e-150 ? 0 : each));
const values = (size: number) => {
  const usual = fc.array(finite, { minLength: size, maxLength: size });
  const odd = fc.array(fc.oneof({ weight: 20, arbitrary: finite }, { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, -Infinity, 0) }), { minLength: size, maxLength: size });
  return fc.oneof({ weight: 4, arbitrary: usual }, { weight: 1, arbitrary: odd });
};
const gradients = fc
  .record({ dtype: fc.constantFrom(...DTYPES), shape: shapes, layout: fc.constantFrom(...Object.keys(LAYOUTS)) })
  .chain((each) => values(2 * each.shape.reduce((a, b) => a * b, 1)).map((numbers): Gradient => ({ ...each, values: numbers })));
const cases: fc.Arbitrary<Case> = fc.record({
  grads: fc.array(fc.option(gradients, { freq: 6 }), { maxLength: 6 }),
  maxNorm: fc.constantFrom(0, 0.1, 1, 10, 1e3, Infinity),
  normType: fc.constantFrom(2, 2, 2, 1, 0.5, 3.5, Infinity),
  clipValue: fc.constantFrom(0, 0.5, 3, 1e6, 1e300, Infinity),
});

function gradientOf({ dtype, shape, layout, values }: Gradient): Tensor {
  const size = values.length / 2;
  const flat = isComplex(dtype) ? Array.from({ length: size }, (_, i) => ({ re: values[2 * i]!, im: values[2 * i + 1]! })) : values.slice(0, size);
  const dense = size === 0 ? zeros(shape, { dtype }) : tensor(flat, { dtype }).reshape(shape);
  return size === 0 ? dense : LAYOUTS[layout]!(dense);
}

/** Parameters with such gradients; every second one without a gradient of its own is frozen. */
function parametersOf({ grads }: Case): Tensor[] {
  return grads.map((each, i) => {
    if (each === null) return zeros([1], { requiresGrad: i % 2 === 0 });
    const param = zeros(each.shape, { dtype: each.dtype, requiresGrad: true });
    param.grad = gradientOf(each);
    return param;
  });
}

const numbersOf = (each: Tensor): Float64Array => new Float64Array(each.toBytes().slice().buffer);

/** Beyond these a number is infinite. */
const LARGEST: Partial<Record<DType, number>> = { float32: 3.41e38, complex64: 3.41e38, bfloat16: 3.4e38, float16: 65519 };

/**
 * Values agree to rounding; what is not finite agrees exactly. Of complex numbers PyTorch makes both parts NaN where one is not
 * finite, since it multiplies by a complex coefficient.
 */
function expectClose(actual: Tensor, expected: EncodedTensor): void {
  const [ours, theirs] = [numbersOf(wide(actual)), numbersOf(decodeTensor(expected))];
  expect([actual.shape, ours.length]).toEqual([expected.shape, theirs.length]);
  const scale = Math.max(1e-30, ...theirs.map(Math.abs).filter((each) => each <= (LARGEST[actual.dtype] ?? Number.MAX_VALUE)));
  const tolerance = ROUNDING[actual.dtype]! * scale + (actual.dtype === "float16" ? 2 ** -24 : 0);
  ours.forEach((value, i) => {
    const expected = Math.abs(theirs[i]!) > (LARGEST[actual.dtype] ?? Infinity) ? Infinity * theirs[i]! : theirs[i]!;
    if (Number.isFinite(expected)) expect(Math.abs(value - expected)).toBeLessThanOrEqual(tolerance);
    else if (isComplex(actual.dtype)) expect([value, ours[i ^ 1]!].some((each) => !Number.isFinite(each))).toBe(true);
    else expect(value).toBe(expected);
  });
}

function expectNorm(actual: number, expected: EncodedTensor): void {
  const norm = numbersOf(decodeTensor(expected))[0]!;
  if (Number.isFinite(norm)) expect(Math.abs(actual - norm)).toBeLessThanOrEqual(1e-12 * norm);
  else expect(actual).toBe(norm);
}

const orNull = (number: number) => (number === Infinity ? null : number);

describe.skipIf(!hasTorch)("as torch.nn.utils in float64, over 600 drawn cases", () => {
  const drawn = fc.sample(cases, { numRuns: 600, seed: 20 });
  let answers: { norm: EncodedTensor; byNorm: (EncodedTensor | null)[]; byValue: (EncodedTensor | null)[] }[];
  beforeAll(() => {
    answers = oracle("optim/gradients.py", {
      cases: scope(() =>
        drawn.map((each) => ({
          grads: each.grads.map((grad) => grad && encodeTensor(wide(gradientOf(grad)))),
          maxNorm: orNull(each.maxNorm),
          normType: orNull(each.normType),
          clipValue: orNull(each.clipValue),
        })),
      ),
    });
  });

  test("gradNorm and clipGradNorm", () => {
    drawn.forEach((each, i) =>
      scope(() => {
        const params = parametersOf(each);
        expectNorm(gradNorm(params, { normType: each.normType }), answers[i]!.norm);
        expectNorm(clipGradNorm(new Set(params), each.maxNorm, { normType: each.normType }), answers[i]!.norm);
        params.forEach((param, j) => (answers[i]!.byNorm[j] === null ? expect(param.grad).toBeNull() : expectClose(param.grad!, answers[i]!.byNorm[j]!)));
      }),
    );
  });

  test("clipGradValue", () => {
    drawn.forEach((each, i) =>
      scope(() => {
        const params = parametersOf(each);
        clipGradValue(params.filter(({ dtype }) => !isComplex(dtype)), each.clipValue);
        params.forEach((param, j) => answers[i]!.byValue[j] && expectClose(param.grad!, answers[i]!.byValue[j]!));
      }),
    );
  });

  test("among them are clipped and whole ones, every dtype, layout and order, and norms that are not finite", () => {
    const norms = answers.map(({ norm }) => numbersOf(decodeTensor(norm))[0]!);
    expect(norms.filter((norm, i) => norm > drawn[i]!.maxNorm).length).toBeGreaterThan(100);
    expect(norms.filter((norm, i) => norm < drawn[i]!.maxNorm).length).toBeGreaterThan(100);
    expect(norms.filter((norm) => !Number.isFinite(norm)).length).toBeGreaterThan(20);
    const grads = drawn.flatMap((each) => each.grads).filter((each) => each !== null);
    expect(new Set(grads.map(({ dtype, layout }) => dtype + layout)).size).toBe(DTYPES.length * Object.keys(LAYOUTS).length);
    expect(new Set(drawn.map(({ normType }) => normType)).size).toBe(5);
  });
});

/** A parameter with a gradient. */
function withGradient(grad: Tensor): Tensor {
  const param = zeros(grad.shape, { dtype: grad.dtype, requiresGrad: true });
  param.grad = grad;
  return param;
}

describe("gradients", () => {
  test("are changed in place, and their version counters move", () =>
    scope(() => {
      const grad = tensor([3, 4]);
      const param = withGradient(grad);
      expect([gradNorm(param), grad.version]).toEqual([5, 0]);
      expect(clipGradNorm(param, 10)).toBe(5);
      expect([grad.toArray(), grad.version]).toEqual([[3, 4], 0]);
      expect(clipGradNorm(param, 1)).toBe(5);
      expect(gradNorm(param)).toBeCloseTo(1, 5);
      expect([grad.toArray(), grad.version]).toEqual([param.grad!.toArray(), 1]);
      clipGradValue(param, 0.25);
      expect([grad.toArray(), grad.version]).toEqual([[0.25, 0.25], 2]);
    }));

  test("with gaps are changed in place, expanded ones are replaced", () =>
    scope(() => {
      const memory = tensor([3, 100, 4, 100]);
      const gaps = withGradient(memory.slice({ step: 2 }));
      clipGradNorm(gaps, 0);
      expect(memory.toArray()).toEqual([0, 100, 0, 100]);
      const one = tensor([1]);
      const expanded = withGradient(one.expand([4]));
      expect(clipGradNorm(expanded, 1)).toBe(2);
      expect([one.toArray(), expanded.grad!.stride()]).toEqual([[1], [1]]);
      elements(expanded.grad!).forEach((each) => expect(each).toBeCloseTo(0.5, 5));
    }));

  test("that several parameters share stay shared when a copy takes their place", () =>
    scope(() => {
      const shared = tensor([1], { dtype: "float64" }).expand([4]);
      const [a, b] = [withGradient(shared), withGradient(shared)];
      expect(clipGradNorm([a, b], 1)).toBeCloseTo(Math.sqrt(8), 12);
      for (const each of [a, b]) elements(each.grad!).forEach((element) => expect(element).toBeCloseTo(1 / Math.sqrt(8), 5));
    }));

  test("of a parameter that comes twice count once, and are scaled once; shared ones count twice", () =>
    scope(() => {
      const param = withGradient(tensor([3, 4], { dtype: "float64" }));
      expect(clipGradNorm([param, param], 2.5)).toBe(5);
      expect(gradNorm(param)).toBeCloseTo(2.5, 5);
      const shared = tensor([1, 1, 1, 1, 1, 1, 1, 1], { dtype: "float64" });
      expect(clipGradNorm([withGradient(shared), withGradient(shared)], 2)).toBe(4);
      elements(shared).forEach((each) => expect(each).toBeCloseTo(0.5, 5));
    }));

  test("have norms that float32 cannot hold", () =>
    scope(() => {
      const large = withGradient(ones([10_000]).mul(1e30));
      expect(gradNorm(large) / 1e32).toBeCloseTo(1, 5);
      clipGradNorm(large, 1);
      expect(gradNorm(large)).toBeCloseTo(1, 5);
      const half = withGradient(ones([100], { dtype: "float16" }).mul(6e4));
      clipGradNorm(half, 10);
      elements(half.grad!.to("float32")).forEach((each) => expect(each).toBe(1));
    }));

  test("that are missing change nothing: the norm of nothing is 0", () => {
    expect([gradNorm([]), gradNorm([], { normType: Infinity }), gradNorm(zeros([3], { requiresGrad: true })), clipGradNorm([], 1)]).toEqual([0, 0, 0, 0]);
    clipGradValue([], 1);
    zeroGrad([]);
  });

  test("that require gradients themselves are clipped as in torch.no_grad", () =>
    scope(() => {
      const x = tensor([3], { dtype: "float64", requiresGrad: true });
      const [dx] = grad(x.square().sum(), x, { createGraph: true });
      x.grad = dx!;
      expect(x.grad!.requiresGrad).toBe(true);
      expect(clipGradNorm(x, 3)).toBe(6);
      expect(x.grad!.item()).toBeCloseTo(3, 5);
    }));

  test("of a convolution in channels_last are clipped where they lie", () =>
    scope(() => {
      const conv = new Conv2d(3, 4, 3);
      for (const each of conv.parameters()) each.grad = ones(each.shape);
      const weight = [...conv.parameters()][0]!;
      weight.grad = ones(weight.shape).contiguous({ memoryFormat: "channels_last" });
      const strides = weight.grad.stride();
      expect(clipGradNorm(conv.parameters(), 1)).toBeCloseTo(Math.sqrt(112), 12);
      expect(weight.grad.stride()).toEqual(strides);
      expect(gradNorm(conv.parameters())).toBeCloseTo(1, 5);
    }));

  test("that do not lie in memory as they are, or in memory of others, are clipped alone", () =>
    scope(() => {
      const [plain, zero, shared] = [withGradient(tensor([3, 4])), zeros([2], { requiresGrad: true }), ones([2])];
      zero.grad = ops.aten["_efficientzerotensor.default"]([2]);
      const lazy = zeros([2], { requiresGrad: true });
      lazy.grad = ops.aten["_lazy_clone.default"](shared);
      const conjugate = withGradient(tensor([{ re: 3, im: 4 }]).conj());
      expect(clipGradNorm([plain, zero], 0)).toBe(5);
      expect([plain.grad!.toArray(), zero.grad!.toArray()]).toEqual([[0, 0], [0, 0]]);
      clipGradValue([zero, lazy], 0.5);
      expect([zero.grad!.toArray(), lazy.grad!.toArray(), shared.toArray()]).toEqual([[0, 0], [0.5, 0.5], [1, 1]]);
      expect([clipGradNorm(conjugate, 2.5), gradNorm(conjugate)]).toEqual([5, expect.closeTo(2.5, 5)]);
      expect(conjugate.grad!.toArray()).toEqual([{ re: expect.closeTo(1.5, 5), im: expect.closeTo(-2, 5) }]);
    }));

  test("are cleared, or filled with zeros", () =>
    scope(() => {
      const params = [withGradient(tensor([1])), withGradient(tensor([2]))];
      const [first] = params;
      zeroGrad(new Set(params), { setToNone: false });
      expect(params.map((each) => each.grad!.toArray())).toEqual([[0], [0]]);
      zeroGrad(first!);
      expect(params.map((each) => each.grad === null)).toEqual([true, false]);
      zeroGrad(params.values());
      expect(params.map((each) => each.grad)).toEqual([null, null]);
    }));
});

test.each(MODES)("DGSAM's gathered gradient is clipped by a base optimizer that clips, %s", (mode) =>
  scope(() => {
    class ClippedSGD extends SGD {
      override step(): void {
        clipGradNorm(this.paramGroups.flatMap((group) => group.params), 2);
        super.step();
      }
    }
    const param = tensor([0, 0], { dtype: "float64", requiresGrad: true });
    const optimizer = new DGSAM([param], ClippedSGD, { lr: 0.5, rho: 0.1 });
    optimizer.step([300, 500].map((slope) => linearLoss(param, [slope, slope], mode)));
    elements(param).forEach((each) => expect(each).toBeCloseTo(-Math.SQRT1_2, 5));
  }));

test("the coefficient follows PyTorch's text: at the norm itself the gradients shrink by a millionth", () =>
  scope(() => {
    const param = withGradient(tensor([1], { dtype: "float64" }));
    clipGradNorm(param, 1);
    expect(param.grad!.item()).toBe(1 / (1 + 1e-6));
  }));

test("no handle is left", () => {
  const params = scope(() => [withGradient(ones([8])), withGradient(ones([8]).expand([8]))]);
  const calls = () => {
    gradNorm(params);
    clipGradNorm(params, 0.1, { normType: 3 });
    clipGradNorm(params, 0.01);
    clipGradValue(params, 0.001);
  };
  calls();
  const { handles } = memoryStats();
  for (let i = 0; i < 20; i++) calls();
  expect(memoryStats().handles).toBe(handles);
});

describe("errors", () => {
  test("errorIfNonfinite throws and leaves the gradients; without it they are what PyTorch makes of them", () =>
    scope(() => {
      for (const [value, left] of [[NaN, [NaN, NaN]], [Infinity, [0, NaN]]] as const) {
        const param = withGradient(tensor([1, value]));
        const before = bits([param.grad!]);
        expectError(() => clipGradNorm(param, 1, { errorIfNonfinite: true }), "ERR_NON_FINITE", new RegExp(`^clipGradNorm: the norm of the gradients is ${value}; nothing was clipped`));
        expect([bits([param.grad!]), param.grad!.version]).toEqual([before, 0]);
        expect(clipGradNorm(param, 1)).toBe(value);
        expect(param.grad!.toArray()).toEqual(left);
      }
    }));

  test("of arguments", () => {
    const param = zeros([1], { requiresGrad: true });
    expectError(() => gradNorm(3 as never), "ERR_ARGUMENT", /^gradNorm\(params\): expected a Tensor or an iterable of Tensors, got the number 3$/);
    expectError(() => clipGradNorm("abc" as never, 1), "ERR_ARGUMENT", /^clipGradNorm\(params\): expected a Tensor or an iterable/);
    expectError(() => clipGradValue([param, null as never], 1), "ERR_ARGUMENT", /^clipGradValue\(params\): element 1: expected a Tensor, got null$/);
    expectError(() => zeroGrad(null as never), "ERR_ARGUMENT", /^zeroGrad\(params\): expected a Tensor or an iterable/);
    expectError(() => zeroGrad(param, { setToNone: 1 as never }), "ERR_ARGUMENT", /^zeroGrad: setToNone: expected a boolean/);
    for (const maxNorm of [-1, NaN, "1"]) expectError(() => clipGradNorm(param, maxNorm as number), "ERR_ARGUMENT", /maxNorm: expected a number of at least 0/);
    for (const clipValue of [-1, NaN, undefined]) expectError(() => clipGradValue(param, clipValue as number), "ERR_ARGUMENT", /clipValue: expected a number of at least 0/);
    for (const normType of [0, -Infinity, NaN, "inf"]) expectError(() => gradNorm(param, { normType: normType as number }), "ERR_ARGUMENT", /^gradNorm: normType: expected a positive number or Infinity/);
    expectError(() => clipGradNorm(param, 1, { norm_type: 1 } as never), "ERR_ARGUMENT", /^clipGradNorm: unknown option 'norm_type'; the options are normType, errorIfNonfinite$/);
    expectError(() => clipGradNorm(param, 1, { errorIfNonfinite: "yes" as never }), "ERR_ARGUMENT", /errorIfNonfinite: expected a boolean/);
  });

  test("of gradients are thrown before any is changed", () =>
    scope(() => {
      const good = withGradient(tensor([3, 4]));
      const complex = withGradient(ones([2], { dtype: "complex64" }));
      expectError(() => clipGradValue([good, complex], 1), "ERR_DTYPE", /clip_grad_value_: expected gradients of a real dtype/);
      const sparse = zeros([3, 2], { requiresGrad: true });
      const embedded = ops.aten.embedding(sparse, tensor([1n]), -1, false, true) as Tensor;
      embedded.sum().backward();
      expect(sparse.grad!.layout).toBe("sparse_coo");
      for (const call of [gradNorm, (params: Tensor[]) => clipGradNorm(params, 1), (params: Tensor[]) => clipGradValue(params, 1)]) {
        let thrown: unknown;
        try {
          call([good, sparse]);
        } catch (error) {
          thrown = error;
        }
        expect(thrown).toBeInstanceOf(DgsamError);
        expect((thrown as DgsamError).message).toMatch(/gradients of params\[1\]: expected a dense tensor, got layout Sparse/);
      }
      expect([good.grad!.toArray(), good.grad!.version]).toEqual([[3, 4], 0]);
      const gone = withGradient(tensor([1]));
      gone.dispose();
      expectError(() => noGrad(() => gradNorm([good, gone])), "ERR_DISPOSED", /./);
    }));
});
