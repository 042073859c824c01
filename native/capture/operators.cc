#include "operators.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

namespace dgsam::capture {
namespace {

// Operators that write to their running statistics, arguments 3 and 4, when argument 5 is true.
constexpr std::array kWritesStatistics = {"aten::native_batch_norm", "aten::cudnn_batch_norm", "aten::miopen_batch_norm",
                                          "aten::batch_norm", "aten::_batch_norm_impl_index", "aten::instance_norm"};

bool writesStatistics(const std::string& name) {
  return std::find(kWritesStatistics.begin(), kWritesStatistics.end(), name) != kWritesStatistics.end();
}

bool isMask(const c10::IValue& index) {
  if (!index.isTensor() || !index.toTensor().defined()) return false;
  const at::ScalarType dtype = index.toTensor().scalar_type();
  return dtype == at::kBool || dtype == at::kByte;
}

// Whether a schema has the arguments of another one and, after these, its results.
bool writesResultsOf(const c10::FunctionSchema& makes, const c10::FunctionSchema& writes) {
  const auto &operands = makes.arguments(), &all = writes.arguments();
  if (all.size() != operands.size() + makes.returns().size()) return false;
  const auto isSame = [](const c10::Argument& a, const c10::Argument& b) { return a.name() == b.name() && *a.type() == *b.type(); };
  return std::equal(operands.begin(), operands.end(), all.begin(), isSame) &&
         std::all_of(all.begin() + static_cast<ptrdiff_t>(operands.size()), all.end(), [](const c10::Argument& argument) { return argument.is_out(); });
}

}  // namespace

std::string nameOf(const c10::OperatorHandle& handle) { return c10::toString(handle.operator_name()); }

bool drawsRandomNumbers(const c10::OperatorHandle& handle) {
  if (handle.hasTag(at::Tag::nondeterministic_seeded)) return true;
  const auto& arguments = handle.schema().arguments();
  return std::any_of(arguments.begin(), arguments.end(), [](const c10::Argument& argument) {
    const auto type = argument.type();
    const auto inner = type->castRaw<c10::OptionalType>();
    return (inner == nullptr ? type : inner->getElementType())->kind() == c10::TypeKind::GeneratorType;
  });
}

bool dependsOnValues(const c10::OperatorHandle& handle, const torch::jit::Stack& arguments) {
  const std::string& name = handle.operator_name().name;
  // The tag is for masks.
  if (name == "aten::index") {
    const auto indices = arguments[1].toListRef();
    return std::any_of(indices.begin(), indices.end(), isMask);
  }
  // Not tagged.
  if (name == "aten::_pack_padded_sequence") return true;
  return handle.hasTag(at::Tag::data_dependent_output) || handle.hasTag(at::Tag::dynamic_output_shape);
}

bool tellsShape(const c10::OperatorHandle& handle) {
  static const std::unordered_set<std::string> names{"aten::size", "aten::stride", "aten::sym_size", "aten::sym_stride",
                                                     "aten::sym_numel", "aten::sym_storage_offset", "aten::is_same_size", "aten::dim",
                                                     "aten::numel", "aten::is_complex", "aten::is_floating_point", "aten::is_signed"};
  return names.count(handle.operator_name().name) != 0;
}

bool mayWriteInSilence(const c10::OperatorHandle& handle) {
  const std::string& name = handle.operator_name().name;
  // By its name an operator works in place, say on gradients, of which schemas know nothing.
  return name.back() == '_' || name == "aten::batch_norm_update_stats" || writesStatistics(name);
}

std::vector<size_t> writtenInSilence(const c10::OperatorHandle& handle, const torch::jit::Stack& arguments) {
  const std::string& name = handle.operator_name().name;
  if (name == "aten::batch_norm_update_stats") return {1, 2};
  return writesStatistics(name) && arguments.size() > 5 && arguments[5].isBool() && arguments[5].toBool() ? std::vector<size_t>{3, 4} : std::vector<size_t>{};
}

bool leavesSeeds(const c10::OperatorHandle& handle) {
  const std::string& name = handle.operator_name().name;
  return name == "aten::_scaled_dot_product_efficient_attention" || name == "aten::_efficient_attention_forward";
}

bool takesSeeds(const c10::OperatorHandle& handle) {
  const std::string& name = handle.operator_name().name;
  return name == "aten::_scaled_dot_product_efficient_attention_backward" || name == "aten::_efficient_attention_backward";
}

bool decomposesMatrices(const c10::OperatorHandle& handle) {
  static const std::unordered_set<std::string> harmless{"aten::linalg_vector_norm", "aten::linalg_cross", "aten::linalg_vander", "aten::linalg_diagonal", "aten::linalg_solve_triangular"};
  static const std::unordered_set<std::string> others{"aten::cholesky", "aten::cholesky_inverse", "aten::cholesky_solve", "aten::geqrf", "aten::lu_solve",
                                                      "aten::orgqr",    "aten::ormqr",            "aten::_lu_with_info",  "aten::_cholesky_solve_helper"};
  const std::string& name = handle.operator_name().name;
  const bool isLinalg = name.rfind("aten::linalg_", 0) == 0 || name.rfind("aten::_linalg_", 0) == 0;
  return (isLinalg && harmless.count(name) == 0) || others.count(name) != 0;
}

std::optional<c10::OperatorHandle> overloadInto(const c10::OperatorHandle& handle) {
  auto& dispatcher = c10::Dispatcher::singleton();
  static const std::unordered_map<std::string, std::vector<c10::OperatorName>> overloads = [&] {
    std::unordered_map<std::string, std::vector<c10::OperatorName>> byName;
    for (const c10::OperatorName& name : dispatcher.getAllOpNames()) byName[name.name].push_back(name);
    return byName;
  }();
  const auto known = overloads.find(handle.operator_name().name);
  if (known == overloads.end()) return std::nullopt;
  for (const c10::OperatorName& name : known->second) {
    const std::optional<c10::OperatorHandle> other = dispatcher.findSchema(name);
    if (other.has_value() && other->hasKernelForDispatchKey(c10::DispatchKey::CPU) && writesResultsOf(handle.schema(), other->schema())) return other;
  }
  return std::nullopt;
}

bool runsWithAnyThreads(const c10::OperatorHandle& handle) {
  static const std::unordered_set<std::string> names{
      // Products of matrices.
      "addbmm", "addmm", "addmv", "baddbmm", "bmm", "dot", "mm", "mv", "vdot",
      // Element by element.
      "abs", "add", "addcdiv", "addcmul", "atan", "clamp", "clamp_max", "clamp_min", "cos", "div", "eq", "erf", "exp", "expm1", "ge", "gt", "le",
      "lerp", "log", "log1p", "log2", "logical_and", "logical_not", "logical_or", "lt", "masked_fill", "maximum", "minimum", "mul", "ne", "neg",
      "pow", "reciprocal", "rsqrt", "rsub", "sgn", "sigmoid", "sigmoid_backward", "sign", "sin", "sqrt", "sub", "tanh", "tanh_backward", "where", "xlogy",
      // Activations.
      "elu", "elu_backward", "gelu", "gelu_backward", "hardsigmoid", "hardsigmoid_backward", "hardswish", "hardswish_backward", "hardtanh",
      "hardtanh_backward", "leaky_relu", "leaky_relu_backward", "log_sigmoid_backward", "log_sigmoid_forward", "mish", "mish_backward", "relu", "silu",
      "silu_backward", "softplus", "softplus_backward", "threshold", "threshold_backward",
      // Reductions, softmax, norms.
      "_log_softmax", "_log_softmax_backward_data", "_softmax", "_softmax_backward_data", "amax", "amin", "argmax", "argmin", "cumsum", "linalg_vector_norm",
      "logsumexp", "max", "mean", "min", "native_group_norm", "native_group_norm_backward", "native_layer_norm", "native_layer_norm_backward", "norm",
      "prod", "std", "sum", "var",
      // Losses.
      "binary_cross_entropy", "binary_cross_entropy_backward", "huber_loss", "huber_loss_backward", "mse_loss", "mse_loss_backward", "nll_loss_backward",
      "nll_loss_forward", "smooth_l1_loss", "smooth_l1_loss_backward",
      // Copies, and what makes tensors.
      "_to_copy", "cat", "clone", "constant_pad_nd", "copy", "copy_", "empty_like", "fill", "fill_", "full", "full_like", "gather", "index_select", "ones", "ones_like",
      "repeat", "scalar_tensor", "scatter", "scatter_add", "select_backward", "slice_backward", "stack", "zero_", "zeros", "zeros_like",
      // Other looks at the same memory.
      "_reshape_alias", "_unsafe_view", "alias", "as_strided", "detach", "expand", "permute", "select", "slice", "split", "squeeze", "t", "transpose", "unbind", "unsqueeze", "view"};
  const std::string& name = handle.operator_name().name;
  constexpr size_t kPrefix = sizeof("aten::") - 1;
  return name.compare(0, kPrefix, "aten::") == 0 && names.count(name.substr(kPrefix)) != 0;
}

}  // namespace dgsam::capture
