"""Arguments for operators that neither samples nor made-up values reach.

Keyed by packet; an overload takes of a call the arguments that its schema has. Several calls under one packet are for
overloads whose arguments differ in type under one name.
"""

import torch

from encoding import Recipe, Seeded
from schemas import base_name

F, D, I, B = torch.float32, torch.float64, torch.int64, torch.bool


def t(*shape, dtype=F, low=0.5, high=2.5, seed=0):
    values = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * (high - low) + low
    return values.to(dtype)


def ints(*values, dtype=I):
    return torch.tensor(values, dtype=dtype)


def sparse_coo(indices=None, values=None, size=(3, 3)):
    return Recipe(
        "aten::sparse_coo_tensor.indices_size",
        [torch.tensor([[0, 1, 2], [1, 0, 2]]) if indices is None else indices, t(3) if values is None else values, list(size)],
        {"is_coalesced": True},
    )


def compressed(layout):
    block = layout in (torch.sparse_bsr, torch.sparse_bsc)
    values = t(2, 2, 2) if block else t(2)
    return Recipe(
        "aten::sparse_compressed_tensor.comp_plain_value_size",
        [ints(0, 1, 2), ints(0, 1), values, [4, 4] if block else [2, 2]],
        {"layout": layout, "dtype": F},
    )


def quantized(*shape, dtype=torch.quint8):
    return Recipe("aten::quantize_per_tensor", [t(*shape), 0.1, 10 if dtype is torch.quint8 else 0, dtype])


def per_channel(*shape):
    return Recipe("aten::quantize_per_channel", [t(*shape), t(shape[0], dtype=D), torch.zeros(shape[0], dtype=I), 0, torch.qint8])


def nested():
    return Recipe("aten::_nested_tensor_from_tensor_list", [[t(2, 4), t(3, 4)]])


def optimizer(**options):
    """Two parameters of different shape and what every fused optimizer may ask for."""
    def pair(seed):
        return [t(3, 2, seed=seed), t(5, seed=seed + 1)]

    return {
        "self": pair(0), "grads": pair(2), "exp_avgs": pair(4), "exp_avg_sqs": pair(6), "max_exp_avg_sqs": [], "state_sums": pair(8),
        "momentum_buffer_list": pair(10), "state_steps": [torch.tensor(1.0), torch.tensor(1.0)], "lr": 0.01, "beta1": 0.9, "beta2": 0.999,
        "eps": 1e-8, "weight_decay": 0.1, "momentum": 0.9, "dampening": 0.0, "nesterov": False, "lr_decay": 0.0, "amsgrad": False,
        "maximize": False, "is_first_step": False, **options,
    }


def rnn(gates, cells):
    """One layer, input size 3, hidden size 4; batches first of padded, then of packed sequences."""
    params = [t(gates * 4, 3), t(gates * 4, 4), t(gates * 4), t(gates * 4)]
    state = [t(1, 2, 4)] * cells if cells > 1 else t(1, 2, 4)
    common = {"hx": state, "params": params, "has_biases": True, "num_layers": 1, "dropout": 0.0, "train": False, "bidirectional": False}
    return [{**common, "input": t(5, 2, 3), "batch_first": False}, {**common, "data": t(5, 3), "batch_sizes": ints(2, 2, 1)}]


def cell(gates, cells):
    return [{"input": t(2, 3), "hx": [t(2, 4)] * cells if cells > 1 else t(2, 4), "w_ih": t(gates * 4, 3), "w_hh": t(gates * 4, 4), "b_ih": t(gates * 4), "b_hh": t(gates * 4)}]


