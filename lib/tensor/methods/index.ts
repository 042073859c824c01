/**
 * The methods of {@link Tensor} and the same as free functions, by subject. Names are PyTorch's in camelCase, positional
 * arguments in PyTorch's order, keyword arguments in a trailing object in camelCase.
 */
export * from "./access.js";
export * from "./activation.js";
export * from "./aliases.js";
export * from "./arithmetic.js";
export * from "./comparison.js";
export * from "./conversion.js";
export * from "./indexing.js";
import "./in-place.js";
export * from "./linear-algebra.js";
export * from "./pointwise.js";
export * from "./random.js";
export * from "./reduction.js";
export * from "./scan.js";
export * from "./shape.js";
export * from "./special.js";
import "./storage.js";
export type { Dims, DivisionOptions, Interpolation, NumberLike, ScatterReduction, RoundedDivisionOptions, TensorLike, ValuesAndIndices } from "./types.js";
