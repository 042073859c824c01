#include "operator_call.h"

#include "capture/recorder.h"
#include "guards.h"
#include "mapped_file.h"

namespace dgsam {
namespace {

// LibTorch resizes and fills the memory of a zero tensor of autograd's, which has none, where its kernels forget to ask.
void refuseZeroTensor(const c10::IValue& written) {
  const auto check = [](const c10::IValue& value) {
    if (value.isTensor() && value.unsafeToTensorImpl()->key_set().has(c10::DispatchKey::ZeroTensor))
      throw UsageError("ERR_ARGUMENT", "a zero tensor has no memory to write to: clone() it first");
  };
  if (!written.isTensorList()) return check(written);
  for (const c10::IValue& each : written.toListRef()) check(each);
}

const BoundOperator& operatorAt(Environment& environment, double index) {
  if (!(index >= 0) || index >= static_cast<double>(environment.operators.size()))
    throw UsageError("ERR_ARGUMENT", "no operator has this index");
  return *environment.operators[static_cast<size_t>(index)];
}

}  // namespace

bool fitsItsStorage(const at::Tensor& tensor) {
  // Zero tensors of autograd's have sizes and no memory by design.
  if (!tensor.defined() || !tensor.has_storage() || tensor.layout() != at::kStrided || tensor._is_zerotensor()) return true;
  int64_t last = tensor.storage_offset();
  bool tooMany = false;
  for (int64_t i = 0; i < tensor.dim(); ++i) {
    if (tensor.size(i) == 0) return true;
    int64_t extent;
    tooMany |= __builtin_mul_overflow(tensor.size(i) - 1, tensor.stride(i), &extent);
    tooMany |= __builtin_add_overflow(last, extent, &last);
  }
  return !tooMany && last < static_cast<int64_t>(tensor.storage().nbytes() / tensor.element_size());
}

OperatorCall::OperatorCall(Environment& environment, FrameReader& reader, std::vector<c10::IValue>& stack)
    : bound_(&operatorAt(environment, reader.number())), given_(reader.number()), arguments_(reader) {
  environment.subject = &bound_->name;
  for (size_t i = 0; i < bound_->arguments.size(); ++i) {
    const BoundArgument& argument = bound_->arguments[i];
    if (static_cast<double>(i) < given_) {
      const Tag tag = reader.peek();
      if ((tag == Tag::Tensor || tag == Tag::List) && i < 64) returnable_ |= uint64_t{1} << i;
      try {
        stack.push_back(reader.argument(argument));
        if (argument.written) refuseZeroTensor(stack.back());
      } catch (const UsageError& error) {
        throw UsageError(error.code(), "argument '" + argument.name + "': " + error.what());
      }
    } else if (argument.hasDefault) {
      stack.push_back(argument.defaultValue);
    } else {
      throw UsageError("ERR_ARGUMENT", "argument '" + argument.name + "' is missing");
    }
  }
}

void OperatorCall::run(std::vector<c10::IValue>& stack) const {
  const capture::CalledOperator called(bound_->name);
  if (bound_->guard != nullptr) bound_->guard->check(Arguments(*bound_, stack));
  try {
    bound_->handle.callBoxed(stack);
  } catch (...) {
    repairWritten();
    throw;
  }
  if (!bound_->isChecked) checkResults(stack);
  checkMappedFiles();
}

// Operators such as inductor::_reinterpret_tensor leave it to their callers that a result lies within its memory.
void OperatorCall::checkResults(const std::vector<c10::IValue>& results) {
  const auto check = [](const at::Tensor& tensor) {
    if (!fitsItsStorage(tensor)) throw UsageError("ERR_ARGUMENT", "the result would reach beyond its memory");
  };
  for (const c10::IValue& value : results) {
    if (value.isTensor()) check(value.toTensor());
    if (value.isTensorList())
      for (const at::Tensor& each : value.toTensorVector()) check(each);
  }
}

// When memory runs out while an operator resizes a tensor, LibTorch leaves it with its new sizes over its old memory
// (in PyTorch too), and the next operator would read or write beyond the end. Such a tensor is made empty here.
void OperatorCall::repairWritten() const {
  FrameReader reader = arguments_;
  const auto repair = [](const at::Tensor& tensor) {
    if (!fitsItsStorage(tensor)) tensor.unsafeGetTensorImpl()->set_sizes_contiguous({0});
  };
  for (size_t i = 0; i < bound_->arguments.size() && static_cast<double>(i) < given_; ++i) {
    const c10::IValue value = reader.argument(bound_->arguments[i]);
    if (!bound_->arguments[i].written) continue;
    if (value.isTensor()) repair(value.toTensor());
    if (value.isTensorList())
      for (const at::Tensor& each : value.toTensorVector()) repair(each);
  }
}

}  // namespace dgsam
