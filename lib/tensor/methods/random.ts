/**
 * Filling with random numbers, in place, and draws that depend on a tensor. Draws equal PyTorch's for the same seed.
 *
 * Errors: `ERR_ARGUMENT` for an argument of the wrong kind and for impossible parameters, `ERR_DTYPE` where a distribution
 * has no meaning for a dtype.
 */

import type { DType } from "../dtype.js";
import type { RandomOptions } from "../creation.js";
import type { Generator } from "../generator.js";
import { keywordArguments, type OperatorFunction } from "../operators.js";
import { setRequiresGrad, type Tensor } from "../tensor.js";
import { addMethods, operator } from "./define.js";

declare module "../tensor.js" {
  interface Tensor<D extends DType> {
    /**
     * Fills with numbers from `from` (default 0) to below `to` (default 1), uniformly. Floating-point dtypes only.
     * @see torch.Tensor.uniform_
     */
    uniform_(from?: number, to?: number, options?: { generator?: Generator | null }): this;
    uniform_(options: { from?: number; to?: number; generator?: Generator | null }): this;
    /**
     * Fills with normally distributed numbers of the given `mean` (default 0) and `std` (default 1). Floating-point and
     * complex dtypes only.
     * @see torch.Tensor.normal_
     */
    normal_(mean?: number, std?: number, options?: { generator?: Generator | null }): this;
    normal_(options: { mean?: number; std?: number; generator?: Generator | null }): this;
    /**
     * Fills with integers from `from` (default 0) to below `to` (default what the dtype holds exactly).
     * @see torch.Tensor.random_
     */
    random_(options?: { generator?: Generator | null }): this;
    random_(to: number, options?: { generator?: Generator | null }): this;
    random_(from: number, to: number | null, options?: { generator?: Generator | null }): this;
    /**
     * Fills with 1 with probability `p` (default 0.5), else 0.
     * @see torch.Tensor.bernoulli_
     */
    bernoulli_(p?: number | Tensor, options?: { generator?: Generator | null }): this;
    bernoulli_(options: { p?: number | Tensor; generator?: Generator | null }): this;
    /**
     * Fills with exponentially distributed numbers of rate `lambd` (default 1). Floating-point dtypes only.
     * @see torch.Tensor.exponential_
     */
    exponential_(lambd?: number, options?: { generator?: Generator | null }): this;
    exponential_(options: { lambd?: number; generator?: Generator | null }): this;
    /**
     * Fills with numbers whose logarithm is normally distributed. Floating-point dtypes only.
     * @see torch.Tensor.log_normal_
     */
    logNormal_(mean?: number, std?: number, options?: { generator?: Generator | null }): this;
    logNormal_(options: { mean?: number; std?: number; generator?: Generator | null }): this;
    /**
     * Fills with Cauchy-distributed numbers. Floating-point dtypes only.
     * @see torch.Tensor.cauchy_
     */
    cauchy_(median?: number, sigma?: number, options?: { generator?: Generator | null }): this;
    cauchy_(options: { median?: number; sigma?: number; generator?: Generator | null }): this;
    /**
     * Fills with the number of trials until the first success of probability `p`.
     * @see torch.Tensor.geometric_
     */
    geometric_(p: number, options?: { generator?: Generator | null }): this;
    /**
     * 1 with the probability that each element gives, else 0. Floating-point dtypes only.
     * @see torch.Tensor.bernoulli
     */
    bernoulli(options?: { generator?: Generator | null }): Tensor<D>;
    bernoulli(p: number, options?: { generator?: Generator | null }): Tensor<D>;
    /**
     * Indices drawn by the weights in the last dimension: `[n]` gives `[numSamples]`, `[b, n]` gives `[b, numSamples]`.
     * Without replacement no more than there are weights above 0.
     * @see torch.Tensor.multinomial
     */
    multinomial(numSamples: number, replacement?: boolean, options?: { generator?: Generator | null }): Tensor<"int64">;
    multinomial(numSamples: number, options: { replacement?: boolean; generator?: Generator | null }): Tensor<"int64">;
  }
}

/** {@link Tensor.bernoulli} as a function. */
export const bernoulli: <D extends DType>(input: Tensor<D>, options?: { generator?: Generator | null }) => Tensor<D> = operator("bernoulli");
const drawNormal = operator<OperatorFunction>("normal");

/**
 * Normally distributed numbers: of the shape of `mean` and `std`, broadcast, where one is a tensor; of a `shape`, float32 by
 * default, where both are numbers. `torch.normal`
 *
 * @throws DgsamError `ERR_ARGUMENT` for a negative `std`, `ERR_SHAPE` where shapes do not broadcast
 */
export const normal: {
  <D extends DType>(mean: Tensor<D>, std?: number | Tensor, options?: { generator?: Generator | null }): Tensor<D>;
  <D extends DType>(mean: number, std: Tensor<D>, options?: { generator?: Generator | null }): Tensor<D>;
  <D extends DType = "float32">(mean: number, std: number, shape: readonly number[], options?: RandomOptions<D>): Tensor<NoInfer<D>>;
} = (...args: unknown[]): Tensor<never> => {
  const { requiresGrad, ...keywords } = (keywordArguments(args) ?? {}) as RandomOptions;
  if (requiresGrad !== undefined) args[args.length - 1] = keywords;
  const made = drawNormal(...args) as Tensor<never>;
  if (requiresGrad !== undefined) setRequiresGrad("normal: requiresGrad", made, requiresGrad);
  return made;
};
/** Poisson-distributed numbers by the rates in `input`, which are at least 0. Floating-point dtypes only. `torch.poisson` */
export const poisson: <D extends DType>(input: Tensor<D>, options?: { generator?: Generator | null }) => Tensor<D> = operator("poisson");
/** {@link Tensor.multinomial} as a function. */
export const multinomial: {
  (input: Tensor, numSamples: number, replacement?: boolean, options?: { generator?: Generator | null }): Tensor<"int64">;
  (input: Tensor, numSamples: number, options: { replacement?: boolean; generator?: Generator | null }): Tensor<"int64">;
} = operator("multinomial");

addMethods({
  uniform_: operator("uniform_"), normal_: operator("normal_"), random_: operator("random_"),
  bernoulli_: operator("bernoulli_"), exponential_: operator("exponential_"), logNormal_: operator("log_normal_"),
  cauchy_: operator("cauchy_"), geometric_: operator("geometric_"), bernoulli, multinomial,
});
