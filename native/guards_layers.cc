#include <c10/util/StringUtil.h>

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
}

void toHalf(const Arguments& arguments) {
  arguments.strided("weight");
  arguments.dtype("weight", at::kFloat);
}

// Grouped queries repeat the heads of key and value: their number divides.
void groupedHeads(const Arguments& arguments) {
  if (!arguments.flag("enable_gqa")) return;
  for (const char* name : {"key", "value"}) {
    const at::Tensor each = arguments.tensor(name);
    arguments.expect(each.dim() >= 3 && each.size(-3) > 0, "ERR_SHAPE", name, "at least one head, got " + describe(each));
  }
}

void embeddingBackward(const Arguments& arguments) {
  const at::Tensor indices = arguments.tensor("indices");
  const at::Tensor grad = arguments.tensor("grad_output");
  const auto indexDims = indices.sizes();
  if (grad.dim() != indices.dim() + 1 || grad.sizes().slice(0, indices.dim()) != indexDims)
    arguments.refuse("ERR_SHAPE", "grad_output", c10::str("expected the shape of 'indices', ", indexDims, ", and one more dimension, got ", describe(grad)));
  // Other indices are passed over, unless their frequencies are counted.
  if (arguments.flag("scale_grad_by_freq")) arguments.values("indices", 0, arguments.integer("num_weights") - 1);
}

void embeddingBagBackward(const Arguments& arguments) {
  const at::Tensor grad = arguments.tensor("grad");
  const at::Tensor indices = arguments.tensor("indices");
  arguments.dims("grad", 2);
  arguments.dims("indices", 1);
  arguments.values("indices", 0, arguments.integer("num_weights") - 1);
  const at::Tensor bags = arguments.tensor("offset2bag");
  // Where it is empty it is worked out from the offsets.
  if (bags.defined() && !(bags.numel() == 0 && arguments.has("offsets"))) {
    arguments.numel("offset2bag", indices.numel());
    arguments.values("offset2bag", 0, grad.size(0) - 1);
  }
  arguments.values("offsets", 0, indices.numel());
  arguments.numel("per_sample_weights", indices.numel());
  constexpr int64_t kMean = 1;
  constexpr int64_t kMax = 2;
  const int64_t mode = arguments.integer("mode");
  if (mode == kMean) {
    const at::Tensor sizes = arguments.tensor("bag_size");
    if (sizes.defined() && sizes.numel() < grad.size(0)) arguments.numel("bag_size", grad.size(0));
  }
  if (mode == kMax && arguments.has("maximum_indices")) {
    arguments.sizes("maximum_indices", grad.sizes());
    arguments.values("maximum_indices", -1, arguments.integer("num_weights") - 1);
  }
}

