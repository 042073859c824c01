/**
 * Steps that look at each pass (`check: "sync"`, the two-step and the open form) on a device against the CPU's: their climbs are kernels of our own
 * with one wait each, or LibTorch's operators where a gradient lies in another order than its parameter.
 */
import { ASAM, DGSAM, GSAM, manualSeed, ops, randn, SAGM, SAM, scope, SGD, type DType, type SharpnessAware, type Tensor, type TwoStep } from "dgsam";
import { expect, test } from "vitest";
import { FAMILY, type AnyWrapper } from "../optim/sharpness/family.js";
import { worstError } from "../optim/support.js";
import { describeOnCuda } from "./support.js";

const device = "cuda";
const STEPS = 3;
// Of elements, and of norms and losses: in 16 bits a last bit is much of an element, and of a norm next to nothing.
const DTYPES = { float64: [1e-12, 1e-12], float32: [5e-5, 5e-5], bfloat16: [0.03, 2e-3] } as const satisfies { [D in DType]?: readonly [number, number] };
type Dtype = keyof typeof DTYPES;

// Several pieces with a rest, and small ones; the last one has a gradient in some passes alone.
const ROWS = [
  ["dense", [20_011]], ["channels last", [4, 3, 5, 5]], ["unaligned", [1001]], ["unaligned", [6, 7]], ["empty", [0, 3]], ["dense", [7, 33]], ["dense", []], ["unaligned", [17]],
] as const;

function inRow(kind: string, values: Tensor): Tensor {
  if (kind === "channels last") return values.to({ memoryFormat: "channels_last" });
  if (kind !== "unaligned") return values.clone();
  // One element further than where memory begins.
  return ops.aten.cat([values.reshape([-1]).slice(0, 0, 1), values.reshape([-1])], 0).slice(0, 1).reshape(values.shape);
}

/**
 * One side: parameters in two groups, and losses of three domains whose gradients are sums and products of single elements, rounded to 16 bits once:
 * nothing but the order of sums and a last bit of float32 differs between the sides.
 */
function problem(where: string, dtype: Dtype) {
  manualSeed(1);
  const full = dtype === "bfloat16" ? "float32" : dtype;
  const draw = (as: DType) => ROWS.map(([kind, shape]) => inRow(kind, randn([...shape], { dtype: "float64" }).to({ dtype: as }).to(where)));
  const params = draw(dtype).map((each) => each.detach().requiresGrad_());
  const terms = Array.from({ length: 3 }, () => ({ slopes: draw(full), bends: draw(full).map((each) => each.abs()) }));
  const lossOf = (param: Tensor, slope: Tensor, bend: Tensor): Tensor => {
    const p = param.to({ dtype: full });
    return p.mul(slope).add(p.mul(p).mul(bend)).sum().mul(0.01);
  };
  const closures = terms.map(({ slopes, bends }, domain) => () => params
    .slice(0, domain === 0 ? undefined : -1).map((p, i) => lossOf(p, slopes[i]!, bends[i]!)).reduce((sum, each) => sum.add(each)));
  const groups = [0, 1].map((rest) => ({ params: params.filter((_, i) => i % 2 === rest), rho: 30 / (1 + rest) }));
  return { params, closures, groups, slopes: terms.map(({ slopes }) => slopes) };
}

type Problem = ReturnType<typeof problem>;

interface Told {
  readonly elements: readonly Float64Array[];
  readonly norms: readonly number[];
}

const wide = (each: Tensor): Float64Array => each.detach().cpu().to("float64").contiguous().data() as Float64Array;
const inOneOrder = ({ shape, strides, grad }: Tensor): boolean => grad === null || shape.every((size, dim) => size === 1 || strides[dim] === grad.strides[dim]);

/** What steps on one side came to: parameters and gradients after each, and what they tell besides. */
function take(where: string, dtype: Dtype, Wrapper: AnyWrapper, options: object, step: (optimizer: SharpnessAware, own: Problem) => Partial<Told>): Told[] {
  return scope(() => {
    const own = problem(where, dtype);
    const optimizer = new Wrapper(own.groups, SGD, { lr: 10, ...options, check: "sync" });
    expect(optimizer.isLate).toBe(false);
    const told = Array.from({ length: STEPS }, () => {
      const { elements = [], norms = [] } = step(optimizer, own);
      return { elements: [...own.params.flatMap((each) => [wide(each), each.grad === null ? Float64Array.of() : wide(each.grad)]), ...elements], norms };
    });
    optimizer.dispose();
    return told;
  });
}

