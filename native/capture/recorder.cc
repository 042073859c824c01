#include "recorder.h"

#include <torch/csrc/autograd/function.h>
#include <torch/library.h>
#include <torch/version.h>

#include "../environment.h"
#include "call_tape.h"
#include "operators.h"

namespace dgsam::capture {
namespace {

thread_local Recorder* current = nullptr;
// What JavaScript calls now.
thread_local const std::string* called = nullptr;

constexpr const char* kDepends = " depends on the values of its tensors";

void fallback(const c10::OperatorHandle& handle, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  const c10::DispatchKeySet below = keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, kRecordingKey);
  CallTape* const tape = CallTape::active();
  if (tape != nullptr && handle.schema().operator_name().getNamespace() == "dgsam") return handle.redispatchBoxed(below, stack);
  const c10::impl::ExcludeDispatchKeyGuard once(kRecordingKey);
  if (tape != nullptr) return tape->note(handle, below, *stack);
  if (current == nullptr || current->refusal().has_value())
    handle.redispatchBoxed(below, stack);
  else
    current->record(handle, below, *stack);
}

// That an operator depends on values, by the name of what the user called or differentiates.
std::string dependence(const c10::OperatorHandle& handle) {
  const std::string name = nameOf(handle);
  const auto node = torch::autograd::get_current_node();
  const std::string caller = node != nullptr ? "the differentiation " + node->name() : called != nullptr ? *called : name;
  return caller + kDepends + (caller == name || caller == name + ".default" ? "" : " (it calls " + name + ")");
}

bool holdsTensors(const c10::IValue& value) {
  return value.isTuple() || value.isGenericDict() || value.isObject() || value.isCapsule();
}

}  // namespace

// A key has one fallback in a process; whoever comes second is refused by LibTorch, which has none of its own up to 2.14.
bool canRecord() {
  static const bool installed = [] {
    try {
      static torch::Library library(torch::Library::IMPL, "_", kRecordingKey, __FILE__, __LINE__);
      library.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>());
      return true;
    } catch (const c10::Error&) {
      return false;
    }
  }();
  return installed;
}

Recorder* Recorder::active() { return current; }

Recorder::Recorder(const std::vector<at::Tensor>& inputs, const HandleTable<HeldTensor>& alive) : inputs_(inputs), calls_(&tape_.calls) {
  if (!canRecord()) {
    refuse("the dispatch key that recording needs is taken, by LibTorch " TORCH_VERSION " itself or by another copy of dgsam in this process");
    return;
  }
  alive.forEach([&](const HeldTensor& held) {
    if (held.tensor.defined() && held.tensor.has_storage())
      alive_[held.tensor.storage().unsafeGetStorageImpl()].emplace_back(held.tensor.getIntrusivePtr());
  });
  for (const auto& [storage, tensors] : alive_)
    if (const auto tensor = tensors.front().lock()) heldStorages_.emplace_back(tensor->storage().getWeakStorageImpl());
  for (const at::Tensor& input : inputs) {
    if (!input.has_storage() || input.layout() != at::kStrided || input._is_zerotensor()) {
      refuse("an input is not a dense tensor");
      return;
    }
    if (input.is_leaf() && input.requires_grad()) {
      refuse("an input is a view that was made to require a gradient; clone() it first");
      return;
    }
    if (memories_.count(input.storage().unsafeGetStorageImpl()) != 0) {
      refuse("two inputs lie in the same memory");
      return;
    }
    add(Origin::Input, input, memoryOf(input));
  }
  tape_.inputs = inputs.size();
}

Recorder::~Recorder() { stop(); }

void Recorder::start() {
  current = this;
  // What another's fallback does with a call is its own affair.
  if (canRecord()) c10::impl::tls_set_dispatch_key_included(kRecordingKey, true);
}

void Recorder::stop() {
  if (current != this) return;
  current = nullptr;
  c10::impl::tls_set_dispatch_key_included(kRecordingKey, false);
}

void Recorder::refuse(const std::string& reason) {
  if (!refusal_.has_value()) refusal_ = reason;
}

void refuseRecording(const std::string& what) {
  if (current != nullptr) current->refuse(what);
}

CalledOperator::CalledOperator(const std::string& name) {
  if (current == nullptr) return;
  called = &name;
  if (name == "aten::_local_scalar_dense.default") refuseRecording("it reads the value of a tensor by item()");
  // LibTorch's functions do these without a call that the recorder could see.
  if (name == "aten::tensor_split.tensor_indices_or_sections") refuseRecording(name + kDepends);
  if (name == "aten::set_data.default") refuseRecording(name + " gives a tensor other memory");
}

CalledOperator::~CalledOperator() { called = nullptr; }

void refuseRecordingOf(const at::Tensor& tensor, const std::string& what) {
  if (current != nullptr && !current->isOwn(tensor)) current->refuse(what);
}

at::Tensor MakingConstant::made(at::Tensor tensor) const {
  if (current != nullptr) current->noteMade(tensor);
  return tensor;
}

