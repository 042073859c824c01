/**
 * Random functions of tensors. A program is a list of steps, each an operator and numbers that choose its operands from all
 * tensors there are so far; what does not fit is left out, so that every list is a program and shrinks to a shorter one.
 */

import { full, noGrad, ops, tensor, type Tensor } from "dgsam";
import fc from "fast-check";

export interface Step {
  readonly operator: number;
  readonly a: number;
  readonly b: number;
  readonly n: number;
}

/** What a program refers to beside its inputs. */
export interface Surroundings {
  readonly parameters: readonly Tensor[];
  readonly buffers: readonly Tensor[];
}

type Pick = (index: number, fits?: (tensor: Tensor) => boolean) => Tensor;
interface Choice {
  readonly pick: Pick;
  readonly a: number;
  readonly b: number;
  readonly n: number;
}
type Made = Tensor | readonly Tensor[] | void;

const { aten } = ops;
const FLOATS = new Set(["float32", "float64", "bfloat16"]);
const isFloat = ({ dtype }: Tensor): boolean => FLOATS.has(dtype);
const isReal = ({ dtype }: Tensor): boolean => dtype === "float32" || dtype === "float64";
const isComplex = ({ dtype }: Tensor): boolean => dtype === "complex64" || dtype === "complex128";
const isMatrix = (each: Tensor): boolean => isReal(each) && each.ndim === 2;
const hasAxis = (each: Tensor): boolean => each.ndim > 0 && each.shape.every((size) => size > 0);
const axisOf = (each: Tensor, n: number): number => n % each.ndim;
const like = (one: Tensor) => (other: Tensor): boolean => other.dtype === one.dtype && other.shape.join() === one.shape.join();

/** The running statistics and the weight of batch normalisation are among the surroundings, each of so many elements. */
export const CHANNELS = 3;
const isChannels = (each: Tensor): boolean => each.dtype === "float32" && each.ndim === 1 && each.numel === CHANNELS && each.isContiguous();

const pointwise = ["sin", "exp", "neg", "abs", "sqrt", "relu", "sigmoid", "tanh", "square", "erf"] as const;
const binary = ["add", "sub", "mul", "maximum", "eq", "lt"] as const;
const inPlace = ["neg_", "sin_", "zero_", "relu_", "sigmoid_", "square_"] as const;
const foreach = ["_foreach_add", "_foreach_mul", "_foreach_neg"] as const;

function call(name: string, ...args: unknown[]): Made {
  return (aten as unknown as Record<string, (...args: unknown[]) => Made>)[name]!(...args);
}

const views: readonly ((each: Tensor, n: number) => Made)[] = [
  (each, n) => aten.narrow(each, axisOf(each, n), n % each.shape[axisOf(each, n)]!, 1),
  (each, n) => aten.select(each, axisOf(each, n), n % each.shape[axisOf(each, n)]!),
  (each, n) => aten.transpose(each, axisOf(each, n), axisOf(each, n + 1)),
  (each) => aten.reshape(each, [-1]),
  (each) => aten.view(each, [-1, 1]),
  (each) => aten.expand(aten.unsqueeze(each, 0), [2, ...each.shape]),
  (each, n) => aten.unsqueeze(each, axisOf(each, n)),
  (each) => aten.as_strided(each, [2], [1]),
  (each) => aten.detach(each),
  (each, n) => aten.slice(each, axisOf(each, n), 0, null, 2),
  (each) => aten.squeeze(each),
  (each) => aten.alias(each),
];