function expectSame(dtype: Dtype, by: (where: string) => Told[]): void {
  const [here, there] = [by("cpu"), by(device)];
  const [ofElements, ofNorms] = DTYPES[dtype];
  here.forEach(({ elements, norms }, step) => {
    elements.forEach((expected, i) => expect(worstError(there[step]!.elements[i]!, expected), `step ${step}, list ${i}`).toBeLessThan(ofElements));
    norms.forEach((expected, i) => expect(Math.abs(there[step]!.norms[i]! - expected) / Math.max(1, Math.abs(expected)), `step ${step}, number ${i}`).toBeLessThan(ofNorms));
  });
  // They moved.
  expect(here[0]!.elements[0]).not.toEqual(here[1]!.elements[0]);
}

const ALGORITHMS = [
  ...FAMILY.filter(({ name }) => !["ERM", "DISAM", "LookSAM", "SAGM"].includes(name)),
  { name: "SAM, adaptive", Wrapper: SAM as never as AnyWrapper, options: { adaptive: true } },
  { name: "SAGM", Wrapper: SAGM as never as AnyWrapper, options: { alpha: 1 } },
];
const LOOKSAM = { ...FAMILY.find(({ name }) => name === "LookSAM")!, options: { k: 2 } };
const TWO_STEP = ([[SAM, {}], [ASAM, { form: "elementwise" }], [ASAM, { form: "normalized" }], [GSAM, {}], [SAGM, { alpha: 1 }]] as const)
  .map(([Wrapper, options]) => ({ name: `${Wrapper.name} ${JSON.stringify(options)}`, Wrapper: Wrapper as never as AnyWrapper, options }));
const inEachDtype = <T extends object>(list: readonly T[]) => list.flatMap((each) => (Object.keys(DTYPES) as Dtype[]).map((dtype) => ({ ...each, dtype })));

describeOnCuda("steps that look at each pass", () => {
  // In 16 bits LookSAM's direction, the small difference of two gradients, is what rounding leaves of it.
  test.each([...inEachDtype(ALGORITHMS), ...inEachDtype([LOOKSAM]).filter(({ dtype }) => dtype !== "bfloat16")])("$name of $dtype: as on the CPU", ({ Wrapper, options, dtype }) =>
    expectSame(dtype, (where) => take(where, dtype, Wrapper, options, (optimizer, { params, closures }) => {
      const { losses, gradNorms } = optimizer.step(closures);
      expect(params.every(inOneOrder)).toBe(true);
      return { norms: [...losses, ...gradNorms] };
    })));

  test.each(inEachDtype(TWO_STEP))("$name of $dtype in two steps: as on the CPU", ({ Wrapper, options, dtype }) =>
    expectSame(dtype, (where) => take(where, dtype, Wrapper, options, (optimizer, { closures: [closure] }) => {
      const twoStep = optimizer as TwoStep;
      twoStep.zeroGrad();
      scope(() => closure!().backward());
      twoStep.firstStep({ zeroGrad: true });
      scope(() => closure!().backward());
      twoStep.secondStep();
      return {};
    })));

  test.each(inEachDtype([{}]))("DGSAM of $dtype in the open form: as on the CPU", ({ dtype }) =>
    expectSame(dtype, (where) => take(where, dtype, DGSAM as never, { seed: 1 }, (optimizer, { closures }) => {
      const open = optimizer as unknown as DGSAM;
      const order = open.order(closures.length);
      const norms = order.map((domain, pass) => {
        scope(() => closures[domain]!().backward());
        return pass < order.length - 1 ? open.ascend() : NaN;
      }).slice(0, -1);
      open.descend();
      return { norms };
    })));

  test.each(inEachDtype([{}]))("SAM of $dtype, gradients in another order than their parameters: as on the CPU", ({ dtype }) =>
    expectSame(dtype, (where) => take(where, dtype, SAM as never, {}, (optimizer, { params, slopes: [, first, second] }) => {
      const sam = optimizer as TwoStep;
      const give = (gradients: Tensor[]): void => params.forEach((each, i) => (each.grad = gradients[i]!.clone({ memoryFormat: "contiguous_format" }).to({ dtype })));
      give(first!);
      expect(params.every(inOneOrder)).toBe(false);
      sam.firstStep();
      const elements = params.map(wide);
      give(second!);
      sam.secondStep();
      return { elements };
    })));
});