Place Recorder::argument(const c10::IValue& value) {
  if (value.isTensor()) return {Place::Kind::Tensor, {find(value.toTensor())}};
  if (value.isTensorList()) {
    Place place{Place::Kind::Tensors};
    for (const at::Tensor& each : value.toTensorVector()) place.slots.push_back(find(each));
    return place;
  }
  if (value.isOptionalTensorList()) {
    Place place{Place::Kind::OptionalTensors};
    for (const std::optional<at::Tensor>& each : value.toOptionalTensorVector())
      place.slots.push_back(each.has_value() ? find(*each) : kNoSlot);
    return place;
  }
  if (holdsTensors(value)) refuse("an argument is of a kind that a tape cannot hold");
  return {Place::Kind::Value, {}, value};
}

Slot Recorder::resultSlot(const at::Tensor& tensor) {
  if (!tensor.defined()) return kNoSlot;
  if (!tensor.has_storage() || tensor.layout() != at::kStrided || tensor._is_zerotensor()) {
    refuse("it makes a tensor that is not dense");
    return kNoSlot;
  }
  const auto known = slots_.find(tensor.unsafeGetTensorImpl());
  if (known != slots_.end()) return known->second;
  return add(Origin::Made, tensor, memoryOf(tensor));
}

Place Recorder::result(const c10::OperatorHandle& handle, const c10::IValue& value) {
  if (value.isTensor()) return {Place::Kind::Tensor, {resultSlot(value.toTensor())}};
  if (value.isTensorList()) {
    Place place{Place::Kind::Tensors};
    for (const at::Tensor& each : value.toTensorVector()) place.slots.push_back(resultSlot(each));
    return place;
  }
  if (!value.isNone() && !tellsShape(handle)) refuse(nameOf(handle) + " gives a value, which the function may depend on");
  return {};
}

void Recorder::noteWritten(Call& call, const torch::jit::Stack& arguments) {
  const auto note = [&](size_t index) {
    for (Slot slot : call.arguments[index].slots)
      if (slot != kNoSlot) call.written.push_back(slot);
  };
  const auto& schema = call.handle.schema().arguments();
  for (size_t i = 0; i < schema.size(); ++i)
    if (schema[i].alias_info() != nullptr && schema[i].alias_info()->isWrite()) note(i);
  call.declared = call.written.size();
  for (size_t index : writtenInSilence(call.handle, arguments)) note(index);
}

// Writing may have given a tensor another shape or memory.
void Recorder::recheckWritten(const Call& call, const torch::jit::Stack& arguments) {
  const auto recheck = [&](const at::Tensor& tensor, Slot slot) {
    if (slot == kNoSlot) return;
    const uint32_t memory = memoryOf(tensor);
    if (geometries_[slot] == Geometry(tensor) && memory == tape_.slots[slot].memory) return;
    if (tape_.slots[slot].origin != Origin::Made) refuse(nameOf(call.handle) + " changes the shape of a tensor from outside of the function");
    if (memory != tape_.slots[slot].memory) slotsInMemory_[memory].push_back(slot);
    tape_.slots[slot].memory = memory;
    geometries_[slot] = Geometry(tensor);
  };
  const auto& schema = call.handle.schema().arguments();
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (schema[i].alias_info() == nullptr || !schema[i].alias_info()->isWrite()) continue;
    if (arguments[i].isTensor() && arguments[i].toTensor().defined()) recheck(arguments[i].toTensor(), call.arguments[i].slots[0]);
    if (arguments[i].isTensorList())
      for (size_t j = 0; j < call.arguments[i].slots.size(); ++j) recheck(arguments[i].toTensorVector()[j], call.arguments[i].slots[j]);
  }
}

// Views of one tensor need no operator when they are made again.
void Recorder::noteView(Call& call) const {
  std::vector<Slot> operands, results;
  forEachSlot(call.arguments, [&](Slot slot) { operands.push_back(slot); });
  forEachSlot(call.results, [&](Slot slot) { results.push_back(slot); });
  if (!call.written.empty() || operands.size() != 1 || results.size() != 1 || operands == results) return;
  if (call.results.size() != 1 || call.results[0].kind != Place::Kind::Tensor) return;
  if (tape_.slots[operands[0]].memory != tape_.slots[results[0]].memory) return;
  const Geometry &base = geometries_[operands[0]], &view = geometries_[results[0]];
  if (base.dtype != view.dtype || base.conjugate != view.conjugate || base.negative != view.negative) return;
  call.view = View{view.sizes, view.strides, view.offset - base.offset};
}

void Recorder::record(const c10::OperatorHandle& handle, c10::DispatchKeySet keys, torch::jit::Stack& stack) {
  const size_t count = handle.schema().arguments().size();
  const torch::jit::Stack arguments(stack.end() - static_cast<ptrdiff_t>(count), stack.end());
  if (dependsOnValues(handle, arguments)) refuse(dependence(handle));
  Call call{handle, keys};
  for (const c10::IValue& value : arguments) call.arguments.push_back(argument(value));
  noteWritten(call, arguments);
  call.random = drawsRandomNumbers(handle);
  try {
    handle.redispatchBoxed(keys, &stack);
  } catch (...) {
    // A function that goes on after that depends on it, and some of the work may be done.
    refuse(nameOf(handle) + " failed, and the function went on");
    throw;
  }
  if (refusal_.has_value()) return;
  const size_t results = handle.schema().returns().size();
  for (auto value = stack.end() - static_cast<ptrdiff_t>(results); value != stack.end(); ++value) call.results.push_back(result(handle, *value));
  recheckWritten(call, arguments);
  noteView(call);
  calls_->push_back(std::move(call));
}

}  // namespace dgsam::capture
