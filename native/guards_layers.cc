#include <ATen/core/grad_mode.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "guard_rooms.h"

namespace dgsam {
namespace {

bool hasChannels(const at::Tensor& input) { return input.defined() && input.dim() >= 2; }

void perChannel(const Arguments& arguments, const at::Tensor& input, Arguments::Names names) {
  for (const char* name : names) arguments.numel(name, input.size(1));
}

void batchNorm(const Arguments& arguments) {
  const at::Tensor input = arguments.tensor("input");
  arguments.expect(hasChannels(input), "ERR_SHAPE", "input", "at least 2 dimensions, got " + describe(input));
  perChannel(arguments, input, {"weight", "bias", "running_mean", "running_var"});
  if (arguments.flag("training")) return;
  // The gradient divides by the number of elements; batch_norm leaves empty inputs to another operator.
  const auto wantsGradient = [&](const char* name) { return arguments.tensor(name).defined() && arguments.tensor(name).requires_grad(); };
  if (input.numel() == 0 && at::GradMode::is_enabled() && (wantsGradient("input") || wantsGradient("weight") || wantsGradient("bias")))
    arguments.refuse("ERR_SHAPE", "input", "expected at least one element where a gradient is wanted, got " + describe(input));
  if (arguments.has("training") && !arguments.has("running_mean"))
    arguments.refuse("ERR_ARGUMENT", "training", "expected true, since this overload has no running statistics, got false");
  arguments.defined("running_mean", "since it is used where 'training' is false");
  arguments.defined("running_var", "since it is used where 'training' is false");
}

void batchNormUpdate(const Arguments& arguments) {
  const at::Tensor input = arguments.tensor("input");
  arguments.expect(hasChannels(input), "ERR_SHAPE", "input", "at least 2 dimensions, got " + describe(input));
  for (const char* name : {"running_mean", "running_var"}) {
    arguments.dims(name, 1);
    arguments.numel(name, input.size(1));
  }
}

void batchNormBackward(const Arguments& arguments) {
  const at::Tensor input = arguments.tensor("input");
  arguments.expect(hasChannels(input), "ERR_SHAPE", "input", "at least 2 dimensions, got " + describe(input));
  const bool emptiesAreApart = arguments.has("impl_index");
  arguments.expect(input.numel() > 0 || emptiesAreApart, "ERR_SHAPE", "input", "at least one element, got " + describe(input));
  arguments.sameSizes({"input", "grad_out", "grad_output"});
  perChannel(arguments, input, {"weight", "running_mean", "running_var"});
  if (arguments.flag("train") || arguments.flag("update")) {
    for (const char* name : {"save_mean", "save_invstd", "save_var", "save_var_transform"}) {
      arguments.defined(name, "since it is used in training");
      arguments.numel(name, input.size(1));
    }
  } else {
    arguments.defined("running_mean", "since it is used outside training");
    arguments.defined("running_var", "since it is used outside training");
  }
}

void layerNormBackward(const Arguments& arguments) {
  const at::Tensor input = arguments.tensor("input");
  arguments.sameSizes({"input", "grad_out"});
  int64_t inner = 1;
  for (const int64_t size : arguments.integers("normalized_shape")) inner *= size;
  const int64_t outer = inner == 0 ? 0 : input.numel() / inner;
  for (const char* name : {"mean", "rstd"}) arguments.numel(name, outer);
  for (const char* name : {"weight", "bias"}) arguments.numel(name, inner);
}

// The input is [N, C, ...], seen as N * C rows of HxW elements; `group` groups of channels.
void groupNorm(const Arguments& arguments) {
  const at::Tensor input = arguments.tensor("input");
  const int64_t samples = arguments.integer("N");
  const int64_t channels = arguments.integer("C");
  const int64_t group = arguments.integer("group");
  for (const char* name : {"N", "C", "HxW"}) arguments.between(name, 0, std::numeric_limits<int32_t>::max());
  arguments.between("group", 1, std::numeric_limits<int32_t>::max());
  if (channels % group != 0) arguments.refuse("ERR_ARGUMENT", "group", c10::str("expected a divisor of 'C', ", channels, ", got ", group));
  arguments.numel("input", samples * channels * arguments.integer("HxW"));
  arguments.sameSizes({"input", "grad_out"});
  for (const char* name : {"weight", "bias"}) arguments.numel(name, channels);
  for (const char* name : {"mean", "rstd"}) arguments.numel(name, samples * group);
}

// Kernel sizes, strides and paddings of N numbers, and a weight that has this kernel size.
template <int N>
void convolution(const Arguments& arguments) {
  for (const char* name : {"kernel_size", "stride", "padding", "dilation", "output_padding"}) arguments.length(name, N);
  const at::Tensor weight = arguments.tensor("weight");
  const std::vector<int64_t> kernel = arguments.integers("kernel_size");
  if (weight.defined() && weight.dim() == N + 2 && weight.sizes().slice(2) != at::IntArrayRef(kernel))
    arguments.refuse("ERR_SHAPE", "kernel_size", c10::str("expected the last sizes of the weight, ", weight.sizes().slice(2), ", got ", at::IntArrayRef(kernel)));
}

void nnpackConvolution(const Arguments& arguments) {
  arguments.dims("input", 4);
  arguments.dims("weight", 4);
  arguments.length("padding", 2);
  arguments.length("stride", 2);
  arguments.positive("stride");
  arguments.numel("bias", arguments.tensor("weight").size(0));
}

// 4-bit weights in blocks along the input features.
void fourBitWeights(const Arguments& arguments) {
  for (const char* name : {"block_size", "in_features", "out_features"}) arguments.between(name, 1, std::numeric_limits<int32_t>::max());
  const at::Tensor input = arguments.tensor("inp");
  const at::Tensor packed = arguments.tensor("packed_weights");
  if (!input.defined() || !packed.defined()) return;
  const int64_t inner = arguments.integer("in_features");
  arguments.contiguous("packed_weights");
  arguments.expect(input.dim() > 0 && input.numel() >= input.size(0) * inner, "ERR_SHAPE", "inp", c10::str(inner, " features in each row, got ", describe(input)));
#ifndef __aarch64__
  // Two weights an element and a scale a block, as _dyn_quant_pack_4bit_weight gives them; ARM's own kernels pack otherwise.
  const int64_t outer = arguments.integer("out_features");
  const int64_t block = arguments.integer("block_size");
  const int64_t count = (outer * inner + 1) / 2 + outer * ((inner + block - 1) / block);
  arguments.dtype("packed_weights", at::kFloat);
  arguments.expect(packed.numel() >= count, "ERR_SHAPE", "packed_weights", c10::str("at least ", count, " elements, got ", describe(packed)));
#endif
}

// These read a matrix of the first two sizes, whatever follows.
void matrix(const Arguments& arguments) {
  for (const char* name : {"input", "weight"}) {
    const at::Tensor value = arguments.tensor(name);
    if (value.defined() && value.dim() > 2 && value.numel() < value.size(0) * value.size(1))
      arguments.refuse("ERR_SHAPE", name, "expected as many elements as the first two sizes say, got " + describe(value));
  }
}

void toHalf(const Arguments& arguments) {
  arguments.strided("weight");
  arguments.dtype("weight", at::kFloat);
  matrix(arguments);
}

// In training, noise is written as if it lay in one piece.
void noise(const Arguments& arguments) {
  const at::Tensor value = arguments.tensor("noise");
  if (!arguments.flag("training") || !value.defined() || value.layout() != at::kStrided) return;
  if (!value.is_non_overlapping_and_dense())
    arguments.refuse("ERR_ARGUMENT", "noise", "expected a tensor that fills its memory, got " + describe(value) + " with gaps or overlaps");
}

// For batches, oneDNN counts channels * width * stride of the larger side in 32 bits: transposed going forward, otherwise in the
// gradient. In the other dimensions it ends likewise somewhat later.
void strides(const Arguments& arguments, bool transposed, bool backward) {
  const std::vector<int64_t> strides = arguments.integers("stride");
  if (std::none_of(strides.begin(), strides.end(), [](int64_t each) { return each > 1; })) return;
  const at::Tensor input = arguments.tensor("input");
  const at::Tensor weight = arguments.tensor("weight");
  if (!input.defined() || !weight.defined() || !input.device().is_cpu() || input.dim() < 3 || input.dim() > 5 || weight.dim() != input.dim()) return;
  if (input.size(0) < 2 || (input.scalar_type() != at::kFloat && input.scalar_type() != at::kBFloat16 && input.scalar_type() != at::kHalf)) return;
  if (!transposed && !backward && !(at::GradMode::is_enabled() && input.requires_grad())) return;
  constexpr double kMost = std::numeric_limits<int32_t>::max();
  constexpr double kMostOfOuter = 0x1p29;
  const int64_t spatial = input.dim() - 2;
  // A list of one number counts for all dimensions.
  const auto numberAt = [](const std::vector<int64_t>& list, int64_t i, int64_t otherwise) {
    const auto count = static_cast<int64_t>(list.size());
    return static_cast<double>(count == 1 ? list[0] : i < count ? list[i] : otherwise);
  };
  const std::vector<int64_t> padding = arguments.integers("padding");
  const std::vector<int64_t> outputPadding = arguments.integers("output_padding");
  const std::vector<int64_t> dilation = arguments.integers("dilation");
  for (int64_t i = 0; i < spatial; ++i) {
    const double stride = numberAt(strides, i, 1);
    double width = static_cast<double>(input.size(i + 2));
    // The larger side of a transposed convolution is its output's.
    if (transposed)
      width = (width - 1) * stride - 2 * numberAt(padding, i, 0) + numberAt(dilation, i, 1) * static_cast<double>(weight.size(i + 2) - 1) + 1 + numberAt(outputPadding, i, 0);
    const bool last = i == spatial - 1;
    const double channels = last ? static_cast<double>(weight.size(1)) : 1;
    if (std::ceil(width / stride) * stride * stride * channels > (last ? kMost : kMostOfOuter))
      arguments.refuse("ERR_ARGUMENT", "stride", c10::str("expected one that oneDNN's 32 bits can count for a batch, got ", stride));
  }
}

void convolutionStrides(const Arguments& arguments) { strides(arguments, arguments.flag("transposed"), arguments.has("grad_output")); }

void transposedStrides(const Arguments& arguments) { strides(arguments, true, false); }

// Grouped queries repeat the heads of key and value: their number divides.
void groupedHeads(const Arguments& arguments) {
  if (!arguments.flag("enable_gqa")) return;
  for (const char* name : {"key", "value"}) {
    const at::Tensor each = arguments.tensor(name);
    arguments.expect(each.dim() >= 3 && each.size(-3) > 0, "ERR_SHAPE", name, "at least one head, got " + describe(each));
  }
}

void heads(const Arguments& arguments) {
  for (const char* name : {"num_heads", "num_head"}) arguments.positive(name);
  const int64_t count = arguments.integer(arguments.has("num_heads") ? "num_heads" : "num_head");
  const at::Tensor qkv = arguments.tensor("qkv");
  const int64_t width = qkv.defined() ? (qkv.dim() == 3 ? qkv.size(2) / 3 : 0) : arguments.integer("embed_dim");
  arguments.dims("qkv", 3);
  if (width <= 0 || width % count != 0)
    arguments.refuse("ERR_SHAPE", qkv.defined() ? "qkv" : "embed_dim", c10::str("expected a width that ", count, " heads divide, got ", width));
  arguments.numel("qkv_bias", 3 * width);
  for (const char* name : {"proj_bias", "norm_weight_1", "norm_bias_1", "norm_weight_2", "norm_bias_2", "ffn_bias_2"}) arguments.numel(name, width);
  arguments.sameDtype({"qkv", "qkv_bias"});
}

// Kernels that read a tensor as flat memory do not mind further elements.
void atLeast(const Arguments& arguments, const char* name, int64_t count) {
  const at::Tensor value = arguments.tensor(name);
  arguments.expect(value.numel() >= count, "ERR_SHAPE", name, c10::str("at least ", count, " elements, got ", describe(value)));
}

// Gradient and output are [batch, heads, queries, width], with a number for each query beside.
void flashAttentionBackward(const Arguments& arguments) {
  for (const char* name : {"query", "key", "value"}) arguments.dims(name, 4);
  const at::Tensor query = arguments.tensor("query");
  arguments.sameSizes({"query", "out", "grad_out"});
  atLeast(arguments, "logsumexp", query.size(0) * query.size(1) * query.size(2));
  arguments.sizes("value", arguments.tensor("key").sizes());
  arguments.expect(arguments.tensor("key").size(0) == query.size(0) && arguments.tensor("key").size(1) == query.size(1) &&
                       arguments.tensor("key").size(3) == query.size(3),
                   "ERR_SHAPE", "key", "the batch, heads and width of 'query', got " + describe(arguments.tensor("key")));
  arguments.sameDtype({"query", "key", "value", "out", "grad_out"});
}

void maskedSoftmaxBackward(const Arguments& arguments) {
  // It goes through the gradient's rows, and compares these with the mask's only.
  for (const char* name : {"grad_output", "mask"}) arguments.numel(name, arguments.tensor("output").numel());
  arguments.sameDtype({"output", "grad_output"});
  arguments.dtype("mask", at::kBool);
}

void weightNorm(const Arguments& arguments) {
  const at::Tensor v = arguments.firstOf({"v", "saved_v"});
  const int64_t dim = arguments.integer("dim");
  // Over other dimensions the norm is made of public operators.
  if (dim != 0 && dim != v.dim() - 1) return;
  const char* name = arguments.has("v") ? "v" : "saved_v";
  arguments.expect(v.dim() > 0 && v.numel() > 0, "ERR_SHAPE", name, "at least one element and one dimension, got " + describe(v));
  for (const char* each : {"g", "saved_g", "saved_norms"}) arguments.numel(each, v.size(dim));
  arguments.sizes("grad_w", v.sizes());
}

void observer(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  const bool perRow = arguments.flag("per_row_fake_quant");
  if (perRow) arguments.dimension("ch_axis", self.dim(), false);
  const int64_t count = perRow && self.dim() > 0 ? self.size(arguments.integer("ch_axis")) : 1;
  for (const char* name : {"observer_on", "fake_quant_on"}) arguments.numel(name, 1);
  for (const char* name : {"running_min", "running_max", "scale"}) {
    arguments.numel(name, count);
    arguments.dtype(name, at::kFloat);
  }
  arguments.numel("zero_point", count);
  arguments.dtype("zero_point", at::kInt);
}

}  // namespace

std::vector<Guard> layerGuards() {
  return {
      {"native_batch_norm _native_batch_norm_legit _batch_norm_no_update _native_batch_norm_legit_functional "
       "_native_batch_norm_legit_no_training _batch_norm_with_update _batch_norm_with_update_functional",
       "one weight, bias and statistic for each channel; running statistics outside training", batchNorm},
      {"batch_norm_update_stats", "a statistic for each channel", batchNormUpdate},
      {"native_batch_norm_backward batch_norm_backward _batch_norm_impl_index_backward",
       "a gradient of the shape of an input that is not empty; saved statistics in training, running ones outside", batchNormBackward},
      {"native_layer_norm_backward", "a gradient of the input's shape, a mean and a deviation for each row", layerNormBackward},
      {"native_group_norm native_group_norm_backward", "N * C * HxW elements in groups that divide the channels", groupNorm},
      {"_slow_conv2d_forward _slow_conv2d_backward slow_conv_transpose2d thnn_conv2d",
       "two numbers for each of kernel_size, stride, padding; the weight has this kernel size", convolution<2>},
      {"slow_conv3d slow_conv3d_forward slow_conv_transpose3d",
       "three numbers for each of kernel_size, stride, padding; the weight has this kernel size", convolution<3>},
      {"_nnpack_spatial_convolution", "4 dimensions, two paddings, two positive strides, a bias for each output channel", nnpackConvolution},
      {"_dyn_quant_pack_4bit_weight _dyn_quant_matmul_4bit", "positive block and feature sizes; packed weights of them", fourBitWeights},
      {"conv_transpose1d conv_transpose2d conv_transpose3d", "for batches, strides and widths that oneDNN can count in 32 bits", transposedStrides},
      {"conv1d conv2d conv3d convolution _convolution mkldnn_convolution convolution_backward",
       "for batches, strides and widths that oneDNN can count in 32 bits", convolutionStrides},
      {"rrelu_with_noise rrelu_with_noise_ rrelu_with_noise_functional", "in training, noise without gaps in memory", noise},
      {"fbgemm_linear_quantize_weight fbgemm_pack_gemm_matrix_fp16 fbgemm_pack_quantized_matrix", "the elements of a matrix", matrix},
      {"_saturate_weight_to_fp16", "a dense float32 weight with the elements of a matrix", toHalf},
      {"_scaled_dot_product_attention_math scaled_dot_product_attention", "heads to repeat, where queries are grouped", groupedHeads},
      {"_transform_bias_rescale_qkv _native_multi_head_attention _transformer_encoder_layer_fwd",
       "a width that the heads divide, biases and norms of it", heads},
      {"_scaled_dot_product_flash_attention_for_cpu_backward", "output and gradient of the queries' shape", flashAttentionBackward},
      {"_masked_softmax_backward", "a gradient and a bool mask for each element of the output", maskedSoftmaxBackward},
      {"_weight_norm _weight_norm_interface _weight_norm_interface_backward", "a norm for each slice of a weight that is not empty",
       weightNorm},
      {"_fused_moving_avg_obs_fq_helper _fused_moving_avg_obs_fq_helper_functional fused_moving_avg_obs_fake_quant",
       "float32 statistics and int32 zero points, one each or one a channel", observer},
  };
}

}  // namespace dgsam
