/**
 * Calls that end a PyTorch process: each was found by the fuzzer (fuzz/run.mjs) or read in the kernels. Here they are
 * errors that name the argument. A missing guard ends this test's process.
 */

import { describe, expect, test } from "vitest";
import { DgsamError, double, full, ones, ops, rand, scope, tensor, zeros, type Tensor } from "dgsam";

type Code = DgsamError["code"];

function refusal(operator: string, args: unknown[]): DgsamError {
  try {
    (ops.aten as unknown as Record<string, (...args: unknown[]) => unknown>)[operator]!(...args);
  } catch (error) {
    if (error instanceof DgsamError) return error;
    throw error;
  }
  throw new Error(`${operator} accepted what its kernel cannot take`);
}

const index = (...values: number[]) => tensor(values.map(BigInt), { dtype: "int64" });
const double64 = (batch: number) => ones([batch, 5, 5], { dtype: "float64" });
const quantized = (shape: number[]) => ops.aten.quantize_per_tensor(rand(shape), 0.1, 0, "qint8");
const steps = (count: number) => Array.from({ length: count }, () => tensor(1));

/** What `_fused_adamw_` takes for two parameters, with some of it replaced. */
function adamW(changes: Record<string, unknown> = {}, lists: Partial<Record<"grads" | "expAvgs" | "expAvgSqs" | "maxima" | "steps", Tensor[]>> = {}): unknown[] {
  const pair = () => [ones([3, 2]), ones([5])];
  return [
    pair(), lists.grads ?? pair(), lists.expAvgs ?? pair(), lists.expAvgSqs ?? pair(), lists.maxima ?? [], lists.steps ?? steps(2),
    { lr: 0.1, beta1: 0.9, beta2: 0.999, weight_decay: 0, eps: 1e-8, amsgrad: false, maximize: false, ...changes },
  ];
}

const sgd = (grads: Tensor[], buffers: Tensor[], momentum: number) => [
  [ones([3, 2])], grads, buffers,
  { weight_decay: 0, momentum, lr: 0.1, dampening: 0, nesterov: false, maximize: false, is_first_step: false },
];

