#include "call_tape.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/ScopeExit.h>

#include <algorithm>

#include "operators.h"
#include "recorder.h"

namespace dgsam::capture {
namespace {

thread_local CallTape* current = nullptr;

std::vector<at::Tensor> tensorsOf(const c10::IValue& value) {
  if (value.isTensor()) return {value.toTensor()};
  if (value.isTensorList()) return value.toTensorVector();
  std::vector<at::Tensor> tensors;
  if (value.isOptionalTensorList())
    for (const std::optional<at::Tensor>& each : value.toOptionalTensorVector()) tensors.push_back(each.value_or(at::Tensor()));
  return tensors;
}

}  // namespace

CallTape* CallTape::active() { return current; }

void CallTape::record(const std::function<void()>& body) {
  if (!canRecord()) refuse("the dispatch key that recording needs is taken");
  current = this;
  if (canRecord()) c10::impl::tls_set_dispatch_key_included(kRecordingKey, true);
  const auto end = c10::make_scope_exit([] {
    current = nullptr;
    c10::impl::tls_set_dispatch_key_included(kRecordingKey, false);
  });
  body();
}

void CallTape::refuse(const std::string& reason) {
  if (!refusal_.has_value()) refusal_ = reason;
}

void CallTape::note(const c10::OperatorHandle& handle, c10::DispatchKeySet keys, torch::jit::Stack& stack) {
  const size_t count = handle.schema().arguments().size();
  Call call{handle, keys, at::GradMode::is_enabled(), {stack.end() - static_cast<ptrdiff_t>(count), stack.end()}, {}};
  if (dependsOnValues(handle, call.arguments)) refuse(nameOf(handle) + " reads the values of its tensors");
  for (const c10::IValue& argument : call.arguments)
    if (argument.isGenerator()) refuse(nameOf(handle) + " draws from a generator of the caller's");
  handle.redispatchBoxed(keys, &stack);
  const auto liesInArgument = [&](const at::Tensor& tensor) {
    return std::any_of(call.arguments.begin(), call.arguments.end(), [&](const c10::IValue& argument) {
      const std::vector<at::Tensor> tensors = tensorsOf(argument);
      return std::any_of(tensors.begin(), tensors.end(), [&](const at::Tensor& each) { return each.defined() && each.has_storage() && tensor.has_storage() && each.is_alias_of(tensor); });
    });
  };
  const size_t results = handle.schema().returns().size();
  for (auto value = stack.end() - static_cast<ptrdiff_t>(results); value != stack.end(); ++value) {
    if (!value->isTensor() && !value->isTensorList() && !value->isNone() && !tellsShape(handle)) refuse(nameOf(handle) + " gives a value");
    for (const at::Tensor& tensor : tensorsOf(*value)) call.made.push_back(tensor.defined() && !liesInArgument(tensor) ? tensor : at::Tensor());
  }
  if (!refusal_.has_value()) calls_.push_back(std::move(call));
}

void CallTape::replay() {
  const at::AutoDispatchBelowADInplaceOrView below;
  for (const Call& call : calls_) {
    torch::jit::Stack stack = call.arguments;
    {
      const at::AutoGradMode mode(call.withGradients);
      call.handle.redispatchBoxed(call.keys, &stack);
    }
    const at::NoGradGuard noGrad;
    size_t place = 0;
    for (const c10::IValue& value : stack)
      for (const at::Tensor& tensor : tensorsOf(value)) {
        const at::Tensor& made = call.made[place++];
        if (made.defined()) made.copy_(tensor);
      }
  }
}

c10::DispatchKeySet heardKeys(c10::DispatchKeySet keys) { return current == nullptr ? keys : keys.add(kRecordingKey); }

}  // namespace dgsam::capture
