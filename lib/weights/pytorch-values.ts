/** What stands in PyTorch's pickles for tensors and storages, until their bytes are there. NumPy's arrays: numpy-pickles.ts. */

import type { DType } from "../tensor/index.js";

/** `torch.FloatStorage` and its kin; untyped ones count bytes. */
export class StorageType {
  constructor(readonly name: string, readonly dtype: DType | undefined) {}
}

/** Bytes beside the pickle, under a key. Several tensors may lie on one. */
export interface StorageRef {
  readonly key: string;
  readonly dtype: DType | undefined;
  /** How many elements there are under the key; bytes, of an untyped one. */
  readonly total: number;
  /** Which of them this storage is: PyTorch before 0.4 wrote parts of storages. */
  readonly offset: number;
  readonly count: number;
}

/** A value that is a storage by itself. */
export class PendingStorage implements StorageRef {
  readonly key: string;
  readonly dtype: DType | undefined;
  readonly total: number;
  readonly offset: number;
  readonly count: number;

  constructor({ key, dtype, total, offset, count }: StorageRef) {
    this.key = key;
    this.dtype = dtype;
    this.total = total;
    this.offset = offset;
    this.count = count;
  }
}

/** A tensor on a storage; offset and strides in elements. */
export class PendingTensor {
  constructor(
    readonly storage: StorageRef, readonly dtype: DType, readonly offset: number, readonly shape: readonly number[], readonly strides: readonly number[],
    /** Views that PyTorch resolves when it reads them: conjugated, negated. */
    readonly isConjugate: boolean, readonly isNegative: boolean,
  ) {}
}
