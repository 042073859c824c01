/**
 * Trains the fixed small problem of `lib/reference/problem.ts` with the native optimizers and with other
 * implementations of the same rules, and measures how far they part.
 *
 * The measure is, for every parameter after every step, max|a - b| / max|b|, and of these the worst.
 */
import { Adam, AdamW, DGSAM, SAM, SGD } from "../optim/index.js";
import * as reference from "../reference/index.js";
import { getNumThreads, noGrad, ops, scope, setNumThreads, tensor, type Tensor } from "../tensor/index.js";

export const PARITY_STEPS = 100;
export const PARITY_TOLERANCE = { float64: 1e-12, float32: 1e-5 } as const;

const ALGORITHMS = ["ERM", "SAM", "DGSAM"] as const;
const DTYPES = ["float64", "float32"] as const;
const RHO = 0.05;

/** Every option of the base optimizers that changes the formulas is away from its default somewhere. */
const BASE_OPTIONS = {
  SGD: { lr: 0.05, momentum: 0.9, nesterov: true, weightDecay: 1e-3 },
  Adam: { lr: 0.01, amsgrad: true, weightDecay: 1e-3 },
  AdamW: { lr: 0.01, weightDecay: 0.05 },
} as const;

/** One way of training the problem. */
export interface ParityRun {
  readonly algorithm: (typeof ALGORITHMS)[number];
  readonly base: keyof typeof BASE_OPTIONS;
  readonly dtype: (typeof DTYPES)[number];
}

/** The parameters after every step, each flat. */
export type Trajectory = readonly (readonly ArrayLike<number>[])[];

/** How far the native optimizer parts from one oracle. */
export interface ParityRow extends ParityRun {
  readonly oracle: "reference" | "PyTorch";
  readonly error: number;
  readonly tolerance: number;
  readonly pass: boolean;
}

export const PARITY_RUNS: readonly ParityRun[] = ALGORITHMS.flatMap((algorithm) =>
  (Object.keys(BASE_OPTIONS) as ParityRun["base"][]).flatMap((base) => DTYPES.map((dtype) => ({ algorithm, base, dtype }))),
);

/** Trains with the native optimizers, on one thread. */
export function trainNative(run: ParityRun): Trajectory {
  // LibTorch's fused optimizers start every thread for tensors of any size; on a busy machine most of the time then goes
  // into waiting for them.
  const threads = getNumThreads();
  setNumThreads(1);
  try {
    return scope(() => trainNativeInScope(run));
  } finally {
    setNumThreads(threads);
  }
}

function trainNativeInScope({ algorithm, base, dtype }: ParityRun): Trajectory {
  const shapes = reference.parameterShapes(reference.PROBLEM_SIZES);
  const params = reference.problemParams().map((values, index) => tensor([...values], { dtype, shape: shapes[index]!, requiresGrad: true }));
  const closures = reference.problemBatches().map(({ x, y }) => {
    const inputs = tensor([...x], { dtype, shape: [reference.PROBLEM_EXAMPLES, reference.PROBLEM_SIZES[0]!] });
    const labels = tensor(y, { dtype: "int64" });
    return () => ops.aten.cross_entropy_loss(forward(params, inputs), labels);
  });
  const mean = () => closures.map((closure) => closure()).reduce((sum, loss) => sum.add(loss)).div(closures.length);
  const step = makeNativeStep({ algorithm, base, dtype }, params, closures, mean);
  return reference.problemOrders(PARITY_STEPS).map((order) => {
    scope(() => step(order));
    return noGrad(() => params.map((param) => param.data() as Float32Array | Float64Array));
  });
}

function forward(params: readonly Tensor[], x: Tensor): Tensor {
  let output = x;
  for (let index = 0; index < params.length; index += 2) {
    if (index > 0) output = output.tanh();
    output = ops.aten.linear(output, params[index]!, params[index + 1]!);
  }
  return output;
}

