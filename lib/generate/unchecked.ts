/** Operators that the fuzzer (test/operators/fuzz) made end the process, and that no guard of native/guards.h covers. */

export interface Unchecked {
  /** Names without overload, separated by spaces. */
  readonly operators: string;
  readonly trusts: string;
}

export const UNCHECKED: readonly Unchecked[] = [
  { operators: "mkldnn_rnn_layer_backward", trusts: "that everything is as mkldnn_rnn_layer took and gave it, and a workspace of oneDNN's own" },
  { operators: "_indices indices crow_indices col_indices ccol_indices row_indices", trusts: "that a sparse tensor's own indices, which they give, are not written to" },
  { operators: "_sparse_compressed_tensor_with_dims", trusts: "that the indices it leaves unwritten are written before they are read" },
];
