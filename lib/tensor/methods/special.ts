/**
 * Elementwise functions that few programs need, and one-sided clamps.
 *
 * Errors: `ERR_ARGUMENT` for an argument of the wrong kind, `ERR_SHAPE` where shapes do not broadcast, `ERR_DTYPE` where a
 * function has no meaning for a dtype.
 */

import type { DType } from "../dtype.js";
import { ops } from "../operators.js";
import type { Tensor } from "../tensor.js";
import { addMethods, operator, type Callable } from "./define.js";
import type { NumberLike, TensorLike } from "./types.js";

declare module "../tensor.js" {
  interface Tensor<D extends DType> {
    /**
     * At least `min`, a number or a tensor that broadcasts.
     * @see torch.Tensor.clamp_min
     */
    clampMin(min: TensorLike): Tensor<D>;
    /**
     * At most `max`, a number or a tensor that broadcasts.
     * @see torch.Tensor.clamp_max
     */
    clampMax(max: TensorLike): Tensor<D>;
    /**
     * `this ** exponent`, computed and given in float64 (complex128 for complex numbers).
     * @see torch.Tensor.float_power
     */
    floatPower(exponent: TensorLike): Tensor<"float64" | "complex128">;
    /**
     * `this * 2 ** other`.
     * @see torch.Tensor.ldexp
     */
    ldexp(other: Tensor): Tensor;
    /**
     * The mantissa, of magnitude 0.5 to below 1, and the int32 exponent: `this = mantissa * 2 ** exponent`. Floating-point
     * dtypes only.
     * @see torch.Tensor.frexp
     */
    frexp(): [mantissa: Tensor<D>, exponent: Tensor<"int32">];
    /**
     * The next number that the dtype holds toward `other`. Floating-point dtypes only.
     * @see torch.Tensor.nextafter
     */
    nextafter(other: Tensor<D>): Tensor<D>;
    /**
     * The `n`-th derivative of `digamma`, `n` >= 0.
     * @see torch.Tensor.polygamma
     */
    polygamma(n: number): Tensor;
    /**
     * Each part along `dim` scaled down, where its norm of order `p` is above `maxnorm`, to that norm.
     * @see torch.Tensor.renorm
     */
    renorm(p: NumberLike, dim: number, maxnorm: NumberLike): Tensor<D>;
  }
}

/** {@link Tensor.clampMin} as a function. */
export const clampMin: <D extends DType>(input: Tensor<D>, min: TensorLike) => Tensor<D> = operator("clamp_min");
/** {@link Tensor.clampMax} as a function. */
export const clampMax: <D extends DType>(input: Tensor<D>, max: TensorLike) => Tensor<D> = operator("clamp_max");
/** {@link Tensor.floatPower} as a function; the base may be a number. */
export const floatPower: (input: TensorLike, exponent: TensorLike) => Tensor<"float64" | "complex128"> = operator("float_power");
/** {@link Tensor.ldexp} as a function. */
export const ldexp: (input: Tensor, other: Tensor) => Tensor = operator("ldexp");
/** {@link Tensor.frexp} as a function. */
export const frexp: <D extends DType>(input: Tensor<D>) => [mantissa: Tensor<D>, exponent: Tensor<"int32">] = operator("frexp");
/** {@link Tensor.nextafter} as a function. */
export const nextafter: <D extends DType>(input: Tensor<D>, other: Tensor<D>) => Tensor<D> = operator("nextafter");
/** {@link Tensor.polygamma} as a function: `n` comes first, as in PyTorch. */
export const polygamma: (n: number, input: Tensor) => Tensor = operator("polygamma");
/** {@link Tensor.renorm} as a function. */
export const renorm: <D extends DType>(input: Tensor<D>, p: NumberLike, dim: number, maxnorm: NumberLike) => Tensor<D> = operator("renorm");

addMethods({
  clampMin, clampMax, floatPower, ldexp, frexp, nextafter, renorm,
  polygamma: ((input: Tensor, n: number) => ops.aten.polygamma(n, input)) as Callable,
});
