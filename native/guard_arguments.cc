#include "guard_arguments.h"

#include <ATen/Functions.h>
#include <c10/core/ScalarType.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cstring>

#include "capture/recorder.h"
#include "errors.h"

namespace dgsam {
namespace {

bool isReadable(const at::Tensor& tensor) {
  return tensor.device().is_cpu() && tensor.layout() == at::kStrided && !tensor.is_nested();
}

}  // namespace

std::string describe(const at::Tensor& tensor) {
  if (!tensor.defined()) return "null";
  return c10::str("a ", c10::getDtypeNames(tensor.scalar_type()).first, " tensor of shape [", c10::Join(", ", tensor.sizes()), "]");
}

const c10::IValue* Arguments::find(Name name) const {
  for (size_t i = 0; i < bound_.arguments.size(); ++i)
    if (bound_.arguments[i].name == name) return &stack_[i];
  return nullptr;
}

at::Tensor Arguments::tensor(Name name) const {
  const c10::IValue* value = find(name);
  return value != nullptr && value->isTensor() ? value->toTensor() : at::Tensor();
}

at::Tensor Arguments::firstOf(Names names) const {
  for (const Name name : names)
    if (at::Tensor found = tensor(name); found.defined()) return found;
  return at::Tensor();
}

std::vector<at::Tensor> Arguments::tensors(Name name) const {
  const c10::IValue* value = find(name);
  return value != nullptr && value->isTensorList() ? value->toTensorVector() : std::vector<at::Tensor>();
}

std::vector<int64_t> Arguments::integers(Name name) const {
  const c10::IValue* value = find(name);
  if (value == nullptr) return {};
  if (value->isIntList()) return value->toIntVector();
  return value->isInt() ? std::vector<int64_t>{value->toInt()} : std::vector<int64_t>();
}

int64_t Arguments::integer(Name name) const {
  const c10::IValue* value = find(name);
  return value != nullptr && value->isInt() ? value->toInt() : 0;
}

bool Arguments::flag(Name name) const {
  const c10::IValue* value = find(name);
  return value != nullptr && value->isBool() && value->toBool();
}

void Arguments::lookAtValues() const {
  capture::refuseRecording(bound_.name + " has to look at the values of its tensors before each call");
}

at::Tensor Arguments::numbers(Name name) const {
  const at::Tensor value = tensor(name);
  if (!value.defined() || !isReadable(value) || value.is_complex() || value.is_quantized()) return at::Tensor();
  lookAtValues();
  if (value._is_zerotensor()) return at::zeros(value.sizes(), at::kLong);
  return value.detach().to(at::kLong).contiguous().resolve_neg();
}

void Arguments::refuse(const char* code, Name name, const std::string& expectedAndGot) const {
  throw UsageError(code, c10::str("argument '", name, "': ", expectedAndGot));
}

void Arguments::expect(bool condition, const char* code, Name name, const std::string& expected) const {
  if (!condition) refuse(code, name, "expected " + expected);
}

void Arguments::defined(Name name, const std::string& because) const {
  if (const c10::IValue* value = find(name); value != nullptr && (value->isNone() || (value->isTensor() && !value->toTensor().defined())))
    refuse("ERR_ARGUMENT", name, "expected a Tensor, " + because + ", got null");
}

void Arguments::length(Name list, size_t length) const {
  const c10::IValue* value = find(list);
  if (value == nullptr || !value->isList()) return;
  if (const size_t actual = value->toListRef().size(); actual != length)
    refuse("ERR_ARGUMENT", list, c10::str("expected a list of length ", length, ", got one of length ", actual));
}

void Arguments::notEmpty(Name list) const {
  const c10::IValue* value = find(list);
  if (value != nullptr && value->isList() && value->toListRef().empty())
    refuse("ERR_ARGUMENT", list, "expected at least one element, got an empty list");
}

void Arguments::positive(Name name) const {
  for (const int64_t each : integers(name))
    if (each <= 0) refuse("ERR_ARGUMENT", name, c10::str("expected positive numbers, got ", each));
}

void Arguments::dims(Name name, int64_t ndim) const {
  const at::Tensor value = tensor(name);
  if (value.defined() && value.dim() != ndim)
    refuse("ERR_SHAPE", name, c10::str("expected ", ndim, " dimensions, got ", describe(value)));
}

void Arguments::sizes(Name name, at::IntArrayRef expected) const {
  const at::Tensor value = tensor(name);
  if (value.defined() && value.sizes() != expected)
    refuse("ERR_SHAPE", name, c10::str("expected shape [", c10::Join(", ", expected), "], got ", describe(value)));
}

void Arguments::numel(Name name, int64_t count) const {
  const at::Tensor value = tensor(name);
  if (value.defined() && value.numel() != count)
    refuse("ERR_SHAPE", name, c10::str("expected ", count, " elements, got ", describe(value)));
}

void Arguments::strided(Name name) const {
  const at::Tensor value = tensor(name);
  if (!value.defined()) return;
  if (value.is_nested()) refuse("ERR_ARGUMENT", name, "expected a dense tensor, got a nested one");
  if (value.layout() != at::kStrided) refuse("ERR_ARGUMENT", name, c10::str("expected a dense tensor, got one of layout ", value.layout()));
}

void Arguments::contiguous(Name name) const {
  const at::Tensor value = tensor(name);
  if (value.defined() && (!value.is_contiguous() || value._is_zerotensor()))
    refuse("ERR_ARGUMENT", name, "expected a contiguous tensor, got " + describe(value) + " that is not: contiguous() makes one");
}

void Arguments::dtype(Name name, at::ScalarType expected) const {
  const at::Tensor value = tensor(name);
  if (value.defined() && value.scalar_type() != expected)
    refuse("ERR_DTYPE", name, c10::str("expected dtype ", c10::getDtypeNames(expected).first, ", got ", describe(value)));
}

void Arguments::sameSizes(Names names) const {
  const at::Tensor first = firstOf(names);
  if (!first.defined()) return;
  for (const Name name : names) sizes(name, first.sizes());
}

void Arguments::sameDtype(Names names) const {
  const at::Tensor first = firstOf(names);
  if (!first.defined()) return;
  for (const Name name : names) dtype(name, first.scalar_type());
}

void Arguments::between(Name name, int64_t low, int64_t high) const {
  if (!has(name)) return;
  const int64_t value = integer(name);
  if (value < low || value > high) refuse("ERR_ARGUMENT", name, c10::str("expected a number from ", low, " to ", high, ", got ", value));
}

void Arguments::dimension(Name name, int64_t ndim, bool wraps) const {
  const int64_t count = std::max<int64_t>(ndim, 1);
  for (const int64_t each : integers(name))
    if (each >= count || each < (wraps ? -count : 0))
      refuse("ERR_ARGUMENT", name, c10::str("expected a dimension from ", wraps ? -count : 0, " to ", count - 1, ", got ", each));
}

void Arguments::values(Name name, int64_t low, int64_t high) const {
  const at::Tensor value = tensor(name);
  if (!value.defined() || value.numel() == 0 || !isReadable(value)) return;
  lookAtValues();
  if (!c10::isIntegralType(value.scalar_type(), false)) refuse("ERR_DTYPE", name, "expected an integer dtype, got " + describe(value));
  const auto [least, greatest] = at::aminmax(value);
  const int64_t bottom = least.item<int64_t>();
  const int64_t top = greatest.item<int64_t>();
  if (bottom < low || top > high)
    refuse("ERR_ARGUMENT", name, c10::str("expected values from ", low, " to ", high, ", got ", bottom < low ? bottom : top));
}

void Arguments::nonDecreasing(Name name) const {
  const at::Tensor value = numbers(name);
  if (!value.defined() || value.dim() == 0) return;
  const int64_t* const data = value.const_data_ptr<int64_t>();
  const int64_t length = value.size(-1);
  for (int64_t i = 1; i < value.numel(); ++i)
    if (i % length != 0 && data[i] < data[i - 1])
      refuse("ERR_ARGUMENT", name, c10::str("expected values that do not decrease, got ", data[i], " after ", data[i - 1]));
}

}  // namespace dgsam
