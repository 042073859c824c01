#include "rows.h"

#include <algorithm>

namespace dgsam::ops {
namespace {

bool follows(const at::Tensor* tensor, const at::Tensor& param) {
  return tensor == nullptr || (isPlain(*tensor) && sameOrder(*tensor, param));
}

char* dataOf(const at::Tensor* tensor, Access access) {
  if (tensor == nullptr) return nullptr;
  return static_cast<char*>(access == Access::Write ? tensor->mutable_data_ptr() : const_cast<void*>(tensor->const_data_ptr()));
}

// Makes the row flat if all of it is memory in one order. Pointers are taken here and not by the worker threads, since taking
// one may copy memory that is shared until it is written.
void flatten(Row& row, Uses uses) {
  const at::Tensor& param = *row.param;
  const std::optional<Element> element = elementOf(param.scalar_type());
  if (!element.has_value() || !isPlain(param) || !param.is_non_overlapping_and_dense()) return;
  if (!follows(row.grad, param) || !follows(row.saved, param) || !follows(row.sum, param)) return;
  row.flat = true;
  row.element = *element;
  if (param.is_cpu()) row.kernels = &kernels(*element);
  row.count = param.numel();
  row.elementSize = static_cast<int64_t>(param.element_size());
  row.paramData = dataOf(row.param, uses.param);
  row.gradData = dataOf(row.grad, uses.grad);
  row.savedData = dataOf(row.saved, uses.saved);
  row.sumData = dataOf(row.sum, uses.sum);
}

}  // namespace

void checkFloating(const char* name, const char* list, size_t index, const at::Tensor& tensor) {
  TORCH_CHECK(tensor.defined(), "dgsam::", name, ": ", list, "[", index, "] is undefined");
  TORCH_CHECK(tensor.layout() == at::kStrided, "dgsam::", name, ": ", list, "[", index, "]: expected a dense tensor, got layout ",
              tensor.layout());
  TORCH_CHECK(at::isFloatingType(tensor.scalar_type()) || at::isComplexType(tensor.scalar_type()), "dgsam::", name, ": ", list, "[",
              index, "]: expected a floating-point or complex dtype, got ", tensor.scalar_type());
}

void checkCompanion(const char* name, const char* list, size_t index, const at::Tensor& tensor, const at::Tensor& param) {
  TORCH_CHECK(tensor.defined(), "dgsam::", name, ": ", list, "[", index, "] is undefined");
  TORCH_CHECK(tensor.layout() == at::kStrided, "dgsam::", name, ": ", list, "[", index, "]: expected a dense tensor, got layout ",
              tensor.layout());
  TORCH_CHECK(tensor.sizes().equals(param.sizes()), "dgsam::", name, ": ", list, "[", index, "]: expected shape ", param.sizes(),
              " as its parameter, got ", tensor.sizes());
  TORCH_CHECK(tensor.scalar_type() == param.scalar_type(), "dgsam::", name, ": ", list, "[", index, "]: expected dtype ",
              param.scalar_type(), " as its parameter, got ", tensor.scalar_type());
  TORCH_CHECK(tensor.device() == param.device(), "dgsam::", name, ": ", list, "[", index, "]: expected device ", param.device(),
              " as its parameter, got ", tensor.device());
}

void checkLength(const char* name, const char* list, size_t size, size_t expected) {
  TORCH_CHECK(size == expected, "dgsam::", name, ": expected ", expected, " tensors in '", list, "', one per parameter, got ", size);
}

Rows makeRows(const char* name, at::TensorList params, at::TensorList saved, at::TensorList sums, Uses uses) {
  if (!saved.empty()) checkLength(name, "saved", saved.size(), params.size());
  if (!sums.empty()) checkLength(name, "sums", sums.size(), params.size());
  Rows rows;
  rows.reserve(params.size());
  for (size_t i = 0; i < params.size(); ++i) {
    const at::Tensor& param = params[i];
    checkFloating(name, "params", i, param);
    const at::Tensor* const grad = uses.grad != Access::None && param.grad().defined() ? &param.grad() : nullptr;
    rows.push_back({&param, grad, saved.empty() ? nullptr : &saved[i], sums.empty() ? nullptr : &sums[i]});
    const Row& row = rows.back();
    if (row.grad != nullptr) checkCompanion(name, "gradients of params", i, *row.grad, param);
    if (row.saved != nullptr) checkCompanion(name, "saved", i, *row.saved, param);
    if (row.sum != nullptr) checkCompanion(name, "sums", i, *row.sum, param);
  }
  for (Row& row : rows) flatten(row, uses);
  return rows;
}

Rows rowsToRestore(at::TensorList params, at::TensorList saved) {
  checkLength("restore_", "saved", saved.size(), params.size());
  return makeRows("restore_", params, saved, {}, {.param = Access::Write, .grad = Access::None, .saved = Access::Read, .sum = Access::None});
}

Row readOnlyRow(const char* name, const char* list, size_t index, const at::Tensor& tensor) {
  checkFloating(name, list, index, tensor);
  Row row{&tensor, &tensor, nullptr, nullptr};
  flatten(row, {Access::Read, Access::Read, Access::None, Access::None});
  return row;
}

int64_t countGradients(const Rows& rows) {
  return std::count_if(rows.begin(), rows.end(), [](const Row& row) { return row.grad != nullptr; });
}

bool isPlain(const at::Tensor& tensor) {
  using c10::DispatchKey;
  constexpr c10::DispatchKeySet kLazy({DispatchKey::Negative, DispatchKey::Conjugate, DispatchKey::ZeroTensor, DispatchKey::Python,
                                       DispatchKey::Functionalize});
  return (tensor.is_cpu() || tensor.is_cuda()) && tensor.has_storage() && !tensor.key_set().has_any(kLazy);
}

std::optional<Element> elementOf(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return Element::Float;
    case at::kDouble:
      return Element::Double;
    case at::kBFloat16:
      return Element::BFloat16;
    case at::kHalf:
      return Element::Half;
    default:
      return std::nullopt;
  }
}

bool sameOrder(const at::Tensor& tensor, const at::Tensor& param) {
  const at::IntArrayRef sizes = param.sizes(), strides = param.strides(), others = tensor.strides();
  for (size_t i = 0; i < sizes.size(); ++i)
    if (strides[i] != others[i] && sizes[i] != 1) return false;
  return true;
}

void bump(const at::Tensor& tensor) {
  if (!tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
}

}  // namespace dgsam::ops
