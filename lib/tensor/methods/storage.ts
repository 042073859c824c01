/** How a tensor lies in memory: steps, bytes, sparse layouts; and new tensors of the same kind. */

import { optionsOf } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { native } from "../../native.js";
import { checkShape, type CreationOptions } from "../creation.js";
import { elementBytes } from "../data.js";
import type { DType, MemoryFormat } from "../dtype.js";
import { ops, type OperatorFunction } from "../operators.js";
import type { ScalarLike } from "../scalars.js";
import { Stream } from "../stream.js";
import { setRequiresGrad, Tensor } from "../tensor.js";
import { addMethods, defineMember, operator, variadic } from "./define.js";

declare module "../tensor.js" {
  interface Tensor<D extends DType> {
    /** The number of dimensions: `ndim`. @see torch.Tensor.dim */
    dim(): number;
    /**
     * Steps between elements, in elements, or the step of one dimension: `strides`.
     * @throws DgsamError `ERR_SHAPE` for a dimension that does not exist
     * @see torch.Tensor.stride
     */
    stride(): number[];
    stride(dim: number): number;
    /** Where in its storage the first element lies, in elements. @see torch.Tensor.storage_offset */
    storageOffset(): number;
    /** The bytes of one element. @see torch.Tensor.element_size */
    elementSize(): number;
    /** The bytes of one element. @see torch.Tensor.itemsize */
    readonly itemsize: number;
    /** The bytes of all elements, as if they lay one after the other. @see torch.Tensor.nbytes */
    readonly nbytes: number;
    /**
     * Whether the one element is not 0.
     * @throws DgsamError `ERR_SHAPE` for any other number of elements
     * @see torch.Tensor.is_nonzero
     */
    isNonzero(): boolean;
    /**
     * Another shape for this tensor itself; what is added holds whatever the memory held. Errors for one that requires a
     * gradient.
     * @see torch.Tensor.resize_
     */
    resize_(shape: readonly number[], options?: { memoryFormat?: MemoryFormat }): this;
    resize_(...shape: number[]): this;
    /**
     * In sparse coordinates: the elements that are not 0, with indices into the first `sparseDim` dimensions (default all).
     * @see torch.Tensor.to_sparse
     */
    toSparse(sparseDim?: number): Tensor<D>;
    /** A sparse tensor with sorted indices, each once: values that met are summed. @see torch.Tensor.coalesce */
    coalesce(): Tensor<D>;
    /**
     * A copy in pinned host memory, which copies to a CUDA device can run out of beside other work, or this tensor if it lies
     * there.
     * @throws DgsamError `ERR_DEVICE` without a CUDA device, and for a tensor that is not on the CPU
     * @see torch.Tensor.pin_memory
     */
    pinMemory(): Tensor<D>;
    /** Whether it lies in pinned host memory. @see torch.Tensor.is_pinned */
    isPinned(): boolean;
    /**
     * Says that a stream uses this tensor, which was made in another: when it is freed, its memory is not given to others
     * before what the stream holds by then is done.
     * @throws DgsamError `ERR_DEVICE` when they are not on one CUDA device
     * @see torch.Tensor.record_stream
     */
    recordStream(stream: Stream): void;
    /** Zeros of another shape, in this tensor's dtype and on its device. @see torch.Tensor.new_zeros */
    newZeros<E extends DType = D>(shape: readonly number[], options?: CreationOptions<E>): Tensor<NoInfer<E>>;
    /** Ones of another shape, in this tensor's dtype and on its device. @see torch.Tensor.new_ones */
    newOnes<E extends DType = D>(shape: readonly number[], options?: CreationOptions<E>): Tensor<NoInfer<E>>;
    /** `value` in another shape, in this tensor's dtype and on its device. @see torch.Tensor.new_full */
    newFull<E extends DType = D>(shape: readonly number[], value: ScalarLike, options?: CreationOptions<E>): Tensor<NoInfer<E>>;
    /** Unwritten memory of another shape, in this tensor's dtype and on its device. @see torch.Tensor.new_empty */
    newEmpty<E extends DType = D>(shape: readonly number[], options?: CreationOptions<E>): Tensor<NoInfer<E>>;
  }
}

defineMember("dim", {
  value(this: Tensor) {
    return this.ndim;
  },
});

defineMember("stride", {
  value(this: Tensor, dim?: number): number | number[] {
    const { strides } = this;
    if (dim === undefined) return strides;
    if (!Number.isInteger(dim)) throw argumentError("stride(dim)", "an integer", dim);
    const stride = strides.at(dim);
    if (stride === undefined || dim < -strides.length)
      throw new DgsamError("ERR_SHAPE", `stride(dim): expected a dimension from ${-strides.length} to ${strides.length - 1} of shape [${this.shape.join(", ")}], got ${dim}`);
    return stride;
  },
});

defineMember("elementSize", {
  value(this: Tensor) {
    return elementBytes(this.dtype);
  },
});

defineMember("itemsize", {
  get(this: Tensor) {
    return elementBytes(this.dtype);
  },
});

defineMember("nbytes", {
  get(this: Tensor) {
    return this.numel * elementBytes(this.dtype);
  },
});

defineMember("pinMemory", {
  value(this: Tensor) {
    if (!(this instanceof Tensor)) throw argumentError("pinMemory(): this", "a Tensor", this);
    if (native.cudaDeviceCount() === 0) throw new DgsamError("ERR_DEVICE", "pinMemory(): pinned memory is for copies to a CUDA device, and there is none");
    if (this.device !== "cpu") throw new DgsamError("ERR_DEVICE", `pinMemory(): expected a tensor on the CPU, got one on ${this.device}`);
    return ops.aten["pin_memory.default"](this);
  },
});

defineMember("recordStream", {
  value(this: Tensor, stream: Stream) {
    if (!(this instanceof Tensor)) throw argumentError("recordStream(stream): this", "a Tensor", this);
    if (!(stream instanceof Stream)) throw argumentError("recordStream(stream)", "a Stream", stream);
    native.recordStream(this.handle, stream.place);
  },
});

function defineNew(name: string, operatorName: "new_zeros.default" | "new_ones.default" | "new_full.default" | "new_empty.default", values: 0 | 1): void {
  defineMember(name, {
    value(this: Tensor, shape: readonly number[], ...rest: unknown[]): Tensor {
      const { requiresGrad, ...keywords } = optionsOf(name, rest[values] as CreationOptions | undefined, ["dtype", "device", "requiresGrad"]);
      const made = (ops.aten[operatorName] as OperatorFunction)(this, checkShape(name, shape), ...rest.slice(0, values), keywords) as Tensor;
      if (requiresGrad !== undefined) setRequiresGrad(`${name}: requiresGrad`, made, requiresGrad);
      return made;
    },
  });
}

defineNew("newZeros", "new_zeros.default", 0);
defineNew("newOnes", "new_ones.default", 0);
defineNew("newFull", "new_full.default", 1);
defineNew("newEmpty", "new_empty.default", 0);

addMethods({
  storageOffset: operator("sym_storage_offset"), isNonzero: operator("is_nonzero"), resize_: variadic("resize_"), toSparse: operator("to_sparse"),
  coalesce: operator("coalesce"), isPinned: operator("is_pinned"),
});