/** The operators, by what a step's first number leads to. Each is as likely as any other. */
const operators: readonly ((choice: Choice) => Made)[] = [
  ({ pick, a, n }) => call(pointwise[n % pointwise.length]!, pick(a, isFloat)),
  ({ pick, a, b, n }) => call(binary[n % binary.length]!, pick(a, (each) => !isComplex(each)), pick(b, (each) => !isComplex(each))),
  ({ pick, a, n }) => call(binary[n % 3]!, pick(a, isFloat), [0, -0, 2, 0.5, NaN][n % 5]),
  ({ pick, a, b, n }) => call(binary[n % 3]!, pick(a, isComplex), pick(b)),
  ({ pick, a, n }) => views[n % views.length]!(pick(a, hasAxis), n),
  ({ pick, a, n }) => views[n % views.length]!(pick(a, hasAxis), n >> 2),
  ({ pick, a, n }) => views[(n >> 3) % views.length]!(pick(a, hasAxis), n),
  ({ pick, a, n }) => (n % 3 === 0 ? aten.real(pick(a, isComplex)) : n % 3 === 1 ? aten.imag(pick(a, isComplex)) : aten._conj(pick(a, isComplex))),
  ({ pick, a }) => aten.view_as_real(pick(a, isComplex)),
  ({ pick, a, n }) => call(["sum", "mean", "amax", "var", "logsumexp"][n % 5]!, pick(a, (each) => isReal(each) && hasAxis(each)), [0]),
  ({ pick, a, n }) => call(["sum", "mean", "norm", "amin", "cumsum"][n % 5]!, pick(a, (each) => isReal(each) && hasAxis(each)), ...(n % 5 === 4 ? [0] : [])),
  ({ pick, a, b }) => {
    const one = pick(a, isMatrix);
    return aten.matmul(one, pick(b, (each) => isMatrix(each) && each.dtype === one.dtype && each.shape[0] === one.shape[1]));
  },
  ({ pick, a, b }) => {
    const one = pick(a, isMatrix);
    return aten.linear(one, pick(b, (each) => isMatrix(each) && each.dtype === one.dtype && each.shape[1] === one.shape[1]));
  },
  ({ pick, a, n }) => call(inPlace[n % inPlace.length]!, pick(a, isFloat)),
  ({ pick, a, n }) => call(inPlace[n % inPlace.length]!, views[(n >> 3) % views.length]!(pick(a, (each) => isFloat(each) && hasAxis(each)), n) as Tensor),
  ({ pick, a, b }) => aten.add_(pick(a, isFloat), pick(b, (each) => !isComplex(each))),
  ({ pick, a, b, n }) => aten.mul_(pick(a, isFloat), n % 2 === 0 ? pick(b, (each) => !isComplex(each)) : 1.5),
  ({ pick, a, b }) => noGrad(() => aten.copy_(pick(a), pick(b))),
  ({ pick, a, n }) => noGrad(() => aten.add_(pick(a, (each) => !isComplex(each)), n % 7)),
  ({ pick, a, n }) => aten.fill_(pick(a, isFloat), n % 3),
  ({ pick, a, n }) => (n % 2 === 0 ? aten.t_(aten.alias(pick(a, (each) => each.ndim === 2))) : aten.unsqueeze_(aten.detach(pick(a)), 0)),
  ({ pick, a, b }) => {
    const one = pick(a, hasAxis);
    return aten.cat([one, pick(b, like(one)), one], 0);
  },
  ({ pick, a, b }) => {
    const one = pick(a);
    return aten.stack([one, pick(b, like(one))], 0);
  },
  ({ pick, a, n }) => [aten.chunk, aten.split, aten.unbind][n % 3]!(...([pick(a, hasAxis), ...(n % 3 === 2 ? [] : [2]), 0] as unknown as [Tensor, number, number])),
  ({ pick, a, b, n }) => {
    const each = pick(a, hasAxis);
    const index = aten.remainder(aten.abs(pick(b, ({ dtype, ndim }) => dtype === "int64" && ndim < 2)), each.shape[each.ndim > 1 && n % 2 === 1 ? 1 : 0]!);
    return aten.index(each, each.ndim > 1 && n % 2 === 1 ? [null, index] : [index]);
  },
  ({ pick, a, b }) => {
    const one = pick(a, isFloat);
    return aten.where(pick(b, ({ dtype }) => dtype === "bool"), one, aten.mul(one, 2));
  },
  ({ pick, a }) => aten.sort(pick(a, (each) => isReal(each) && hasAxis(each)), -1),
  ({ pick, a }) => aten.topk(pick(a, (each) => isReal(each) && hasAxis(each)), 1, 0),
  ({ pick, a }) => aten.max(pick(a, (each) => isReal(each) && hasAxis(each)), 0),
  ({ pick, a, n }) => call(n % 2 === 0 ? "softmax" : "log_softmax", pick(a, (each) => isReal(each) && hasAxis(each)), 0),
  ({ pick, a }) => {
    const weight = pick(a, (each) => each.dtype === "float32" && hasAxis(each));
    return aten.conv2d(aten.reshape(aten.sin(aten.expand(aten.reshape(weight, [-1]).sum(), [48])), [1, 3, 4, 4]), pick(a, ({ ndim, dtype, shape }) => ndim === 4 && dtype === "float32" && shape[1] === 3));
  },
  ({ pick, a, n }) => {
    const input = pick(a, (each) => each.dtype === "float32" && each.ndim >= 2 && each.shape[1] === CHANNELS);
    const [mean, variance] = [pick(n, isChannels), pick(n + 1, (each) => isChannels(each))];
    return aten.batch_norm(input, pick(n + 2, isChannels), null, aten.detach(mean), aten.detach(variance), n % 4 !== 0, 0.1, 1e-5, false);
  },
  ({ pick, a, n }) => (n % 2 === 0 ? aten.dropout(pick(a, isReal), 0.5, true) : aten.rand_like(pick(a, isReal))),
  ({ pick, a, n }) => (n % 2 === 0 ? aten.bernoulli_(pick(a, isFloat), 0.5) : aten.randn([2, CHANNELS])),
  ({ n }) => tensor([n % 5, 2, -0], { dtype: n % 2 === 0 ? "float32" : "int64" }),
  ({ n }) => full([2, CHANNELS], [0, -0, 1.5][n % 3]!),
  ({ n }) => aten.zeros([n % 4, 3]),
  ({ pick, a, b, n }) => {
    const one = pick(a, isReal);
    return call(foreach[n % foreach.length]!, [one, pick(b, isReal)], ...(n % foreach.length === 2 ? [] : [1.5]));
  },
  ({ pick, a, b }) => void noGrad(() => aten._foreach_add_([pick(a, isFloat), pick(b, isFloat)], 1)),
  ({ pick, a, n }) => aten.to(pick(a, isFloat), { dtype: (["float32", "float64", "bfloat16"] as const)[n % 3]! }),
  ({ pick, a }) => aten.contiguous(pick(a)),
  ({ pick, a }) => aten.clone(pick(a)),
  ({ pick, a }) => noGrad(() => aten.mul(pick(a, isFloat), 3)),
  ({ pick, a, n }) => aten.index_add(pick(a, isMatrix), 0, tensor([0, 0], { dtype: "int64" }), aten.expand(aten.select(pick(a, isMatrix), 0, n % 2), [2, pick(a, isMatrix).shape[1]!])),
  ({ pick, a }) => aten.constant_pad_nd(pick(a, (each) => isReal(each) && hasAxis(each)), [1, 1], 0.5),
  ({ pick, a, b }) => aten.addcmul(pick(a, isReal), pick(b, isReal), pick(a + 1, isReal)),
  ({ pick, a, b }) => {
    const one = pick(a, (each) => isReal(each) && hasAxis(each));
    return aten.mse_loss(one, pick(b, like(one)));
  },
];

export const arbitraryStep: fc.Arbitrary<Step> = fc.record({ operator: fc.nat(operators.length - 1), a: fc.nat(40), b: fc.nat(40), n: fc.nat(100) });

class NothingFits extends Error {}

/** Runs a program: all tensors there are at its end, those of the inputs and surroundings first. */
export function runSteps(steps: readonly Step[], inputs: readonly Tensor[], { parameters, buffers }: Surroundings): Tensor[] {
  const pool = [...inputs, ...parameters, ...buffers];
  const pick: Pick = (index, fits = () => true) => {
    const fitting = pool.filter(fits);
    if (fitting.length === 0) throw new NothingFits();
    // The newest first, so that steps build on each other.
    return fitting[fitting.length - 1 - (index % fitting.length)]!;
  };
  for (const { operator, a, b, n } of steps) {
    try {
      const made = operators[operator]!({ pick, a, b, n });
      if (made !== undefined) pool.push(...(Array.isArray(made) ? made : [made as Tensor]).filter(({ numel }: Tensor) => numel < 400));
    } catch (error) {
      // Shapes, dtypes and writes that do not fit; they do not depend on values.
      if (!(error instanceof NothingFits) && (error as { code?: string }).code === undefined) throw error;
    }
  }
  return pool;
}