CTC = {
    "log_probs": t(5, 2, 4).log_softmax(2), "targets": torch.tensor([[1, 2], [3, 1]]), "blank": 0, "reduction": 1, "zero_infinity": False,
}
CONV2D = {"input": t(1, 2, 5, 5), "self": t(1, 2, 5, 5), "weight": t(3, 2, 3, 3), "kernel_size": [3, 3], "bias": t(3), "stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "output_padding": [0, 0]}
CONV3D = {"input": t(1, 2, 4, 4, 4), "self": t(1, 2, 4, 4, 4), "weight": t(3, 2, 3, 3, 3), "kernel_size": [3, 3, 3], "bias": t(3), "stride": [1, 1, 1], "padding": [0, 0, 0], "dilation": [1, 1, 1], "output_padding": [0, 0, 0]}
FAKE_QUANTIZE = {"self": t(2, 3), "X": t(2, 3), "grad": t(2, 3), "scale": t(1), "zero_point": torch.zeros(1), "quant_min": 0, "quant_max": 255, "grad_factor": 1.0, "axis": 0}
OBSERVER = {
    "self": t(2, 3), "observer_on": ints(1), "fake_quant_on": ints(1), "running_min": t(1), "running_max": t(1) + 3, "scale": t(1),
    "zero_point": ints(0, dtype=torch.int32), "averaging_const": 0.01, "quant_min": 0, "quant_max": 255, "ch_axis": 0, "per_row_fake_quant": False,
}
COO = {"indices": torch.tensor([[0, 1], [1, 0]]), "values": t(2), "size": [2, 2], "sparse_dim": 2, "dense_dim": 0, "layout": torch.sparse_coo, "dtype": F}
BLOCKS = {"values": t(2, 2, 2), "size": [4, 4], "compressed_indices": ints(0, 1, 2), "plain_indices": ints(0, 1), "crow_indices": ints(0, 1, 2), "col_indices": ints(0, 1), "ccol_indices": ints(0, 1, 2), "row_indices": ints(0, 1), "dtype": F}
ROWS = {**BLOCKS, "values": t(2), "size": [2, 2]}

PACKED = {"input": t(2, 3), "packed_weight": Recipe("aten::fbgemm_pack_gemm_matrix_fp16", [t(4, 3)]), "bias": t(4)}

WEIGHT_NORM = {"v": t(3, 2), "g": t(3, 1), "saved_v": t(3, 2), "saved_g": t(3, 1), "saved_norms": t(3, 1), "grad_w": t(3, 2), "dim": 0}

CALLS = {
    "_weight_norm": [WEIGHT_NORM],
    "_weight_norm_interface": [WEIGHT_NORM],
    "_weight_norm_interface_backward": [WEIGHT_NORM],
    "_weight_norm_differentiable_backward": [WEIGHT_NORM],
    "_cholesky_solve_helper": [{"self": t(3, 2), "A": t(3, 3), "upper": False}],
    "_add_batch_dim": [{"self": t(2, 3), "batch_dim": 0, "level": 1}],
    "_remove_batch_dim": [{"self": t(2, 3), "level": 1, "batch_size": 4, "out_dim": 0}],
    "fbgemm_linear_fp16_weight": [PACKED],
    "fbgemm_linear_fp16_weight_fp32_activation": [PACKED],
    "__lshift__": [{"self": ints(1, 2, 3), "other": ints(1, 2, 0)}],
    "__rshift__": [{"self": ints(8, 9, 3), "other": ints(1, 2, 0)}],
    "_amp_update_scale": [{"self": t(1), "growth_tracker": ints(0, dtype=torch.int32), "found_inf": torch.zeros(1), "scale_growth_factor": 2.0, "scale_backoff_factor": 0.5, "growth_interval": 10}],
    "_masked_softmax_backward": [{"grad_output": t(3, 4, seed=1), "output": t(3, 4).softmax(1), "mask": t(3, 4) > 1, "dim": 1}],
    "_convert_indices_from_coo_to_csr": [{"self": ints(0, 1, 2), "size": 3, "out_int32": False}],
    "_convert_indices_from_csr_to_coo": [{"crow_indices": ints(0, 1, 2), "col_indices": ints(0, 1), "out_int32": False, "transpose": False}],
    "_convolution_double_backward": [{**CONV2D, "ggI": None, "ggW": None, "ggb": None, "gO": t(1, 3, 3, 3), "transposed": False, "groups": 1, "output_mask": [True, True, True]}],
    "_convolution_mode": [{**CONV2D, "padding": "same", "groups": 1}],
    "_ctc_loss": [{**CTC, "input_lengths": ints(5, 5), "target_lengths": ints(2, 2)}, {**CTC, "input_lengths": [5, 5], "target_lengths": [2, 2]}],
    "ctc_loss": [{**CTC, "input_lengths": ints(5, 5), "target_lengths": ints(2, 2)}, {**CTC, "input_lengths": [5, 5], "target_lengths": [2, 2]}],
    "_ctc_loss_backward": [
        {**CTC, "grad": t(2), "neg_log_likelihood": t(2), "log_alpha": t(2, 5, 5), "input_lengths": [5, 5], "target_lengths": [2, 2]},
        {**CTC, "grad": t(2), "neg_log_likelihood": t(2), "log_alpha": t(2, 5, 5), "input_lengths": ints(5, 5), "target_lengths": ints(2, 2)},
    ],
    "_cummax_helper": [{"self": t(3, 3), "values": torch.zeros(3, 3), "indices": torch.zeros(3, 3, dtype=I), "dim": 0}],
    "_cummin_helper": [{"self": t(3, 3), "values": torch.zeros(3, 3), "indices": torch.zeros(3, 3, dtype=I), "dim": 0}],
    "_empty_affine_quantized": [{"size": [2, 3], "dtype": torch.quint8}],
    "_empty_per_channel_affine_quantized": [{"size": [2, 3], "scales": t(2), "zero_points": ints(0, 0), "axis": 0, "dtype": torch.qint8}],
    "_fake_quantize_learnable_per_channel_affine_backward": [{**FAKE_QUANTIZE, "scale": t(2), "zero_point": torch.zeros(2)}],
    "_fake_quantize_learnable_per_tensor_affine_backward": [FAKE_QUANTIZE],
    "_foreach_addcdiv": [{"self": [t(3), t(2)], "tensor1": [t(3), t(2)], "tensor2": [t(3), t(2)], "scalars": t(2)}],
    "_foreach_addcmul": [{"self": [t(3), t(2)], "tensor1": [t(3), t(2)], "tensor2": [t(3), t(2)], "scalars": t(2)}],
    "_fused_adam": [optimizer(), optimizer(lr=torch.tensor(0.01))],
    "_fused_adamw": [optimizer(), optimizer(lr=torch.tensor(0.01))],
    "_fused_sgd": [optimizer(), optimizer(lr=torch.tensor(0.01))],
    "_fused_adagrad": [optimizer(), optimizer(lr=torch.tensor(0.01))],
    "_fused_moving_avg_obs_fq_helper": [OBSERVER],
    "_fused_moving_avg_obs_fq_helper_functional": [OBSERVER],
    "fused_moving_avg_obs_fake_quant": [OBSERVER],
    "_int_mm": [{"self": t(4, 8, dtype=torch.int8), "mat2": t(8, 4, dtype=torch.int8)}],
    "_jagged_to_padded_dense_forward": [{"values": t(5, 4), "offsets": [ints(0, 2, 5)], "max_lengths": [3], "padding_value": 0.0}],
    "_padded_dense_to_jagged_forward": [{"dense": t(2, 3, 4), "offsets": [ints(0, 2, 5)], "total_L": 5}],
    "_make_per_tensor_quantized_tensor": [{"self": t(2, 3, dtype=torch.uint8), "scale": 0.1, "zero_point": 10}],
    "_make_per_channel_quantized_tensor": [{"self": t(2, 3, dtype=torch.int8), "scale": t(2, dtype=D), "zero_point": ints(0, 0), "axis": 0}],
    "_native_multi_head_attention": [{"query": t(2, 3, 4), "key": t(2, 3, 4), "value": t(2, 3, 4), "embed_dim": 4, "num_head": 2, "qkv_weight": t(12, 4), "qkv_bias": t(12), "proj_weight": t(4, 4), "proj_bias": t(4)}],
    "_transformer_encoder_layer_fwd": [{"src": t(2, 3, 4), "embed_dim": 4, "num_heads": 2, "qkv_weight": t(12, 4), "qkv_bias": t(12), "proj_weight": t(4, 4), "proj_bias": t(4), "use_gelu": False, "norm_first": False, "eps": 1e-5, "norm_weight_1": t(4), "norm_bias_1": t(4), "norm_weight_2": t(4), "norm_bias_2": t(4), "ffn_weight_1": t(8, 4), "ffn_bias_1": t(8), "ffn_weight_2": t(4, 8), "ffn_bias_2": t(4)}],
    "_transform_bias_rescale_qkv": [{"qkv": t(2, 3, 12), "qkv_bias": t(12), "num_heads": 2}],
    "_nested_compute_contiguous_strides_offsets": [{"nested_size": torch.tensor([[2, 4], [3, 4]])}],
    "_nested_from_padded": [{"padded": t(2, 3, 4), "cpu_nested_shape_example": torch.tensor([[2, 4], [3, 4]])}],
    "_nested_tensor_from_mask": [{"t": t(2, 3, 4), "mask": torch.tensor([[True, True, False], [True, True, True]])}],
    "_nested_tensor_from_mask_left_aligned": [{"t": t(2, 3, 4), "mask": torch.tensor([[True, True, False], [True, True, True]])}],
    "_nested_view_from_buffer": [{"self": t(20), "nested_size": torch.tensor([[2, 4], [3, 4]]), "nested_strides": torch.tensor([[4, 1], [4, 1]]), "offsets": ints(0, 8)}],
    "_nested_view_from_buffer_copy": [{"self": t(20), "nested_size": torch.tensor([[2, 4], [3, 4]]), "nested_strides": torch.tensor([[4, 1], [4, 1]]), "offsets": ints(0, 8)}],
    "_nested_tensor_size": [{"self": nested()}],
    "_nested_tensor_strides": [{"self": nested()}],
    "_nested_tensor_storage_offsets": [{"self": nested()}],
    "_nested_get_values_copy": [{"self": nested()}],
    "nested_to_padded_tensor": [{"self": nested(), "padding": 0.0}],
    "to_padded_tensor": [{"self": nested(), "padding": 0.0}],
    "_pack_padded_sequence": [{"input": t(3, 2, 4), "lengths": ints(3, 2), "batch_first": False}],
    "_pack_padded_sequence_backward": [{"grad": t(5, 4), "input_size": [3, 2, 4], "batch_sizes": ints(2, 2, 1), "batch_first": False}],
    "_pad_packed_sequence": [{"data": t(5, 4), "batch_sizes": ints(2, 2, 1), "batch_first": False, "padding_value": 0.0, "total_length": 3}],
    "_slow_conv2d_forward": [CONV2D],
    "_slow_conv2d_backward": [{**CONV2D, "grad_output": t(1, 3, 3, 3), "output_mask": [True, True, True]}],
    "_sobol_engine_initialize_state_": [{"self": torch.zeros(3, 30, dtype=I), "dimension": 3}],
    "_sobol_engine_scramble_": [{"self": torch.zeros(3, 30, dtype=I), "ltm": torch.ones(3, 30, 30, dtype=I).tril(), "dimension": 3}],
    "_sobol_engine_ff_": [{"self": ints(1, 2, 3), "n": 2, "sobolstate": torch.ones(3, 30, dtype=I), "dimension": 3, "num_generated": 1}],
    "_sobol_engine_draw": [{"quasi": ints(1, 2, 3), "n": 2, "sobolstate": torch.ones(3, 30, dtype=I), "dimension": 3, "num_generated": 1, "dtype": F}],
    "_sparse_broadcast_to": [{"self": sparse_coo(), "size": [2, 3, 3]}],
    "_sparse_broadcast_to_copy": [{"self": sparse_coo(), "size": [2, 3, 3]}],
    "_sparse_addmm": [{"self": t(3, 3), "mat1": sparse_coo(), "mat2": t(3, 3)}],
    "_sparse_sum": [{"self": sparse_coo(), "dim": [0]}],
    "_sparse_softmax": [{"self": sparse_coo(), "dim": 1, "half_to_float": False}],
    "_sparse_log_softmax": [{"self": sparse_coo(), "dim": 1, "half_to_float": False}],
    "_sparse_sparse_matmul": [{"self": sparse_coo(), "other": sparse_coo()}],
    "_sparse_mask_projection": [{"self": sparse_coo(), "mask": sparse_coo()}],
    "_coalesce": [{"self": sparse_coo()}],
    "_coalesced": [{"self": sparse_coo(), "coalesced": True}],
    "coalesce": [{"self": sparse_coo()}],
    "is_coalesced": [{"self": sparse_coo()}],
    "_indices_copy": [{"self": sparse_coo()}],
    "_values_copy": [{"self": sparse_coo()}],
    "indices_copy": [{"self": sparse_coo()}],
    "values_copy": [{"self": sparse_coo()}],
    "crow_indices": [{"self": compressed(torch.sparse_csr)}],
    "col_indices": [{"self": compressed(torch.sparse_csr)}],
    "crow_indices_copy": [{"self": compressed(torch.sparse_csr)}],
    "col_indices_copy": [{"self": compressed(torch.sparse_csr)}],
    "ccol_indices": [{"self": compressed(torch.sparse_csc)}],
    "row_indices": [{"self": compressed(torch.sparse_csc)}],
    "ccol_indices_copy": [{"self": compressed(torch.sparse_csc)}],
    "row_indices_copy": [{"self": compressed(torch.sparse_csc)}],
    "copy_sparse_to_sparse": [{"self": sparse_coo(), "src": sparse_coo()}],
    "resize_as_sparse": [{"self": sparse_coo(), "the_template": sparse_coo()}],
    "sparse_resize": [{"self": sparse_coo(), "size": [4, 4], "sparse_dim": 2, "dense_dim": 0}],
    "sparse_resize_and_clear": [{"self": sparse_coo(), "size": [4, 4], "sparse_dim": 2, "dense_dim": 0}],
    "sparse_mask": [{"self": t(3, 3), "mask": sparse_coo()}],
    "to_dense": [{"self": sparse_coo()}],
    "_to_dense": [{"self": sparse_coo()}],
    "to_mkldnn_backward": [{"grad": t(3, 3), "input": t(3, 3)}],
    "smm": [{"self": sparse_coo(), "mat2": t(3, 3)}],
    "sspaddmm": [{"self": sparse_coo(), "mat1": sparse_coo(), "mat2": t(3, 3)}],
    "hspmm": [{"mat1": sparse_coo(), "mat2": t(3, 3)}],
    "sparse_coo_tensor": [COO],
    "_sparse_coo_tensor_unsafe": [COO],
    "_sparse_coo_tensor_with_dims": [COO],
    "_sparse_coo_tensor_with_dims_and_tensors": [COO],
    "_validate_sparse_coo_tensor_args": [COO],
    "sparse_compressed_tensor": [{**ROWS, "layout": torch.sparse_csr}],
    "_sparse_compressed_tensor_unsafe": [{**ROWS, "layout": torch.sparse_csr}],
    "_sparse_compressed_tensor_with_dims": [{"nnz": 2, "dense_dim": 0, "size": [2, 2], "blocksize": [], "index_dtype": I, "layout": torch.sparse_csr, "dtype": F}],
    "_validate_sparse_compressed_tensor_args": [{**ROWS, "layout": torch.sparse_csr}],
    "_validate_compressed_sparse_indices": [{"is_crow": True, "compressed_idx": ints(0, 1, 2), "plain_idx": ints(0, 1), "cdim": 2, "dim": 2, "nnz": 2}],
    **{f"{prefix}{kind}{suffix}": [{**arguments, "layout": layout}]
       for prefix, suffix in (("sparse_", "_tensor"), ("_sparse_", "_tensor_unsafe"), ("_validate_sparse_", "_tensor_args"))
       for kind, arguments, layout in (("csr", ROWS, torch.sparse_csr), ("csc", ROWS, torch.sparse_csc), ("bsr", BLOCKS, torch.sparse_bsr), ("bsc", BLOCKS, torch.sparse_bsc))},
    "to_sparse_bsr": [{"self": t(4, 4), "blocksize": [2, 2]}],
    "to_sparse_bsc": [{"self": t(4, 4), "blocksize": [2, 2]}],
    "_to_sparse_bsr": [{"self": t(4, 4), "blocksize": [2, 2]}],
    "_to_sparse_bsc": [{"self": t(4, 4), "blocksize": [2, 2]}],
    "_spdiags": [{"diagonals": t(2, 3), "offsets": ints(0, 1), "shape": [3, 3]}],
    "_thnn_differentiable_lstm_cell_backward": [{"grad_hy": t(2, 4), "grad_cy": t(2, 4), "input_gates": t(2, 16), "hidden_gates": t(2, 16), "input_bias": t(16), "hidden_bias": t(16), "cx": t(2, 4), "cy": t(2, 4)}],
    "_thnn_differentiable_gru_cell_backward": [{"grad_hy": t(2, 4), "input_gates": t(2, 12), "hidden_gates": t(2, 12), "hx": t(2, 4), "input_bias": t(12), "hidden_bias": t(12)}],
    "_upsample_nearest_exact3d_backward": [{"grad_output": t(1, 2, 4, 4, 4), "output_size": [4, 4, 4], "input_size": [1, 2, 2, 2, 2]}],
    "upsample_nearest3d_backward": [{"grad_output": t(1, 2, 4, 4, 4), "output_size": [4, 4, 4], "input_size": [1, 2, 2, 2, 2]}],
    "_weight_int8pack_mm": [{"self": t(2, 32, dtype=torch.bfloat16), "mat2": t(32, 32, dtype=torch.int8), "scales": t(32, dtype=torch.bfloat16)}],
    "affine_grid_generator": [{"theta": t(1, 2, 3), "size": [1, 1, 4, 4], "align_corners": False}],
    "affine_grid_generator_backward": [{"grad": t(1, 4, 4, 2), "size": [1, 1, 4, 4], "align_corners": False}],
    "bernoulli": [{"self": t(2, 3), "p": t(2, 3, low=0, high=1)}, {"self": t(2, 3, low=0, high=1), "p": 0.5}],
    "bernoulli_": [{"self": t(2, 3), "p": t(2, 3, low=0, high=1)}, {"self": t(2, 3), "p": 0.5}],
    "conv2d": [{**CONV2D, "padding": "same"}],
    "conv_tbc": [{"self": t(5, 2, 3), "weight": t(2, 3, 4), "bias": t(4), "pad": 0}],
    "conv_tbc_backward": [{"self": t(4, 2, 4), "input": t(5, 2, 3), "weight": t(2, 3, 4), "bias": t(4), "pad": 0}],
    "dequantize": [{"self": quantized(2, 3)}, {"tensors": [quantized(2, 3), quantized(2)]}],
    "int_repr": [{"self": quantized(2, 3)}],
    "q_per_channel_scales": [{"self": per_channel(2, 3)}],
    "q_per_channel_zero_points": [{"self": per_channel(2, 3)}],
    "quantize_per_tensor": [
        {"self": t(2, 3), "scale": 0.1, "zero_point": 10, "dtype": torch.quint8},
        {"self": t(2, 3), "scale": torch.tensor(0.1), "zero_point": torch.tensor(10), "dtype": torch.quint8},
        {"tensors": [t(2, 3), t(2)], "scales": t(2), "zero_points": ints(10, 10), "dtype": torch.quint8},
    ],
    "quantize_per_tensor_dynamic": [{"self": t(2, 3), "dtype": torch.quint8, "reduce_range": False}],
    "quantize_per_channel": [{"self": t(2, 3), "scales": t(2, dtype=D), "zero_points": ints(0, 0), "axis": 0, "dtype": torch.qint8}],
    "quantized_batch_norm": [{"input": quantized(1, 2, 3, 3), "weight": t(2), "bias": t(2), "mean": t(2), "var": t(2), "eps": 1e-5, "output_scale": 0.1, "output_zero_point": 0}],
    "quantized_max_pool1d": [{"self": quantized(1, 2, 6), "kernel_size": [2], "stride": [2]}],
    "quantized_max_pool2d": [{"self": quantized(1, 2, 6, 6), "kernel_size": [2, 2], "stride": [2, 2]}],
    "quantized_max_pool3d": [{"self": quantized(1, 2, 4, 4, 4), "kernel_size": [2, 2, 2], "stride": [2, 2, 2]}],
    "float_power": [{"self": t(3, dtype=D), "exponent": 2}, {"self": t(3, dtype=D), "exponent": t(3, dtype=D)}],
    "glu_jvp": [{"glu": t(3, 2), "x": t(3, 4), "dx": t(3, 4), "dim": 1}],
    "glu_backward_jvp": [{"grad_x": t(3, 4), "grad_glu": t(3, 2), "x": t(3, 4), "dgrad_glu": t(3, 2), "dx": t(3, 4), "dim": 1}],
    "gradient": [{"self": t(4, 4), "spacing": [0.5, 2], "dim": [0, 1]}, {"self": t(4, 4), "spacing": [t(4), t(4)], "dim": [0, 1]}, {"self": t(4), "spacing": [t(4)], "dim": 0}],
    "lstm": rnn(4, 2),
    "gru": rnn(3, 1),
    "rnn_tanh": rnn(1, 1),
    "rnn_relu": rnn(1, 1),
    "lstm_cell": cell(4, 2),
    "gru_cell": cell(3, 1),
    "rnn_tanh_cell": cell(1, 1),
    "rnn_relu_cell": cell(1, 1),
    "index_select_backward": [{"grad": t(2, 3), "self_sizes": [4, 3], "dim": 0, "index": ints(0, 2)}],
    "trace_backward": [{"grad": torch.tensor(2.0), "sizes": [3, 3]}],
    "unflatten_dense_tensors": [{"flat": t(5), "tensors": [t(2), t(3)]}],
    "linalg_cond": [{"self": t(3, 3), "p": "fro"}],
    "mkldnn_convolution": [{**CONV2D, "groups": 1}],
    "mkldnn_rnn_layer": [{"input": t(5, 2, 4), "weight0": t(16, 4), "weight1": t(16, 4), "weight2": t(16), "weight3": t(16), "hx_": t(1, 2, 4), "cx_": t(1, 2, 4), "reverse": False, "batch_sizes": [], "mode": 2, "hidden_size": 4, "num_layers": 1, "has_biases": True, "bidirectional": False, "batch_first": False, "train": False}],
    "to_mkldnn": [{"self": t(2, 3)}],
    "quantile": [{"self": t(3, 4), "q": torch.tensor([0.25, 0.5]), "dim": 0}, {"self": t(3, 4), "q": 0.5, "dim": 0}],
    "nanquantile": [{"self": t(3, 4), "q": torch.tensor([0.25, 0.5]), "dim": 0}, {"self": t(3, 4), "q": 0.5, "dim": 0}],
    "searchsorted": [{"sorted_sequence": t(5).sort().values, "self": t(3)}],
    "slow_conv3d": [CONV3D],
    "slow_conv3d_forward": [CONV3D],
    "slow_conv_dilated2d": [CONV2D],
    "slow_conv_dilated3d": [CONV3D],
    "slow_conv_transpose2d": [{**CONV2D, "weight": t(2, 3, 3, 3)}],
    "slow_conv_transpose3d": [{**CONV3D, "weight": t(2, 3, 3, 3, 3)}],
    "thnn_conv2d": [CONV2D],
    "reflection_pad2d_backward": [{"grad_output": t(1, 2, 6, 6), "self": t(1, 2, 4, 4), "padding": [1, 1, 1, 1]}],
    "reflection_pad3d_backward": [{"grad_output": t(1, 2, 6, 6, 6), "self": t(1, 2, 4, 4, 4), "padding": [1, 1, 1, 1, 1, 1]}],
    "_embedding_bag_dense_backward": [{"grad": t(2, 3), "indices": ints(0, 1, 2, 1), "offset2bag": ints(0, 0, 1, 1), "bag_size": ints(2, 2), "maximum_indices": torch.zeros(0, dtype=I), "num_weights": 4, "scale_grad_by_freq": False, "mode": 0, "per_sample_weights": None}],
    "_embedding_bag_sparse_backward": [{"grad": t(2, 3), "indices": ints(0, 1, 2, 1), "offsets": ints(0, 2), "offset2bag": ints(0, 0, 1, 1), "bag_size": ints(2, 2), "num_weights": 4, "scale_grad_by_freq": False, "mode": 0, "per_sample_weights": None}],
    "normal": [{"self": t(2, 3), "mean": 0.0, "std": 1.0, "generator": Seeded(0)}],
}


def calls(name, schema):
    """Bound arguments for an overload."""
    packet = base_name(name)
    known = {each.name for each in schema.arguments}
    for bound in CALLS.get(packet, CALLS.get(packet.removesuffix("_"), [])):
        yield {key: value for key, value in bound.items() if key in known}
