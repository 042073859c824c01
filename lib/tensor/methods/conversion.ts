/**
 * Copies, conversions of dtype and device, and leaving the graph.
 *
 * Errors: `ERR_ARGUMENT` for a dtype, device or memory format that does not exist, `ERR_DEVICE` for one that is not there.
 */

import { optionsOf } from "../../checks.js";
import { argumentError } from "../../errors.js";
import { dtypeCode, isComplex, isFloatingPoint, type Device, type DType, type MemoryFormat } from "../dtype.js";
import { ops } from "../operators.js";
import { Tensor } from "../tensor.js";
import { addMethods, defineMember, operator } from "./define.js";

export interface ToOptions<D extends DType = DType> {
  /** Default: this tensor's. */
  dtype?: D;
  /** Default: this tensor's. */
  device?: Device;
  /** Copy also when nothing changes. Default false. */
  copy?: boolean;
  /** Let a copy between host and device run on. Default false. */
  nonBlocking?: boolean;
  /** How the result lies in memory. Default `"preserve_format"`. */
  memoryFormat?: MemoryFormat;
}

declare module "../tensor.js" {
  interface Tensor<D extends DType> {
    /**
     * Another dtype, device or both; `other` gives its own. The result shares memory with this tensor when nothing
     * changes and `copy` is not set. Differentiable.
     * @see torch.Tensor.to
     */
    to<E extends DType>(dtype: E, options?: Omit<ToOptions, "dtype" | "device">): Tensor<E>;
    to(device: Device, options?: Omit<ToOptions, "dtype" | "device">): Tensor<D>;
    to<E extends DType>(device: Device, dtype: E, options?: Omit<ToOptions, "dtype" | "device">): Tensor<E>;
    to<E extends DType>(other: Tensor<E>, options?: Omit<ToOptions, "dtype" | "device">): Tensor<E>;
    to<E extends DType = D>(options: ToOptions<E>): Tensor<NoInfer<E>>;
    /**
     * Another dtype: `to(dtype)`.
     * @see torch.Tensor.type
     */
    type<E extends DType>(dtype: E): Tensor<E>;
    /** The dtype of `other`. @see torch.Tensor.type_as */
    typeAs<E extends DType>(other: Tensor<E>): Tensor<E>;
    /** As float32. @see torch.Tensor.float */
    float(): Tensor<"float32">;
    /** As float64. @see torch.Tensor.double */
    double(): Tensor<"float64">;
    /** As float16. @see torch.Tensor.half */
    half(): Tensor<"float16">;
    /** As bfloat16. @see torch.Tensor.bfloat16 */
    bfloat16(): Tensor<"bfloat16">;
    /** As uint8. @see torch.Tensor.byte */
    byte(): Tensor<"uint8">;
    /** As int8. @see torch.Tensor.char */
    char(): Tensor<"int8">;
    /** As int16. @see torch.Tensor.short */
    short(): Tensor<"int16">;
    /** As int32. @see torch.Tensor.int */
    int(): Tensor<"int32">;
    /** As int64. @see torch.Tensor.long */
    long(): Tensor<"int64">;
    /** As bool: false where 0. @see torch.Tensor.bool */
    bool(): Tensor<"bool">;
    /** In host memory. @see torch.Tensor.cpu */
    cpu(): Tensor<D>;
    /** On a GPU, the current one or that of an index. @see torch.Tensor.cuda */
    cuda(index?: number): Tensor<D>;
    /**
     * A copy. Differentiable.
     * @see torch.Tensor.clone
     */
    clone(options?: { memoryFormat?: MemoryFormat }): Tensor<D>;
    /**
     * Row-major in memory, or in another format: this tensor's memory if it is so already, else a copy.
     * @see torch.Tensor.contiguous
     */
    contiguous(options?: { memoryFormat?: MemoryFormat }): Tensor<D>;
    /** Whether it lies row-major in memory, or in another format. @see torch.Tensor.is_contiguous */
    isContiguous(memoryFormat?: MemoryFormat): boolean;
    isContiguous(options: { memoryFormat?: MemoryFormat }): boolean;
    /** Whether the dtype is a real one with a fraction. @see torch.Tensor.is_floating_point */
    isFloatingPoint(): boolean;
    /** Whether the dtype is complex. @see torch.Tensor.is_complex */
    isComplex(): boolean;
    /**
     * The same memory without history: no gradient flows through the result.
     * @see torch.Tensor.detach
     */
    detach(): Tensor<D>;
    /** Forgets its own history: becomes a leaf. @see torch.Tensor.detach_ */
    detach_(): this;
    /** Sets `requiresGrad` (default true) and returns this tensor. @see torch.Tensor.requires_grad_ */
    requiresGrad_(requiresGrad?: boolean): this;
    /** A sparse tensor with its zeros. @see torch.Tensor.to_dense */
    toDense(): Tensor<D>;
    /** Complex numbers as a last dimension of size 2, as a view. @see torch.view_as_real */
    viewAsReal(): Tensor;
    /** A last dimension of size 2 as complex numbers, as a view. @see torch.view_as_complex */
    viewAsComplex(): Tensor;
  }
}

