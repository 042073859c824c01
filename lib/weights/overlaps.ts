/** Tensors that share memory: a file that holds each by itself would not give them back so. */

import { elementBytes } from "./elements.js";
import { ops, scope, type Tensor } from "../tensor/index.js";

interface Extent {
  readonly key: string;
  /** The whole storage as one element, to compare storages by. */
  readonly storage: Tensor;
  /** Bytes of the storage: first, and behind the last. */
  readonly start: number;
  readonly end: number;
}

function extentOf(key: string, tensor: Tensor): Extent {
  const { shape, strides, dtype } = tensor;
  const size = elementBytes(dtype);
  const start = Number(ops.aten["sym_storage_offset.default"](tensor)) * size;
  const reach = shape.reduce((sum, length, i) => sum + (length - 1) * strides[i]!, 0);
  return { key, storage: ops.aten["as_strided.default"](tensor, [1], [1], 0), start, end: start + (reach + 1) * size };
}

/** The first two keys whose tensors have bytes in common, or undefined. Tensors that lie beside each other on one storage have none. */
export function overlappingPair(tensors: readonly (readonly [key: string, tensor: Tensor])[]): [string, string] | undefined {
  return scope(() => {
    const storages: Extent[][] = [];
    for (const [key, tensor] of tensors) {
      if (tensor.numel === 0) continue;
      const extent = extentOf(key, ops.aten["detach.default"](tensor));
      const same = storages.find(([other]) => ops.aten["is_set_to.default"](other!.storage, extent.storage));
      if (same === undefined) storages.push([extent]);
      else same.push(extent);
    }
    for (const extents of storages) {
      extents.sort((a, b) => a.start - b.start);
      // Each against the one that reaches furthest of those before it.
      let furthest = extents[0]!;
      for (const extent of extents.slice(1)) {
        if (extent.start < furthest.end) return [furthest.key, extent.key];
        furthest = extent;
      }
    }
    return undefined;
  });
}