/** A step of the run: it takes the order in which DGSAM visits the domains. */
function makeNativeStep({ algorithm, base }: ParityRun, params: Tensor[], closures: (() => Tensor)[], mean: () => Tensor): (order: readonly number[]) => void {
  const Base = { SGD, Adam, AdamW }[base] as typeof Adam;
  const options = BASE_OPTIONS[base];
  switch (algorithm) {
    case "ERM": {
      const optimizer = new Base(params, options);
      return () => {
        optimizer.zeroGrad();
        mean().backward();
        optimizer.step();
      };
    }
    case "SAM": {
      const sam = new SAM(params, Base, { rho: RHO, ...options });
      return () => sam.step(mean);
    }
    case "DGSAM": {
      // The problem's own order is given by permuting the closures.
      const dgsam = new DGSAM(params, Base, { rho: RHO, order: "fixed", ...options });
      return (order) => dgsam.step(order.map((domain) => closures[domain]!));
    }
  }
}

/** Trains with the float64 twins, whatever the run's dtype. */
export function trainReference({ algorithm, base }: ParityRun): Trajectory {
  const { net, closures, meanClosure } = reference.makeProblem();
  const params = net.params;
  const Base = { SGD: reference.SGD, Adam: reference.Adam, AdamW: reference.AdamW }[base] as typeof reference.Adam;
  const options = BASE_OPTIONS[base];
  const erm = new Base(params, options);
  const sam = new reference.SAM<reference.AdamOptions>(params, Base, { rho: RHO, ...options });
  const dgsam = new reference.DGSAM<reference.AdamOptions>(params, Base, { rho: RHO, ...options });
  return reference.problemOrders(PARITY_STEPS).map((order) => {
    if (algorithm === "ERM") erm.step(meanClosure().grads);
    else if (algorithm === "SAM") sam.step(meanClosure);
    else dgsam.step(closures, order);
    return params.map((param) => param.slice());
  });
}

/** What `test/oracles/parity_problem.py` is asked in order to train the same runs. */
export function pytorchRequest(): object {
  const runs = PARITY_RUNS.map(({ algorithm, base, dtype }) => ({
    algorithm: algorithm.toLowerCase(),
    base,
    dtype,
    options: { ...snakeCaseKeys(BASE_OPTIONS[base]), ...(algorithm === "ERM" ? {} : { rho: RHO }) },
  }));
  return { steps: PARITY_STEPS, every: 1, runs };
}

function snakeCaseKeys(options: object): object {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]));
}

/** The rows for one run. `pytorch` is PyTorch's trajectory, `null` where there is none. */
export function parityRows(run: ParityRun, pytorch: Trajectory | null): ParityRow[] {
  const native = trainNative(run);
  const oracles = [["reference", trainReference(run)], ["PyTorch", pytorch]] as const;
  return oracles.flatMap(([oracle, trajectory]) => {
    if (trajectory === null) return [];
    const error = trajectoryError(native, trajectory);
    const tolerance = PARITY_TOLERANCE[run.dtype];
    return [{ ...run, oracle, error, tolerance, pass: error <= tolerance }];
  });
}

/** The worst error over all steps and parameters. Lengths that differ, and NaN on either side, are an infinite error. */
export function trajectoryError(actual: Trajectory, expected: Trajectory): number {
  if (actual.length !== expected.length) return Infinity;
  let worst = 0;
  for (const [step, params] of actual.entries()) {
    if (params.length !== expected[step]!.length) return Infinity;
    for (const [index, param] of params.entries()) worst = Math.max(worst, tensorError(param, expected[step]![index]!));
  }
  return worst;
}

function tensorError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let difference = 0;
  let magnitude = 0;
  for (let i = 0; i < expected.length; i++) {
    const distance = Math.abs(actual[i]! - expected[i]!);
    if (Number.isNaN(distance)) return Infinity;
    difference = Math.max(difference, distance);
    magnitude = Math.max(magnitude, Math.abs(expected[i]!));
  }
  return difference === 0 ? 0 : difference / magnitude;
}