function converted<E extends DType>(tensor: Tensor, options: ToOptions<E>): Tensor<E> {
  const { dtype, device, copy, nonBlocking, memoryFormat } = options;
  return ops.aten["to.dtype_layout"](tensor, { dtype, device, copy, non_blocking: nonBlocking, memory_format: memoryFormat }) as unknown as Tensor<E>;
}

function isDtype(value: unknown): value is DType {
  return typeof value === "string" && dtypeCode(value) !== undefined;
}

const TO_OPTIONS = ["dtype", "device", "copy", "nonBlocking", "memoryFormat"] as const;

/** Sorts out the forms of `to()`: what is named by position, then the options that are left. */
function targetOf(args: readonly unknown[]): ToOptions {
  const [first, second] = args;
  const target: ToOptions = {};
  let given = 1;
  if (isDtype(first)) {
    target.dtype = first;
  } else if (typeof first === "string") {
    target.device = first;
    if (typeof second === "string") {
      target.dtype = second as DType;
      given = 2;
    }
  } else if (first instanceof Tensor) {
    target.dtype = first.dtype;
    target.device = first.device;
  } else if (typeof first === "object" && first !== null) {
    given = 0;
  } else {
    throw argumentError("to(...)", "a dtype, a device, a Tensor or options", first);
  }
  const left = TO_OPTIONS.filter((option) => target[option] === undefined);
  return { ...target, ...optionsOf("to", args[given] as ToOptions | undefined, left) };
}

defineMember("to", {
  value(this: Tensor, ...args: unknown[]) {
    return converted(this, targetOf(args));
  },
});

defineMember("type", {
  value(this: Tensor, dtype: DType) {
    if (!isDtype(dtype)) throw argumentError("type(dtype)", "a dtype such as \"float32\"", dtype);
    return converted(this, { dtype });
  },
});

const SHORT_NAMES: Readonly<Record<string, DType>> = {
  float: "float32", double: "float64", half: "float16", bfloat16: "bfloat16", byte: "uint8", char: "int8", short: "int16",
  int: "int32", long: "int64", bool: "bool",
};

for (const [name, dtype] of Object.entries(SHORT_NAMES))
  defineMember(name, {
    value(this: Tensor) {
      return converted(this, { dtype });
    },
  });

defineMember("cpu", {
  value(this: Tensor) {
    return converted(this, { device: "cpu" });
  },
});

defineMember("cuda", {
  value(this: Tensor, index?: number) {
    return converted(this, { device: index === undefined ? "cuda" : `cuda:${index}` });
  },
});

/** Methods may be called on anything: `Tensor.prototype.isComplex.call({})`. */
function dtypeOf(name: string, self: Tensor): DType {
  if (!(self instanceof Tensor)) throw argumentError(`${name}: this`, "a Tensor", self);
  return self.dtype;
}

defineMember("isFloatingPoint", {
  value(this: Tensor) {
    return isFloatingPoint(dtypeOf("isFloatingPoint()", this));
  },
});

defineMember("isComplex", {
  value(this: Tensor) {
    return isComplex(dtypeOf("isComplex()", this));
  },
});

/** Dimensions from the one whose stride is largest to the one whose elements are neighbours. */
const ORDERS: Readonly<Record<MemoryFormat, (ndim: number) => readonly number[] | null>> = {
  contiguous_format: (ndim) => Array.from({ length: ndim }, (_, i) => i),
  preserve_format: (ndim) => ORDERS.contiguous_format(ndim),
  channels_last: (ndim) => (ndim === 4 ? [0, 2, 3, 1] : null),
  channels_last_3d: (ndim) => (ndim === 5 ? [0, 2, 3, 4, 1] : null),
};

// LibTorch 2.11 has no operator for it.
defineMember("isContiguous", {
  value(this: Tensor, given: MemoryFormat | { memoryFormat?: MemoryFormat } = {}) {
    dtypeOf("isContiguous()", this);
    const format = typeof given === "string" ? given : (optionsOf("isContiguous", given, ["memoryFormat"]).memoryFormat ?? "contiguous_format");
    if (!Object.hasOwn(ORDERS, format)) throw argumentError("isContiguous(memoryFormat)", `one of ${Object.keys(ORDERS).join(", ")}`, format);
    const { shape, strides } = this;
    const order = ORDERS[format](shape.length);
    if (order === null) return false;
    if (this.numel === 0 && !format.startsWith("channels_last")) return true;
    let expected = 1;
    return order.toReversed().every((dim) => {
      if (shape[dim] === 1) return true;
      const fits = strides[dim] === expected;
      expected *= shape[dim]!;
      return fits;
    });
  },
});

defineMember("requiresGrad_", {
  value(this: Tensor, requiresGrad = true) {
    this.requiresGrad = requiresGrad;
    return this;
  },
});

addMethods({
  clone: operator("clone"), contiguous: operator("contiguous"),
  detach: operator("detach"), detach_: operator("detach_"), toDense: operator("to_dense"),
  typeAs: operator("type_as"),
  viewAsReal: operator("view_as_real"), viewAsComplex: operator("view_as_complex"),
});