void bagWeightsBackward(const Arguments& arguments) {
  const at::Tensor grad = arguments.tensor("grad");
  const at::Tensor weight = arguments.tensor("weight");
  const at::Tensor indices = arguments.tensor("indices");
  arguments.dims("grad", 2);
  arguments.dims("weight", 2);
  arguments.dims("indices", 1);
  arguments.sameDtype({"indices", "offsets"});
  const int64_t rows = weight.size(0);
  arguments.values("indices", 0, rows - 1);
  const at::Tensor bags = arguments.tensor("offset2bag");
  // Where it is empty it is worked out from the offsets.
  if (bags.defined() && bags.numel() > 0) {
    arguments.numel("offset2bag", indices.numel());
    arguments.values("offset2bag", 0, grad.size(0) - 1);
  } else {
    arguments.dims("offsets", 1);
    arguments.values("offsets", 0, indices.numel());
    const at::Tensor offsets = arguments.tensor("offsets");
    arguments.expect(offsets.numel() <= grad.size(0), "ERR_SHAPE", "offsets", c10::str("at most ", grad.size(0), " bags, got ", describe(offsets)));
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
  for (const char* name : {"grad_output", "mask"}) atLeast(arguments, name, arguments.tensor("output").numel());
  arguments.sameDtype({"output", "grad_output"});
  arguments.dtype("mask", at::kBool);
}

// Integers are divided by `beta` as integers, where it may be 0.
void floatingLoss(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  arguments.expect(self.is_floating_point() || self.is_complex(), "ERR_DTYPE", "self", "a floating-point dtype, got " + describe(self));
}

void logSoftmaxBackward(const Arguments& arguments) {
  arguments.sameSizes({"grad_output", "output"});
  arguments.dimension("dim", arguments.tensor("output").dim());
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

// The gradient of a loss: one number, or one for each row where they were not reduced.
void lossGradient(const Arguments& arguments, int64_t rows) {
  if (arguments.integer("reduction") == 0) return arguments.numel("grad_output", rows);
  const at::Tensor grad = arguments.tensor("grad_output");
  arguments.expect(grad.numel() > 0, "ERR_SHAPE", "grad_output", "one element, got " + describe(grad));
}

void crossEntropyTarget(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  const int64_t classes = self.dim() == 0 ? 1 : self.size(-1);
  arguments.expect(self.dim() <= 2 && classes > 0, "ERR_SHAPE", "self", "one row or more of at least one class, got " + describe(self));
  const int64_t rows = self.numel() / classes;
  arguments.numel("target", rows);
  arguments.numel("weight", classes);
  arguments.values("target", 0, classes - 1);
  lossGradient(arguments, rows);
}

void multilabelBackward(const Arguments& arguments) {
  const at::Tensor self = arguments.tensor("self");
  arguments.expect(self.dim() <= 2 && self.numel() > 0, "ERR_SHAPE", "self", "one row or more of at least one class, got " + describe(self));
  const int64_t classes = self.dim() == 0 ? 1 : self.size(-1);
  for (const char* name : {"target", "is_target"}) arguments.numel(name, self.numel());
  arguments.dtype("target", at::kLong);
  arguments.values("target", -1, classes - 1);
  lossGradient(arguments, self.numel() / classes);
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
       "a gradient of the input's shape; saved statistics in training, running ones outside", batchNormBackward},
      {"native_layer_norm_backward", "a gradient of the input's shape, a mean and a deviation for each row", layerNormBackward},
      {"native_group_norm native_group_norm_backward", "N * C * HxW elements in groups that divide the channels", groupNorm},
      {"_slow_conv2d_forward _slow_conv2d_backward slow_conv_transpose2d thnn_conv2d",
       "two numbers for each of kernel_size, stride, padding; the weight has this kernel size", convolution<2>},
      {"slow_conv3d slow_conv3d_forward slow_conv_transpose3d",
       "three numbers for each of kernel_size, stride, padding; the weight has this kernel size", convolution<3>},
      {"_nnpack_spatial_convolution", "4 dimensions, two paddings, two positive strides, a bias for each output channel", nnpackConvolution},
      {"embedding_dense_backward", "a gradient of the indices' shape and one dimension more; counted indices within the table",
       embeddingBackward},
      {"_embedding_bag_backward _embedding_bag_dense_backward _embedding_bag_sparse_backward",
       "indices within the table, bags within the gradient", embeddingBagBackward},
      {"_embedding_bag_per_sample_weights_backward", "indices within the table, bags within the gradient", bagWeightsBackward},
      {"_dyn_quant_pack_4bit_weight _dyn_quant_matmul_4bit", "positive block and feature sizes", fourBitWeights},
      {"_saturate_weight_to_fp16", "a dense float32 weight", toHalf},
      {"_scaled_dot_product_attention_math scaled_dot_product_attention", "heads to repeat, where queries are grouped", groupedHeads},
      {"_transform_bias_rescale_qkv _native_multi_head_attention _transformer_encoder_layer_fwd",
       "a width that the heads divide, biases and norms of it", heads},
      {"_scaled_dot_product_flash_attention_for_cpu_backward", "output and gradient of the queries' shape", flashAttentionBackward},
      {"_masked_softmax_backward", "a gradient and a bool mask for each element of the output", maskedSoftmaxBackward},
      {"smooth_l1_loss_backward", "a floating-point input", floatingLoss},
      {"_log_softmax_backward_data", "a gradient of the output's shape", logSoftmaxBackward},
      {"_weight_norm _weight_norm_interface _weight_norm_interface_backward", "a norm for each slice of a weight that is not empty",
       weightNorm},
      {"multi_margin_loss_backward", "a target for each row, within the classes", crossEntropyTarget},
      {"multilabel_margin_loss_backward", "targets of the input's shape, within the classes or -1", multilabelBackward},
      {"_fused_moving_avg_obs_fq_helper _fused_moving_avg_obs_fq_helper_functional fused_moving_avg_obs_fake_quant",
       "float32 statistics and int32 zero points, one each or one a channel", observer},
  };
}

}  // namespace dgsam