const refused: readonly (readonly [title: string, operator: string, code: Code, words: RegExp, args: () => unknown[]])[] = [
  ["a gradient too few", "_fused_adamw_", "ERR_ARGUMENT", /'grads': expected 2 tensors, one for each in 'self', got 1/, () => adamW({}, { grads: [ones([3, 2])] })],
  ["a gradient of another shape", "_fused_adamw_", "ERR_SHAPE", /'grads': .* number 1 is a float32 tensor of shape \[4\]/, () => adamW({}, { grads: [ones([3, 2]), ones([4])] })],
  ["a state of another dtype", "_fused_adamw_", "ERR_DTYPE", /'exp_avgs'/, () => adamW({}, { expAvgs: [ones([3, 2], { dtype: "float64" }), ones([5])] })],
  ["a gradient of another order in memory", "_fused_adamw_", "ERR_ARGUMENT", /'grads': .* order in memory/, () => adamW({}, { grads: [ops.aten.t(ones([2, 3])), ones([5])] })],
  ["float64 steps, which would be misread", "_fused_adamw_", "ERR_DTYPE", /'state_steps': expected float32/, () => adamW({}, { steps: [tensor(1), tensor(1, { dtype: "float64" })] })],
  ["steps too few", "_fused_adamw_", "ERR_ARGUMENT", /'state_steps': expected 2 tensors/, () => adamW({}, { steps: steps(1) })],
  ["amsgrad without maxima", "_fused_adamw_", "ERR_ARGUMENT", /'max_exp_avg_sqs'/, () => adamW({ amsgrad: true })],
  ["momentum without buffers", "_fused_sgd_", "ERR_ARGUMENT", /'momentum_buffer_list'/, () => sgd([ones([3, 2])], [], 0.9)],
  ["lists of unequal length", "_foreach_copy", "ERR_ARGUMENT", /'src': expected 0 tensors/, () => [[], [ones([1])]]],

  ["no running statistics outside training", "native_batch_norm", "ERR_ARGUMENT", /'running_mean': expected a Tensor/, () => [ones([2, 3]), null, null, null, null, false, 0.1, 1e-5]],
  ["an overload without statistics outside training", "_native_batch_norm_legit.no_stats", "ERR_ARGUMENT", /'training': expected true/, () => [ones([2, 3]), null, null, false, 0.1, 1e-5]],
  ["no saved statistics in training", "native_batch_norm_backward", "ERR_ARGUMENT", /'save_mean'/, () => [ones([2, 3]), ones([2, 3]), null, null, null, null, null, true, 1e-5, [true, true, true]]],
  ["a gradient without rows", "native_layer_norm_backward", "ERR_SHAPE", /'grad_out'/, () => [ones([3, 0]), ones([1, 2, 3]), [1, 2, 3], ones([1, 1, 1]), ones([1, 1, 1]), null, null, [true, true, true]]],
  ["more elements than there are", "native_group_norm", "ERR_SHAPE", /'input': expected 96 elements/, () => [rand([2, 4, 3]), null, null, 2, 4, 12, 2, 1e-5]],
  ["groups that do not divide the channels", "native_group_norm", "ERR_ARGUMENT", /'group': expected a divisor of 'C', 4, got 3/, () => [rand([2, 4, 3]), null, null, 2, 4, 3, 3, 1e-5]],
  ["a kernel size that the weight does not have", "slow_conv_transpose3d", "ERR_SHAPE", /'kernel_size'/, () => [ones([1, 2, 4, 4, 4]), ones([2, 3, 3, 3, 3]), [1, 4, 3]]],
  ["a short stride", "_slow_conv2d_backward.output_mask", "ERR_ARGUMENT", /'stride': expected a list of length 2, got one of length 0/, () => [ones([1, 3, 3, 3]), ones([1, 2, 5, 5]), ones([3, 2, 3, 3]), [3, 3], [], [0, 0], [true, true, true]]],
  ["a stride of zero", "_nnpack_spatial_convolution", "ERR_ARGUMENT", /'stride': expected positive/, () => [ones([1, 3, 4, 4]), ones([3, 3, 3, 3]), null, [2, 2], [2, 0]]],
  ["counted indices outside the table", "embedding_dense_backward", "ERR_ARGUMENT", /'indices': expected values from 0 to 3, got 9/, () => [ones([2, 5]), index(1, 9), 4, -1, true]],
  ["bags outside the gradient", "_embedding_bag_dense_backward", "ERR_ARGUMENT", /'offset2bag'/, () => [ones([2, 3]), index(0, 1), index(0, 7), index(1, 1), index(), 4, false, 0, null]],
  ["no heads", "_transform_bias_rescale_qkv", "ERR_ARGUMENT", /'num_heads'/, () => [ones([2, 3, 12]), ones([12]), 0]],
  ["a gradient of another shape than the output", "_log_softmax_backward_data", "ERR_SHAPE", /'output'/, () => [ones([2, 0, 3, 3]), ones([2, 3]), 1, "float32"]],
  ["an empty weight", "_weight_norm", "ERR_SHAPE", /'v'/, () => [ones([0, 3]), ones([3, 3]), 0]],
  ["a target outside the classes", "multi_margin_loss_backward", "ERR_ARGUMENT", /'target'/, () => [ones([]), ones([2, 3]), index(0, 3), 1, 1, null, 1]],
  ["an observer's statistics that are empty", "fused_moving_avg_obs_fake_quant", "ERR_SHAPE", /'running_min'/, () => [ones([2, 3]), index(1), index(1), ones([0]), ones([1]), ones([1]), zeros([1], { dtype: "int32" }), 0.01, 0, 255, 0, false, false]],

  ["a statistic of another width", "batch_norm_update_stats", "ERR_SHAPE", /'running_mean': expected 16 elements/, () => [ones([4, 16]), ones([5]), ones([5]), 0.5]],
  ["a bias of another width", "_nnpack_spatial_convolution", "ERR_SHAPE", /'bias': expected 3 elements/, () => [ones([1, 3, 4, 4]), ones([3, 3, 3, 3]), ones([1, 0, 2]), [2, 2], [2, 2]]],
  ["blocks of no weights", "_dyn_quant_pack_4bit_weight", "ERR_ARGUMENT", /'block_size'/, () => [zeros([2, 3], { dtype: "uint8" }), ones([2, 3]), null, 0, 1, 1]],
  ["a nested weight", "_saturate_weight_to_fp16", "ERR_ARGUMENT", /'weight': expected a dense tensor, got a nested one/, () => [ops.aten._nested_tensor_from_tensor_list([ones([2]), ones([3])])]],
  ["no heads to repeat", "_scaled_dot_product_attention_math", "ERR_SHAPE", /'value': expected at least one head/, () => [ones([1, 4, 3, 8]), ones([1, 4, 6, 8]), zeros([2, 0, 3, 3]), null, 0, false, null, { enable_gqa: true }]],
  ["weighed bags outside the gradient", "_embedding_bag_per_sample_weights_backward", "ERR_ARGUMENT", /'offset2bag': expected values from 0 to 1/, () => [ones([2, 5]), ones([10, 5]), index(1, 2), index(0, 1), index(0, 7), 0]],
  ["rows without classes", "multilabel_margin_loss_backward", "ERR_SHAPE", /'self': expected one row or more/, () => [ones([]), zeros([3, 0]), zeros([3, 0], { dtype: "int64" }), 1, zeros([3, 0])]],
  ["a loss without a gradient", "multilabel_margin_loss_backward", "ERR_SHAPE", /'grad_output': expected one element/, () => [zeros([3, 0]), ones([]), index(0).reshape([]), 1, ones([])]],
  ["a dimension counted from the end, where it is compared with others", "_cummax_helper", "ERR_ARGUMENT", /'dim': expected a dimension from 0 to 1, got -1/, () => [ones([3, 3]), zeros([3, 3]), zeros([3, 3], { dtype: "int64" }), -1]],
  ["masked attention without a gradient", "_masked_softmax_backward", "ERR_SHAPE", /'grad_output': expected 25 elements/, () => [zeros([0]), ones([5, 5]), zeros([5, 5], { dtype: "bool" }), 0]],
  ["masked attention of fewer rows than its gradient", "_masked_softmax_backward", "ERR_SHAPE", /'grad_output': expected 9 elements/, () => [ones([5, 5]), ones([3, 3]), zeros([5, 5], { dtype: "bool" })]],
  ["attention's sums without elements", "_scaled_dot_product_flash_attention_for_cpu_backward", "ERR_SHAPE", /'logsumexp': expected at least 24 elements/, () => [...Array.from({ length: 5 }, () => ones([2, 3, 4, 4])), ones([1, 0, 2]), 0, false]],
  ["packed rows that do not add up", "_pad_packed_sequence", "ERR_SHAPE", /'data': expected the sum of 'batch_sizes', 3,/, () => [ones([5, 4]), index(2, 1), false, 0, 3]],
  ["integers in a loss that divides", "smooth_l1_loss_backward", "ERR_DTYPE", /'self': expected a floating-point dtype/, () => [index(1), index(1), index(1), 2, 0.5]],
  ["oneDNN's layout in a sparse product", "_sparse_mm", "ERR_ARGUMENT", /'sparse': .*Mkldnn/, () => [ops.aten.to_mkldnn(ones([3, 2])), ones([2, 3])]],
  ["copies into a sparse tensor", "_foreach_copy", "ERR_ARGUMENT", /'self': expected dense tensors, got one of layout SparseCsr/, () => [[ops.aten.to_sparse_csr(ones([2, 2]))], [ones([2, 2])]]],
  ["a window that never ends", "max_pool1d", "ERR_ARGUMENT", /'kernel_size'/, () => [ones([1, 2, 3]), [2 ** 40], [2], [0], [1], true]],
  ["distances of no rows", "_pdist_backward", "ERR_SHAPE", /'self': expected at least one row/, () => [ones([0]), ones([0, 3]), double(2), ones([0])]],
  ["a gradient of another matrix", "matrix_exp_backward", "ERR_SHAPE", /'grad': expected shape \[3, 3, 3\]/, () => [ones([3, 3, 3]), ones([5])]],
  ["windows beyond the input", "unfold_backward", "ERR_ARGUMENT", /'size': expected a number from 0 to 5/, () => [ones([2, 3]), [2, 5], 1, 9, 1]],
  ["oneDNN's int8 filled as float32", "zero_", "ERR_DTYPE", /expected float32.*int8/, () => [ops.aten.to_mkldnn(zeros([3, 3], { dtype: "int8" }))]],
  ["the bytes of a quantised tensor", "view_copy.dtype", "ERR_DTYPE", /'self': .*not quantised/, () => [ops.aten.quantize_per_tensor(ones([4]), 0.1, 0, "quint8"), "uint8"]],
  ["a bound that float16 cannot hold", "random.from", "ERR_ARGUMENT", /'from'/, () => [zeros([4], { dtype: "float16" }), 2n ** 63n - 1n, null]],
  ["more points than a Sobol sequence has", "_sobol_engine_ff_", "ERR_ARGUMENT", /'n': expected a number from 0 to 1073741824/, () => [zeros([3], { dtype: "int64" }), 2 ** 40, zeros([3, 30], { dtype: "int64" }), 3, 2]],
  ["a layer's state of another batch", "mkldnn_rnn_layer", "ERR_SHAPE", /'hx_': expected shape \[1, 2, 4\]/, () => [ones([5, 2, 4]), ones([16, 4]), ones([16, 4]), ones([16]), ones([16]), ones([1, 1]), ones([1, 2, 4]), false, [], 2, 4, 1, true, false, false, false]],

  ["hidden states of another batch", "lstm.input", "ERR_SHAPE", /'hx': expected shape \[1, 5, hidden size\]/, () => [ones([5, 2, 3]), [ones([1, 2, 4]), ones([1, 2, 4])], [ones([16, 3]), ones([16, 4]), ones([16]), ones([16])], true, 1, 0, false, false, true]],
  ["batch sizes of no sequence", "rnn_tanh.data", "ERR_SHAPE", /'batch_sizes'/, () => [ones([5, 3]), index(), ones([1, 2, 4]), [ones([4, 3]), ones([4, 4]), ones([4]), ones([4])], true, 1, 0, false, false]],
  ["one hidden state of two", "quantized_lstm_cell", "ERR_ARGUMENT", /'hx': expected a list of length 2/, () => [ones([1, 2]), [ones([1, 2])], ...Array.from({ length: 8 }, () => ones([1])), 1, 1, 1, 1]],
  ["no gradient", "_thnn_differentiable_lstm_cell_backward", "ERR_ARGUMENT", /'grad_hy'/, () => [null, null, ones([2, 16]), ones([2, 16]), null, null, ones([2, 4]), ones([2, 4])]],

  ["an index outside the plane", "max_pool2d_with_indices_backward", "ERR_ARGUMENT", /'indices': expected values from 0 to 15/, () => [ones([1, 1, 2, 2]), ones([1, 1, 4, 4]), [2, 2], [2, 2], [0, 0], [1, 1], false, full([1, 1, 2, 2], 10n ** 9n)]],
  ["a short output size", "fractional_max_pool2d_backward", "ERR_ARGUMENT", /'output_size'/, () => [ones([1, 1, 2, 2]), ones([1, 1, 4, 4]), [2, 2], [], zeros([1, 1, 2, 2], { dtype: "int64" })]],
  ["other leading sizes", "_adaptive_avg_pool2d_backward", "ERR_SHAPE", /'grad_output'/, () => [ones([8, 1, 5]), ones([2, 3, 4])]],
  ["no padding", "reflection_pad1d_backward", "ERR_ARGUMENT", /'padding': expected a list of length 2/, () => [ones([1, 1, 11]), ones([1, 1, 10]), []]],
  ["a gradient of another size than the padded", "reflection_pad2d_backward", "ERR_SHAPE", /'grad_output': expected size 6/, () => [ones([1, 2, 9, 9]), ones([1, 2, 4, 4]), [1, 1, 1, 1]]],
  ["a scale that leaves nothing", "_upsample_bilinear2d_aa", "ERR_ARGUMENT", /'scales_h'/, () => [ones([1, 1, 8, 8]), [3, 3], false, 1e-8, 1e-8]],

  ["a dimension that the tensor has not", "_fft_c2c", "ERR_ARGUMENT", /'dim': expected a dimension from 0 to 2, got 1099511627776/, () => [zeros([5, 3, 4], { dtype: "complex64" }), [2 ** 40], 0, true]],
  ["less input than output", "_fft_c2r", "ERR_SHAPE", /'self': expected at least 51/, () => [zeros([3], { dtype: "complex64" }), [0], 2, 100]],
  ["pivots outside the rows", "lu_unpack", "ERR_ARGUMENT", /'LU_pivots': expected values from 1 to 3/, () => [rand([3, 3]), tensor([1, 2, 9], { dtype: "int32" })]],
  ["pivots too few", "lu_unpack", "ERR_SHAPE", /'LU_pivots': expected 3 pivots/, () => [rand([3, 5]), zeros([0], { dtype: "int32" })]],
  ["NaN in a matrix", "linalg_eigvals", "ERR_ARGUMENT", /'self': expected finite values/, () => [full([4, 4], NaN)]],
  ["another batch of factors", "_cholesky_solve_helper", "ERR_SHAPE", /'self'/, () => [rand([1, 0, 2]), rand([3, 3]), true]],
  ["an exponent without a negative", "matrix_power", "ERR_ARGUMENT", /'n'/, () => [rand([2, 2]), -(2n ** 63n)]],
  ["results of another shape", "_cummax_helper", "ERR_SHAPE", /'values'/, () => [rand([4, 16]), rand([3, 3]), zeros([3, 3], { dtype: "int64" }), 0]],
  ["a negative size", "_convert_indices_from_coo_to_csr", "ERR_ARGUMENT", /'size'/, () => [index(0, 1), -1]],
  ["row pointers outside the columns", "_convert_indices_from_csr_to_coo", "ERR_ARGUMENT", /'crow_indices'/, () => [index(0, 99), index(0)]],
  ["a gradient for no pair", "_pdist_backward", "ERR_SHAPE", /'grad'/, () => [rand([0]), rand([3, 3]), 2, rand([0])]],
  ["a gradient for no pair of two sets", "_cdist_backward", "ERR_SHAPE", /'grad': expected shape \[5, 6\]/, () => [rand([1, 0]), rand([5, 2]), rand([6, 2]), 2, rand([5, 6])]],
  ["scalars to cut", "_chunk_cat", "ERR_SHAPE", /'tensors'/, () => [[rand([]), rand([])], -1, 5]],
  ["other leading sizes in three dimensions", "adaptive_avg_pool3d_backward.grad_input", "ERR_SHAPE", /'grad_output'/, () => [rand([1, 8, 5, 7, 4]), rand([1, 2, 4, 4, 4]), { grad_input: rand([1]) }]],
  ["a quotient beyond int64", "div.Tensor_mode", "ERR_ARGUMENT", /'self': expected quotients that fit the dtype; -9223372036854775808 \/ -1/, () => [tensor([-(2n ** 63n)]), tensor([-1n]), { rounding_mode: "trunc" }]],
  ["a quotient beyond int32", "div_.Scalar_mode", "ERR_ARGUMENT", /'self'/, () => [tensor([-(2 ** 31)], { dtype: "int32" }), -1, { rounding_mode: "trunc" }]],
  ["a multiple beyond int64", "lcm", "ERR_ARGUMENT", /'self'/, () => [tensor([-(2n ** 63n)]), tensor([3n])]],
  ["a negative kernel", "fractional_max_pool2d", "ERR_ARGUMENT", /'kernel_size': expected positive/, () => [rand([1, 3, 9, 9]), [-5, 0], [2, 3], rand([1, 3, 2])]],
  ["a negative shape", "_spdiags", "ERR_SHAPE", /'shape'/, () => [rand([2, 3]), index(0, 1), [-2, 4]]],
  ["lengths beyond the data", "_segment_reduce_backward", "ERR_ARGUMENT", /'lengths'/, () => [rand([2]), rand([2]), rand([3]), "max", { lengths: index(2, 9) }]],

  ["no tensor", "_stack", "ERR_ARGUMENT", /'tensors': expected at least one/, () => [[], 1]],
  ["a view beyond the memory", "_reshape_alias_copy", "ERR_SHAPE", /'size': expected a view within 3 elements/, () => [rand([3]), [9], [1]]],
  ["nested views beyond the buffer", "_nested_view_from_buffer", "ERR_SHAPE", /'nested_size'/, () => [rand([3]), tensor([[2, 2]], { dtype: "int64" }), tensor([[2, 1]], { dtype: "int64" }), index(0)]],
  ["a batch dimension that does not exist", "_remove_batch_dim", "ERR_ARGUMENT", /'out_dim'/, () => [rand([3]), 1, 2, 2 ** 31]],
  ["negative batch dimensions", "_new_zeros_with_same_feature_meta", "ERR_ARGUMENT", /'self_num_batch_dims'/, () => [rand([2, 2]), rand([2, 2]), { self_num_batch_dims: -2 }]],
  ["a sobol state of other dimensions", "_sobol_engine_initialize_state_", "ERR_SHAPE", /'self': expected shape \[4, 30\]/, () => [zeros([4, 4], { dtype: "int64" }), 4]],
  ["lengths that are not there", "_ctc_loss_backward", "ERR_SHAPE", /'input_lengths': expected 2 lengths, got 0/, () => [rand([2]), rand([5, 2, 4]), tensor([[1, 2], [3, 1]], { dtype: "int64" }), [], [2, 2], rand([2]), rand([2, 5, 5]), 0]],
  ["a quantised tensor", "_neg_view", "ERR_DTYPE", /'self': expected a tensor that is not quantised/, () => [ops.aten.quantize_per_tensor(rand([2]), 0.1, 0, "qint8")]],
  ["a gradient of another layout", "cummaxmin_backward", "ERR_ARGUMENT", /'grad': expected a dense tensor/, () => [ops.aten.to_mkldnn(rand([4, 2])), rand([4]), index(0), 0]],
  ["a ratio that no range reaches", "choose_qparams_optimized", "ERR_ARGUMENT", /'ratio'/, () => [rand([3]), 3, 2, Infinity, 8]],
  ["a zero tensor to write to", "kron.out", "ERR_ARGUMENT", /'out': a zero tensor has no memory to write to/, () => [rand([3, 3]), rand([3, 3]), { out: ops.aten._efficientzerotensor([3, 3]) }]],
  ["a zero tensor among those to write to", "_foreach_zero_", "ERR_ARGUMENT", /'self': a zero tensor/, () => [[ops.aten._efficientzerotensor([3, 3])]]],
  ["an index outside a sparse tensor", "sparse_coo_tensor.indices_size", "ERR_ARGUMENT", /'indices': expected values from 0 to 2 in row 0, got 5/, () => [index(5).view([1, 1]), ones([1]), [3]]],
  ["an index outside a sparse tensor in row 1", "_sparse_coo_tensor_with_dims_and_tensors", "ERR_ARGUMENT", /'indices': expected values from 0 to 1 in row 1, got -1/, () => [2, 0, [3, 2], index(0, -1).view([2, 1]), ones([1]), { dtype: "float32", layout: "sparse_coo", device: "cpu" }]],
  ["row pointers that decrease", "sparse_csr_tensor.crow_col_value_size", "ERR_ARGUMENT", /'crow_indices': expected values that do not decrease, got 1 after 3/, () => [index(0, 3, 1, 4), index(0, 1, 1, 2), ones([4]), [3, 3]]],
  ["columns outside the size", "sparse_csr_tensor.crow_col_value_size", "ERR_ARGUMENT", /'col_indices': expected values from 0 to 2, got 7/, () => [index(0, 1, 1, 2), index(0, 7), ones([2]), [3, 3]]],
  ["rows outside the size", "sparse_csc_tensor.ccol_row_value_size", "ERR_ARGUMENT", /'row_indices': expected values from 0 to 1, got 2/, () => [index(0, 1, 1, 2), index(0, 2), ones([2]), [2, 3]]],
  ["pointers that do not end at the last element", "_sparse_csr_tensor_unsafe", "ERR_ARGUMENT", /'crow_indices': expected values from 0 to 2, got 0 to 1/, () => [index(0, 1), index(0, 1), ones([2]), [1, 3]]],
  ["a pointer too few", "_sparse_compressed_tensor_unsafe", "ERR_SHAPE", /'compressed_indices': expected size 4/, () => [index(0, 1), index(0), ones([1]), [3, 3], { layout: "sparse_csr" }]],
  ["blocks outside the size", "sparse_bsr_tensor.crow_col_value_size", "ERR_ARGUMENT", /'col_indices': expected values from 0 to 1, got 2/, () => [index(0, 1), index(2), ones([1, 2, 2]), [2, 4]]],
  ["blocks that the size is no multiple of", "sparse_bsc_tensor.ccol_row_value_size", "ERR_SHAPE", /'size'/, () => [index(0, 1), index(0), ones([1, 2, 2]), [3, 2]]],
  ["a sparse gradient outside the table", "embedding_sparse_backward", "ERR_ARGUMENT", /'indices': expected values from 0 to 2, got 9/, () => [ones([1, 3]), index(9), 3, -1, false]],
  ["a sparse gradient outside the table, asked for by a flag", "embedding_backward", "ERR_ARGUMENT", /'indices': expected values from 0 to 2, got 9/, () => [ones([1, 3]), index(9), 3, -1, false, true]],
  ["a target that is no class", "ctc_loss.Tensor", "ERR_ARGUMENT", /'targets': expected values from 0 to 2, got 7/, () => [rand([5, 1, 3]), index(7, 2), index(5), index(2)]],
  ["a target that is no class, in rows", "_ctc_loss", "ERR_ARGUMENT", /'targets': expected values from 0 to 2, got -1/, () => [rand([5, 2, 3]), tensor([[1, -1], [2, 1]], { dtype: "int64" }), [5, 5], [2, 2]]],
  ["offsets that decrease", "embedding_bag", "ERR_ARGUMENT", /'offsets': expected values that do not decrease, got 0 after 3/, () => [rand([3, 3]), index(0, 1, 2), index(0, 3, 0)]],
  ["offsets before the indices", "_embedding_bag_forward_only", "ERR_ARGUMENT", /'offsets': expected values from 0 to 2, got -9/, () => [rand([3, 3]), index(0, 1), index(0, -9)]],
  ["offsets that are one element", "_embedding_bag", "ERR_ARGUMENT", /'offsets': expected a contiguous tensor/, () => [rand([3, 3]), index(0, 1), ops.aten.expand(index(0), [99])]],
  ["offsets without memory", "embedding_bag", "ERR_ARGUMENT", /'offsets': expected a contiguous tensor/, () => [rand([3, 3]), index(0, 1), ops.aten._efficientzerotensor([9], { dtype: "int64" })]],
  ["segments beyond the data", "segment_reduce", "ERR_ARGUMENT", /'offsets': expected values from 0 to 3, got 99/, () => [rand([3]), "sum", { offsets: index(0, 99) }]],
  ["lengths of fewer rows than the data's", "segment_reduce", "ERR_SHAPE", /'lengths'/, () => [rand([3, 3]), "sum", { lengths: tensor([[3]], { dtype: "int64" }), axis: 1 }]],
  ["offsets beyond the data beside lengths", "_segment_reduce_backward", "ERR_ARGUMENT", /'offsets': expected values from 0 to 3/, () => [rand([1]), rand([1]), rand([3]), "sum", { lengths: index(3), offsets: index(0, 99) }]],
  ["a step that is 0 as an integer", "range.step", "ERR_ARGUMENT", /'step'/, () => [0, 2, 0.5, { dtype: "int64" }]],
  ["a span beyond int64", "range.out", "ERR_ARGUMENT", /'end'/, () => [0, -(2n ** 63n), -1, { out: zeros([1], { dtype: "int64" }) }]],
  ["a stride that oneDNN cannot count", "conv_transpose1d", "ERR_ARGUMENT", /'stride': expected one that oneDNN's 32 bits can count for a batch, got 65536/, () => [rand([2, 5, 5]), rand([5, 5, 5]), null, [65536]]],
  ["a height that oneDNN cannot count", "convolution", "ERR_ARGUMENT", /'stride'/, () => [rand([5, 5, 5, 5]), rand([5, 5, 5, 5]), null, [20000, 1], [0, 0], [1, 1], true, [0, 0], 1]],
  ["a stride whose gradient oneDNN cannot count", "conv1d", "ERR_ARGUMENT", /'stride'/, () => [zeros([2, 5, 65541], { requiresGrad: true }), rand([5, 5, 5]), null, [16384]]],
  ["a scale that leaves no position", "upsample_nearest1d", "ERR_ARGUMENT", /'scales'/, () => [zeros([2, 4, 4], { dtype: "uint8" }), [3], 5e-324]],
  ["a scale that leaves no position in one of two dimensions", "_upsample_nearest_exact2d", "ERR_ARGUMENT", /'scales_w'/, () => [rand([1, 1, 5, 5]), [4, 1], null, 5e-324]],
  ["a scale that leaves no position to interpolate", "upsample_bicubic2d", "ERR_ARGUMENT", /'scales_h'/, () => [zeros([1, 1, 50, 51], { dtype: "uint8" }), [4, 4], false, 5e-324, 1e-30]],
  ["an index without memory", "index", "ERR_ARGUMENT", /'indices': a zero tensor has no memory/, () => [rand([3, 3]), [ops.aten._efficientzerotensor([2], { dtype: "int64" })]]],
  ["row indices that are one element", "_convert_indices_from_coo_to_csr", "ERR_ARGUMENT", /'self': expected a contiguous tensor/, () => [ops.aten.expand(index(0), [8]), 1]],
  ["row pointers that decrease on the way to coordinates", "_convert_indices_from_csr_to_coo", "ERR_ARGUMENT", /'crow_indices': expected values that do not decrease/, () => [index(0, 2, 1, 2), index(0, 1)]],
  ["a gradient of nothing", "native_batch_norm_backward", "ERR_SHAPE", /'input': expected at least one element/, () => [zeros([0, 3]), zeros([0, 3]), ones([3]), zeros([3]), zeros([3]), zeros([3]), zeros([3]), true, 1e-5, [true, true, true]]],
  ["nothing to norm, with a gradient to come", "native_batch_norm", "ERR_SHAPE", /'input': expected at least one element where a gradient is wanted/, () => [zeros([2, 0, 3], { requiresGrad: true }), null, null, zeros([0]), ones([0]), false, 0.1, 1e-5]],
  ["slices without elements", "_cummax_helper", "ERR_SHAPE", /'self': expected at least one element/, () => [zeros([1, 2, 0]), zeros([1, 2, 0]), zeros([1, 2, 0], { dtype: "int64" }), 0]],
  ["distances of rows without elements", "_pdist_forward", "ERR_SHAPE", /'self'/, () => [zeros([6, 6, 0])]],
  ["strides of no tensors", "_nested_compute_contiguous_strides_offsets", "ERR_SHAPE", /'nested_size': expected at least one row/, () => [zeros([0, 2], { dtype: "int64" })]],
  ["an average of nothing", "_adaptive_avg_pool3d_backward", "ERR_SHAPE", /'self': expected at least one element/, () => [ones([4, 4, 4, 4, 4]), zeros([4, 4, 0, 4, 4])]],
  ["an average of nothing in two dimensions", "_adaptive_avg_pool2d_backward", "ERR_SHAPE", /'self': expected at least one element/, () => [ones([4, 4, 4, 4]), zeros([4, 4, 0, 4])]],
  ["a matrix without elements", "fbgemm_pack_gemm_matrix_fp16", "ERR_SHAPE", /'input'/, () => [zeros([3, 3, 0])]],
  ["a weight without elements", "_saturate_weight_to_fp16", "ERR_SHAPE", /'weight'/, () => [zeros([4, 2, 5, 0])]],
  ["no tensor for a quantised result", "cat.out", "ERR_ARGUMENT", /'tensors': expected at least one/, () => [[], 0, { out: quantized([1, 2]) }]],
  ["an output size of one number", "_adaptive_avg_pool2d", "ERR_ARGUMENT", /'output_size': expected a list of length 2/, () => [quantized([1, 3, 4, 4]), [4000]]],
  ["an output size of two numbers of three", "_adaptive_avg_pool3d", "ERR_ARGUMENT", /'output_size': expected a list of length 3/, () => [quantized([1, 3, 4, 4, 4]), [40, 2]]],
  ["rows without columns that never end", "adaptive_max_pool2d", "ERR_ARGUMENT", /'output_size'/, () => [ones([1, 1, 1, 1]), [2n ** 62n, 0]]],
  ["quantised rows without columns that never end", "adaptive_avg_pool3d", "ERR_ARGUMENT", /'output_size'/, () => [quantized([1, 1, 1, 1, 1]), [2n ** 62n, 0, 0]]],
  ["a lazy clone of a quantised tensor", "_lazy_clone", "ERR_DTYPE", /'self': .*not quantised/, () => [quantized([3])]],
  ["noise that is one element", "rrelu_with_noise", "ERR_ARGUMENT", /'noise': expected a tensor that fills its memory/, () => [ones([9, 9]), ops.aten.expand(zeros([1, 1]), [9, 9]), 0.1, 0.3, true]],
  ["draws that never end", "binomial", "ERR_ARGUMENT", /'count': expected finite counts/, () => [tensor([NaN]), tensor([0.5])]],
  ["more input than output", "_fft_c2r", "ERR_SHAPE", /'self': expected at most 2 elements/, () => [zeros([3], { dtype: "complex64" }), [0], 1, 2]],
  ["pivots of another batch", "lu_unpack", "ERR_SHAPE", /'LU_pivots': expected the batch of 'LU_data'/, () => [rand([2, 2, 2]), ones([2, 2, 2], { dtype: "int32" }), false, true]],
  ["matrices at unequal distances", "tril.out", "ERR_ARGUMENT", /'out': expected matrices at equal distances/, () => [ones([2, 3, 4, 4]), 0, { out: ops.aten.contiguous(ones([2, 3, 4, 4]), { memory_format: "channels_last" }) }]],
  ["a sum wider than its place", "linalg__powsum", "ERR_DTYPE", /'dtype': expected one other than bfloat16/, () => [zeros([3], { dtype: "complex64" }), 2, null, false, { dtype: "bfloat16" }]],
  ["sums wider than their places", "_foreach_powsum", "ERR_DTYPE", /'dtype'/, () => [[zeros([3], { dtype: "complex64" })], 2, { dtype: "bfloat16" }]],
  ["a short output size for a quantised result", "adaptive_avg_pool3d.out", "ERR_ARGUMENT", /'output_size': expected a list of length 3/, () => [quantized([2, 3, 2, 2, 2]), [2, 2], { out: quantized([2, 3, 2, 2, 2]) }]],
  ["a gradient of another grid", "grid_sampler_3d_backward", "ERR_SHAPE", /'grad_output': expected shape \[1, 2, 3, 4, 5\]/, () => [ones([0, 2, 3, 4, 5]), rand([1, 2, 3, 2, 3]), rand([1, 3, 4, 5, 3]), 0, 0, false, [true, true]]],
  ["a dimension of a nested tensor from the end", "select", "ERR_ARGUMENT", /'dim': expected one from 0 to 2 for a nested tensor, got -1/, () => [ops.aten._nested_tensor_from_tensor_list([ones([2, 5]), ones([2, 5])]), -1, 0]],
  ["strides of tensors of many dimensions", "_nested_compute_contiguous_strides_offsets", "ERR_SHAPE", /'nested_size': expected 2 dimensions/, () => [zeros([16, 8, 0], { dtype: "int64" })]],
  ["trapezoids of a nested tensor from the end", "trapz.dx", "ERR_ARGUMENT", /'dim': expected one from 0 to 2 for a nested tensor, got -1/, () => [ops.aten._nested_tensor_from_tensor_list([ones([2, 5]), ones([2, 5])])]],
  ["a source without memory", "set_.source_Tensor_storage_offset", "ERR_ARGUMENT", /'source': a zero tensor has no memory to share/, () => [ones([1]), ops.aten._efficientzerotensor([1]), 0, [1]]],
  ["weights that nobody packed", "_dyn_quant_matmul_4bit", "ERR_SHAPE", /'packed_weights': expected at least 2 elements/, () => [ones([1, 1]), ones([1]), 1, 1, 1]],
  ["features too few", "_dyn_quant_matmul_4bit", "ERR_SHAPE", /'inp': expected 64 features/, () => [ones([2, 32]), ones([272]), 32, 64, 8]],
  ["a dense source for a sparse target", "copy", "ERR_ARGUMENT", /'src': expected the layout of 'self'/, () => [ops.aten.to_sparse_csr(rand([2, 2])), rand([2, 2])]],
];

describe("refused", () => {
  for (const [title, operator, code, words, args] of refused)
    test(`${operator}: ${title}`, () => {
      scope(() => {
        const error = refusal(operator, args());
        expect(error.message).toMatch(words);
        expect(error.message).toContain(`aten::${operator.split(".", 1)[0]}.`);
        expect(error.code).toBe(code);
      });
    });
});

describe("accepted", () => {
  test("the fused optimizers in every form", () => {
    const parameters = [ones([3, 2]), ones([5])];
    const [, ...others] = adamW();
    (ops.aten["_fused_adamw_.default"] as (...args: unknown[]) => unknown)(parameters, ...others);
    expect(parameters[0]!.toArray()).not.toEqual(ones([3, 2]).toArray());
    expect(() => (ops.aten._fused_adamw_ as (...args: unknown[]) => unknown)(...adamW({ amsgrad: true }, { maxima: [ones([3, 2]), ones([5])] }))).not.toThrow();
    expect(() => (ops.aten._fused_sgd_ as (...args: unknown[]) => unknown)(...sgd([ones([3, 2])], [], 0))).not.toThrow();
  });

  test("tensors that are transposed alike, empty ones, and strides of dimensions of size 1", () => {
    const transposed = () => ops.aten.t(ones([2, 3]));
    const one = () => ops.aten.t(ones([1, 4]));
    const call = (make: () => Tensor, other: () => Tensor) =>
      (ops.aten._fused_sgd_ as (...args: unknown[]) => unknown)(
        [make()], [other()], [make()],
        { weight_decay: 0, momentum: 0.9, lr: 0.1, dampening: 0, nesterov: false, maximize: false, is_first_step: false },
      );
    expect(() => call(transposed, transposed)).not.toThrow();
    expect(() => call(() => zeros([0, 3]), () => zeros([0, 3]))).not.toThrow();
    expect(() => call(one, () => ones([4, 1]))).not.toThrow();
  });

  test("embedding indices outside the table where they are passed over, and a tensor as learning rate", () => {
    expect(ops.aten.embedding_dense_backward(ones([2, 5]), index(1, 9), 4, -1, false).shape).toEqual([4, 5]);
    expect(() => (ops.aten["_fused_adamw_.tensor_lr"] as (...args: unknown[]) => unknown)(...adamW({ lr: tensor(0.1) }))).not.toThrow();
  });

  test("truncated quotients that fit, floor division, other roundings", () => {
    expect(ops.aten.div(tensor([-(2n ** 63n)]), tensor([1n]), { rounding_mode: "trunc" }).toArray()).toEqual([-(2n ** 63n)]);
    expect(ops.aten.div(tensor([-7n]), -1, { rounding_mode: "trunc" }).toArray()).toEqual([7]);
    expect(ops.aten.div(tensor([7]), tensor([-2]), { rounding_mode: "trunc" }).toArray()).toEqual([-3]);
  });

  test("sparse tensors of every layout, compressed indices that are unsorted or repeated, and those without a size", () => {
    const dense = (sparse: Tensor) => ops.aten.to_dense(sparse).toArray();
    const matrix = [[1, 0, 1], [0, 1, 0]];
    const ends = index(0, 2, 3);
    expect(dense(ops.aten.sparse_coo_tensor(tensor([[0, 0, 1], [2, 0, 1]], { dtype: "int64" }), ones([3]), [2, 3]))).toEqual(matrix);
    expect(dense(ops.aten.sparse_coo_tensor(index(2).view([1, 1]), ones([1])))).toEqual([0, 0, 1]);
    expect(dense(ops.aten.sparse_csr_tensor(ends, index(2, 0, 1), ones([3]), [2, 3]))).toEqual(matrix);
    expect(dense(ops.aten.sparse_csr_tensor(ends, index(2, 0, 1), ones([3])))).toEqual(matrix);
    expect(dense(ops.aten.sparse_csr_tensor(ends, index(2, 2, 1), ones([3]), [2, 3]))).toEqual([[0, 0, 2], [0, 1, 0]]);
    expect(dense(ops.aten.sparse_csc_tensor(index(0, 1, 2, 3), index(0, 1, 0), ones([3]), [2, 3]))).toEqual(matrix);
    expect(dense(ops.aten.sparse_bsr_tensor(index(0, 1), index(1), ones([1, 2, 2]), [2, 4]))).toEqual([[0, 0, 1, 1], [0, 0, 1, 1]]);
    expect(dense(ops.aten.sparse_bsc_tensor(index(0, 0, 1), index(0), ones([1, 2, 2]), [2, 4]))).toEqual([[0, 0, 1, 1], [0, 0, 1, 1]]);
    const batched = ops.aten.sparse_csr_tensor(ops.aten.stack([ends, ends]), ops.aten.stack([index(0, 1, 2), index(0, 1, 2)]), ones([2, 3]), [2, 2, 3]);
    expect(dense(batched)).toEqual([[[1, 1, 0], [0, 0, 1]], [[1, 1, 0], [0, 0, 1]]]);
    expect(dense(ops.aten._sparse_compressed_tensor_unsafe(ends, index(2, 0, 1), ones([3]), [2, 3], { layout: "sparse_csr" }))).toEqual(matrix);
    expect(dense(ops.aten.embedding_sparse_backward(ones([2, 3]), index(1, 9), 2, 9, false))).toEqual([[0, 0, 0], [1, 1, 1]]);
    expect(ops.aten._convert_indices_from_csr_to_coo(ends, index(2, 0, 1)).toArray()).toEqual([[0, 0, 1], [2, 0, 1]]);
    expect(ops.aten._convert_indices_from_coo_to_csr(index(0, 0, 1), 2).toArray()).toEqual([0, 2, 3]);
  });

  test("targets beyond their lengths, bags without indices, segments with gaps", () => {
    const padded = tensor([[1, -1], [2, 1]], { dtype: "int64" });
    expect(ops.aten["ctc_loss.IntList"](rand([5, 2, 3]), padded, [5, 5], [1, 2]).shape).toEqual([]);
    expect(ops.aten["ctc_loss.Tensor"](rand([5, 2, 3]), ones([3]), index(5, 5), index(1, 2)).shape).toEqual([]);
    expect(ops.aten.embedding_bag(ones([3, 2]), index(0, 1, 2), index(0, 0, 3))[0].toArray()).toEqual([[0, 0], [3, 3], [0, 0]]);
    expect(ops.aten.embedding_bag(ones([3, 2]), index(0, 1, 2), index(0, 2), false, 0, false, null, true)[0].shape).toEqual([1, 2]);
    expect(ops.aten.segment_reduce(ones([3]), "sum", { offsets: index(1, 2) }).toArray()).toEqual([1]);
    expect(ops.aten.segment_reduce(ones([3]), "sum", { lengths: index(1, 1), unsafe: true }).toArray()).toEqual([1, 1]);
    expect(ops.aten.segment_reduce(ones([2, 3]), "sum", { lengths: tensor([[3], [3]], { dtype: "int64" }), axis: -1 }).toArray()).toEqual([[3], [3]]);
  });

  test("integer ranges, strides of one sample, of float64 and of usual sizes, scales that are not used", () => {
    expect(ops.aten["range.step"](0, 2, 1, { dtype: "int64" }).toArray()).toEqual([0, 1, 2]);
    expect(ops.aten["range.step"](0, 1, 0.5).toArray()).toEqual([0, 0.5, 1]);
    expect(ops.aten.conv_transpose1d(ones([1, 5, 5]), ones([5, 5, 5]), null, [65536]).shape).toEqual([1, 5, 262149]);
    expect(ops.aten.conv_transpose1d(double64(2), double64(5), null, [16384]).shape).toEqual([2, 5, 65541]);
    expect(ops.aten.conv_transpose2d(ones([2, 5, 5, 5]), ones([5, 5, 5, 5]), null, [100, 3]).shape).toEqual([2, 5, 405, 17]);
    expect(ops.aten.upsample_nearest2d(ones([1, 1, 4, 4]), [8, 4], double(1e-30), null).shape).toEqual([1, 1, 8, 4]);
    expect(ops.aten.upsample_bilinear2d(ones([1, 1, 4, 4]), [3, 3], true, double(1e-300), null).shape).toEqual([1, 1, 3, 3]);
    expect(ops.aten.upsample_nearest1d(ones([1, 1, 4]), [3], double(0.75)).shape).toEqual([1, 1, 3]);
    expect(ops.aten.index(ones([3, 3]), [null, index(0, 1)]).shape).toEqual([3, 2]);
  });

  test("empty inputs where nothing is read, transposed noise, counts without chance", () => {
    const empty = zeros([2, 0, 3], { requiresGrad: true });
    ops.aten.batch_norm(empty, null, null, null, null, true, 0.1, 1e-5, false).sum().backward();
    expect(ops.aten.native_batch_norm(zeros([2, 0, 3]), null, null, zeros([0]), ones([0]), false, 0.1, 1e-5)[0].shape).toEqual([2, 0, 3]);
    expect(() => ops.aten._cummax_helper(zeros([1, 2, 0]), zeros([1, 2, 0]), zeros([1, 2, 0], { dtype: "int64" }), 2)).not.toThrow();
    expect(ops.aten._pdist_forward(zeros([3, 0])).toArray()).toEqual([0, 0, 0]);
    expect(ops.aten._nested_compute_contiguous_strides_offsets(ones([2, 2], { dtype: "int64" }))[1].toArray()).toEqual([0, 1]);
    expect(ops.aten._saturate_weight_to_fp16(zeros([2, 0])).shape).toEqual([2, 0]);
    expect(ops.aten._adaptive_avg_pool2d(quantized([1, 3, 4, 4]), [2, 2]).shape).toEqual([1, 3, 2, 2]);
    expect(ops.aten.adaptive_max_pool2d(ones([1, 1, 1, 1]), [1000, 0])[0].shape).toEqual([1, 1, 1000, 0]);
    expect(ops.aten["cat.out"]([quantized([1, 2])], 0, { out: quantized([1, 2]) }).shape).toEqual([1, 2]);
    expect(ops.aten["tril.out"](ones([1, 2, 2]), 0, { out: ops.aten.transpose(zeros([1, 2, 2]), 1, 2) }).toArray()).toEqual([[[1, 0], [1, 1]]]);
    expect(ops.aten["triu.out"](ones([2, 1, 2, 2]), 0, { out: zeros([2, 1, 2, 2]) }).shape).toEqual([2, 1, 2, 2]);
    expect(ops.aten._fft_c2r(zeros([3], { dtype: "complex64" }), [0], 1, 4).shape).toEqual([4]);
    expect(ops.aten._fft_c2r(zeros([1], { dtype: "complex64" }), [0], 1, 1).shape).toEqual([1]);
    expect(ops.aten.linalg__powsum(ones([3], { dtype: "complex64" }), 2, null, false, { dtype: "float32" }).toArray()).toBe(3);
    expect(ops.aten["lu_unpack"](rand([2, 3, 3]), tensor([[1, 2, 3], [1, 2, 3]], { dtype: "int32" }))[0].shape).toEqual([2, 3, 3]);
    const nested = ops.aten._nested_tensor_from_tensor_list([ones([2, 5]), ones([2, 5])]);
    expect(() => ops.aten["select.int"](nested, 1, 0)).not.toThrow();
    expect(ops.aten["select.int"](nested, -3, 1).shape).toEqual([2, 5]);
    const [grad] = ops.aten.grid_sampler_2d_backward(ones([1, 2, 3, 4]), rand([1, 2, 5, 5]), rand([1, 3, 4, 2]), 0, 0, false, [true, true]);
    expect(grad.shape).toEqual([1, 2, 5, 5]);
    const packed = ops.aten._dyn_quant_pack_4bit_weight(zeros([8, 32], { dtype: "uint8" }), ones([8]), null, 64, 64, 8);
    expect(ops.aten._dyn_quant_matmul_4bit(ones([2, 64]), packed, 64, 64, 8).shape).toEqual([2, 8]);
    expect(ops.aten["set_.source_Tensor_storage_offset"](ones([1]), ones([3]), 1, [2], [1]).toArray()).toEqual([1, 1]);
    expect(ops.aten._lazy_clone(ones([3])).toArray()).toEqual([1, 1, 1]);
    expect(ops.aten.rrelu_with_noise(ones([3, 3]), zeros([3, 3]).t(), 0.1, 0.3, true).shape).toEqual([3, 3]);
    expect(ops.aten.binomial(tensor([Infinity, 5]), tensor([2, 1])).toArray()).toEqual([Infinity, 5]);
  });

  test("batch norm without statistics in training, recurrent nets, Fourier transforms", () => {
    const [result] = ops.aten.native_batch_norm(rand([4, 3]), null, null, null, null, true, 0.1, 1e-5);
    expect(result.shape).toEqual([4, 3]);
    const params = [rand([16, 3]), rand([16, 4]), rand([16]), rand([16])];
    const [output] = ops.aten["lstm.input"](rand([5, 2, 3]), [zeros([1, 2, 4]), zeros([1, 2, 4])], params, true, 1, 0, false, false, false);
    expect(output.shape).toEqual([5, 2, 4]);
    expect(ops.aten.fft_irfft(ops.aten.fft_rfft(rand([7])), 7).shape).toEqual([7]);
    expect(ops.aten.linalg_eigvals(rand([3, 3])).shape).toEqual([3]);
    expect(ops.aten._upsample_bilinear2d_aa(rand([1, 1, 8, 8]), [3, 3], false, double(0.4), null).shape).toEqual([1, 1, 3, 3]);
  });
});
