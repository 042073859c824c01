/** Reaching into a tensor as into an array: sizes, parts, iteration, transposes, choice by a condition. */

import { optionsOf } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import type { Element, NestedArray } from "../data-types.js";
import type { DType } from "../dtype.js";
import { ops } from "../operators.js";
import { Tensor } from "../tensor.js";
import { addMethods, defineMember } from "./define.js";
import type { TensorLike } from "./types.js";

export interface UniqueOptions {
  /** Of the parts along this dimension. Default: of all elements. */
  dim?: number;
  /** In ascending order. Default true. */
  sorted?: boolean;
}

declare module "../tensor.js" {
  interface Tensor<D extends DType> extends Iterable<Tensor<D>> {
    /**
     * The shape, or the size of one dimension; negative counts from the end.
     * @throws DgsamError `ERR_SHAPE` for a dimension that does not exist
     * @see torch.Tensor.size
     */
    size(): number[];
    size(dim: number): number;
    /**
     * The part at one index of the first dimension, as a view: `x[index]` in Python.
     * @throws DgsamError `ERR_ARGUMENT` for an index out of range, `ERR_SHAPE` for a scalar
     */
    get(index: number): Tensor<D>;
    /**
     * This tensor's elements where `condition` is true, else those of `other`; all broadcast.
     * @see torch.Tensor.where
     */
    where(condition: Tensor, other: Tensor<D>): Tensor<D>;
    where(condition: Tensor, other: TensorLike): Tensor;
    /**
     * Without repetition, in ascending order.
     * @see torch.unique
     */
    unique(options?: UniqueOptions): Tensor<D>;
    /** {@link Tensor.toArray} by PyTorch's name. @see torch.Tensor.tolist */
    tolist(): NestedArray | Element;
    /** Dimensions reversed, as a view; for matrices the transpose. @see torch.Tensor.T */
    readonly T: Tensor<D>;
    /** The last two dimensions swapped, as a view. @see torch.Tensor.mT */
    readonly mT: Tensor<D>;
    /** The last two dimensions swapped and conjugated, as a view. @see torch.Tensor.mH */
    readonly mH: Tensor<D>;
    /**
     * Without repetition of neighbours, in the order they have.
     * @see torch.unique_consecutive
     */
    uniqueConsecutive(options?: { dim?: number }): Tensor<D>;
    /**
     * The parts along the first dimension, as views: `for (const row of matrix)`.
     * @throws DgsamError `ERR_SHAPE` for a scalar
     */
    [Symbol.iterator](): IterableIterator<Tensor<D>>;
  }
}

defineMember("size", {
  value(this: Tensor, dim?: number): number | number[] {
    if (!(this instanceof Tensor)) throw argumentError("size(): this", "a Tensor", this);
    const { shape } = this;
    if (dim === undefined) return shape;
    if (!Number.isInteger(dim)) throw argumentError("size(dim)", "an integer", dim);
    const size = shape.at(dim);
    if (size === undefined || dim < -shape.length)
      throw new DgsamError("ERR_SHAPE", `size(dim): expected a dimension from ${-shape.length} to ${shape.length - 1} of shape [${shape.join(", ")}], got ${dim}`);
    return size;
  },
});

defineMember("get", {
  value(this: Tensor, index: number) {
    return ops.aten["select.int"](this, 0, index);
  },
});

defineMember("tolist", {
  value(this: Tensor) {
    return this.toArray();
  },
});

defineMember("where", {
  value(this: Tensor, condition: Tensor, other: TensorLike) {
    return ops.aten.where(condition, this, other);
  },
});

/** {@link Tensor.unique} as a function. */
export function unique<D extends DType>(input: Tensor<D>, options?: UniqueOptions): Tensor<D> {
  const { dim, sorted } = optionsOf("unique", options, ["dim", "sorted"]);
  const made: Tensor[] = dim === undefined ? ops.aten._unique2(input, { sorted }) : ops.aten.unique_dim(input, dim, { sorted });
  const [values, ...rest] = made as [Tensor, ...Tensor[]];
  for (const each of rest) each.dispose();
  return values as unknown as Tensor<D>;
}

/** {@link Tensor.uniqueConsecutive} as a function. */
export function uniqueConsecutive<D extends DType>(input: Tensor<D>, options?: { dim?: number }): Tensor<D> {
  const [values, ...rest] = ops.aten.unique_consecutive(input, optionsOf("uniqueConsecutive", options, ["dim"]));
  for (const each of rest) each.dispose();
  return values as unknown as Tensor<D>;
}

defineMember("T", {
  get(this: Tensor) {
    return ops.aten.numpy_T(this);
  },
});

defineMember("mT", {
  get(this: Tensor) {
    return ops.aten.mT(this);
  },
});

defineMember("mH", {
  get(this: Tensor) {
    return ops.aten.mH(this);
  },
});

defineMember(Symbol.iterator, {
  value(this: Tensor): IterableIterator<Tensor> {
    if (this.ndim === 0) throw new DgsamError("ERR_SHAPE", "a scalar tensor has no parts to iterate over; use item()");
    return ops.aten["unbind.int"](this, 0)[Symbol.iterator]();
  },
});

addMethods({ unique, uniqueConsecutive });
