#include "operators.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <unordered_set>

namespace dgsam::capture {
namespace {

// Operators that write to their running statistics, arguments 3 and 4, when argument 5 is true.
constexpr std::array kWritesStatistics = {"aten::native_batch_norm", "aten::cudnn_batch_norm", "aten::miopen_batch_norm",
                                          "aten::batch_norm", "aten::_batch_norm_impl_index", "aten::instance_norm"};

bool isMask(const c10::IValue& index) {
  if (!index.isTensor() || !index.toTensor().defined()) return false;
  const at::ScalarType dtype = index.toTensor().scalar_type();
  return dtype == at::kBool || dtype == at::kByte;
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

std::vector<size_t> writtenInSilence(const c10::OperatorHandle& handle, const torch::jit::Stack& arguments) {
  const std::string& name = handle.operator_name().name;
  if (name == "aten::batch_norm_update_stats") return {1, 2};
  const bool hasStatistics = std::find(kWritesStatistics.begin(), kWritesStatistics.end(), name) != kWritesStatistics.end();
  return hasStatistics && arguments.size() > 5 && arguments[5].isBool() && arguments[5].toBool() ? std::vector<size_t>{3, 4} : std::vector<size_t>{};
}

}  // namespace dgsam::capture
