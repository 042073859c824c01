#include "recorder.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/ScopeExit.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/library.h>
#include <torch/version.h>

#include <algorithm>
#include <unordered_set>

#include "../environment.h"
#include "operators.h"

namespace dgsam::capture {
namespace {

// Below autograd and above the backends.
constexpr c10::DispatchKey kKey = c10::DispatchKey::Fake;

thread_local Recorder* current = nullptr;

void fallback(const c10::OperatorHandle& handle, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  const c10::impl::ExcludeDispatchKeyGuard once(kKey);
  const c10::DispatchKeySet below = keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, kKey);
  if (current == nullptr || current->refusal().has_value())
    handle.redispatchBoxed(below, stack);
  else
    current->record(handle, below, *stack);
}

// A key has one fallback in a process; whoever comes second is refused by LibTorch, which has none of its own up to 2.14.
bool canRecord() {
  static const bool installed = [] {
    try {
      static torch::Library library(torch::Library::IMPL, "_", kKey, __FILE__, __LINE__);
      library.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>());
      return true;
    } catch (const c10::Error&) {
      return false;
    }
  }();
  return installed;
}

bool holdsTensors(const c10::IValue& value) {
  return value.isTuple() || value.isGenericDict() || value.isObject() || value.isCapsule();
}

}  // namespace

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
  if (canRecord()) c10::impl::tls_set_dispatch_key_included(kKey, true);
}

void Recorder::stop() {
  if (current != this) return;
  current = nullptr;
  c10::impl::tls_set_dispatch_key_included(kKey, false);
}

void Recorder::refuse(const std::string& reason) {
  if (!refusal_.has_value()) refusal_ = reason;
}

void refuseRecording(const std::string& what) {
  if (current != nullptr) current->refuse(what);
}

void noteCalled(const std::string& name) {
  if (current == nullptr) return;
  // LibTorch's functions do these without a call that the recorder could see.
  if (name == "aten::tensor_split.tensor_indices_or_sections") refuseRecording(name + " depends on the values of its tensors");
  if (name == "aten::set_data.default") refuseRecording(name + " gives a tensor other memory");
}

void refuseRecordingOf(const at::Tensor& tensor, const std::string& what) {
  if (current != nullptr && !current->isOwn(tensor)) current->refuse(what);
}

at::Tensor MakingConstant::made(at::Tensor tensor) const {
  if (current != nullptr) current->noteMade(tensor);
  return tensor;
}

std::optional<size_t> Recorder::inputOf(const at::Tensor& tensor) const {
  const auto known = slots_.find(tensor.unsafeGetTensorImpl());
  return known != slots_.end() && known->second < tape_.inputs ? std::optional<size_t>(known->second) : std::nullopt;
}

// Whether it was there before the function ran.
bool Recorder::isAlive(const at::Tensor& tensor) const {
  const auto found = alive_.find(tensor.storage().unsafeGetStorageImpl());
  if (found == alive_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(), [&](const WeakTensor& each) { return each._unsafe_get_target() == tensor.unsafeGetTensorImpl(); });
}

bool Recorder::isOwn(const at::Tensor& tensor) const {
  const auto known = slots_.find(tensor.unsafeGetTensorImpl());
  return known != slots_.end() && tape_.slots[known->second].origin == Origin::Made;
}

Slot Recorder::add(Origin origin, const at::Tensor& tensor, uint32_t memory) {
  const Slot slot = static_cast<Slot>(tape_.slots.size());
  const bool holds = origin == Origin::External || origin == Origin::Constant || origin == Origin::Seed;
  tape_.slots.push_back({origin, memory, tensor.numel(), tensor.scalar_type(), tensor.is_cpu(), holds ? tensor : at::Tensor()});
  geometries_.emplace_back(tensor);
  slotsInMemory_[memory].push_back(slot);
  know(tensor, slot);
  return slot;
}

void Recorder::know(const at::Tensor& tensor, Slot slot) {
  if (slots_.insert_or_assign(tensor.unsafeGetTensorImpl(), slot).second) heldTensors_.emplace_back(tensor.getIntrusivePtr());
}

// The number of the memory that a tensor lies in, a new one where nobody saw it before.
uint32_t Recorder::memoryOf(const at::Tensor& tensor) {
  const auto [found, isNew] = memories_.try_emplace(tensor.storage().unsafeGetStorageImpl(), tape_.memories);
  if (isNew) {
    ++tape_.memories;
    slotsInMemory_.emplace_back();
    heldStorages_.emplace_back(tensor.storage().getWeakStorageImpl());
  }
  return found->second;
}

Slot Recorder::find(const at::Tensor& tensor) {
  if (!tensor.defined()) return kNoSlot;
  if (!tensor.has_storage() || tensor.layout() != at::kStrided || tensor._is_zerotensor()) {
    refuse("it uses a tensor that is not dense");
    return kNoSlot;
  }
  const auto known = slots_.find(tensor.unsafeGetTensorImpl());
  if (known != slots_.end() && geometries_[known->second] == Geometry(tensor)) return known->second;
  const auto memory = memories_.find(tensor.storage().unsafeGetStorageImpl());
  if (memory != memories_.end()) return findInMemory(tensor, memory->second);
  if (alive_.count(tensor.storage().unsafeGetStorageImpl()) != 0) return addExternal(tensor);
  // LibTorch makes tensors of numbers without the dispatcher.
  if (tensor.unsafeGetTensorImpl()->is_wrapped_number()) return add(Origin::Constant, tensor, memoryOf(tensor));
  refuse("it uses a tensor of unknown origin");
  return kNoSlot;
}

// Autograd saves tensors under another identity.
Slot Recorder::findInMemory(const at::Tensor& tensor, uint32_t memory) {
  const Geometry geometry(tensor);
  const std::vector<Slot>& candidates = slotsInMemory_[memory];
  const Origin origin = tape_.slots[candidates.front()].origin;
  if (origin == Origin::Input && isAlive(tensor)) {
    refuse("an input lies in the memory of a tensor that it uses");
    return kNoSlot;
  }
  for (auto slot = candidates.rbegin(); slot != candidates.rend(); ++slot) {
    if (!(geometries_[*slot] == geometry)) continue;
    know(tensor, *slot);
    return *slot;
  }
  if (origin == Origin::External && isAlive(tensor)) return addExternal(tensor);
  // Inputs of other calls lie elsewhere in their memory.
  if (origin == Origin::Input) {
    refuse("it uses a tensor of unknown origin");
    return kNoSlot;
  }
  return restride(candidates.back(), tensor);
}

Slot Recorder::addExternal(const at::Tensor& tensor) {
  const Geometry geometry(tensor);
  at::Tensor external, base;
  for (const WeakTensor& weak : alive_[tensor.storage().unsafeGetStorageImpl()]) {
    const auto locked = weak.lock();
    if (!locked) continue;
    const at::Tensor candidate{c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>(locked)};
    base = candidate;
    if (!(Geometry(candidate) == geometry)) continue;
    if (!external.defined() || candidate.is_same(tensor) || (!external.is_same(tensor) && candidate.requires_grad())) external = candidate;
  }
  if (!base.defined()) {
    refuse("it uses a tensor of unknown origin");
    return kNoSlot;
  }
  const at::Tensor& chosen = external.defined() ? external : base;
  if (chosen.requires_grad() && !chosen.is_leaf()) {
    refuse("it uses a tensor with a history of its own, computed outside of the function");
    return kNoSlot;
  }
  const Slot slot = add(Origin::External, chosen, memoryOf(tensor));
  if (!external.defined()) return restride(slot, tensor);
  know(tensor, slot);
  return slot;
}

// Another view of memory that is known.
Slot Recorder::restride(Slot base, const at::Tensor& tensor) {
  const Geometry& from = geometries_[base];
  if (from.dtype != tensor.scalar_type() || from.conjugate != tensor.is_conj() || from.negative != tensor.is_neg()) {
    refuse("it uses a tensor of unknown origin");
    return kNoSlot;
  }
  static const c10::OperatorHandle handle = c10::Dispatcher::singleton().findSchemaOrThrow("aten::as_strided", "");
  Call call{handle, c10::DispatchKeySet(c10::legacyExtractDispatchKey(tensor.key_set()))};
  call.arguments.push_back({Place::Kind::Tensor, {base}});
  call.arguments.push_back({Place::Kind::Value, {}, c10::IValue(tensor.sizes())});
  call.arguments.push_back({Place::Kind::Value, {}, c10::IValue(tensor.strides())});
  call.arguments.push_back({Place::Kind::Value, {}, c10::IValue(tensor.storage_offset())});
  const Slot slot = add(Origin::Made, tensor, tape_.slots[base].memory);
  call.results.push_back({Place::Kind::Tensor, {slot}});
  calls_->push_back(std::move(call));
  return slot;
}

// The function may write to it later, so it works on a copy, and the tape keeps the values as they are.
void Recorder::noteMade(const at::Tensor& tensor) {
  if (refusal_.has_value()) return;
  if (!tensor.has_storage()) return refuse("it makes a tensor that is not dense");
  const c10::impl::ExcludeDispatchKeyGuard unseen(kKey);
  const at::NoGradGuard noGrad;
  const at::Tensor values = tensor.clone();
  const Slot constant = add(Origin::Constant, values, memoryOf(values));
  static const c10::OperatorHandle handle = c10::Dispatcher::singleton().findSchemaOrThrow("aten::clone", "");
  Call call{handle, c10::DispatchKeySet(c10::legacyExtractDispatchKey(tensor.key_set()))};
  call.arguments.push_back({Place::Kind::Tensor, {constant}});
  call.arguments.push_back({Place::Kind::Value, {}, c10::IValue()});
  call.results.push_back({Place::Kind::Tensor, {add(Origin::Made, tensor, memoryOf(tensor))}});
  calls_->push_back(std::move(call));
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
  if (dependsOnValues(handle, arguments)) refuse(nameOf(handle) + " depends on the values of its tensors");
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

std::optional<Tape> Recorder::finish(const std::vector<at::Tensor>& outputs) {
  stop();
  if (refusal_.has_value()) return std::nullopt;
  std::vector<at::Tensor> own;
  for (const at::Tensor& output : outputs) {
    const Slot slot = find(output);
    if (slot == kNoSlot || tape_.slots[slot].origin != Origin::Made) continue;
    if (output.requires_grad()) tape_.differentiable.push_back(own.size());
    tape_.outputs.push_back(slot);
    own.push_back(output);
  }
  checkWritten();
  checkOutputs(own);
  if (!refusal_.has_value() && !tape_.differentiable.empty()) {
    try {
      differentiate(own);
    } catch (const std::exception& error) {
      // That is the caller's to hear when it differentiates the results.
      const std::string text = error.what();
      refuse("its results cannot be differentiated: " + text.substr(0, text.find('\n')));
    }
  }
  if (refusal_.has_value()) return std::nullopt;
  return tape_;
}

// Writing gave tensors from outside of the function a history, or changed it, which a replay does not.
void Recorder::checkWritten() {
  std::vector<bool> written(tape_.memories);
  for (const Call& call : tape_.calls)
    for (Slot slot : call.written) written[tape_.slots[slot].memory] = true;
  for (Slot slot = 0; slot < tape_.slots.size(); ++slot) {
    const SlotInfo& info = tape_.slots[slot];
    if (!written[info.memory] || (info.origin != Origin::Input && info.origin != Origin::External)) continue;
    const at::Tensor& tensor = info.origin == Origin::Input ? inputs_[slot] : info.tensor;
    if (tensor.requires_grad() && !tensor.is_leaf()) refuse("it writes to a tensor from outside of the function that has a history");
  }
}

// What is written in place to one of two views changes the history of both, which nobody notices in a replay.
void Recorder::checkOutputs(const std::vector<at::Tensor>& outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].requires_grad()) continue;
    if (outputs[i].is_leaf()) return refuse("it returns a tensor that it made to require a gradient");
    const uint32_t memory = tape_.slots[tape_.outputs[i]].memory;
    for (size_t j = 0; j < outputs.size(); ++j)
      if (j != i && tape_.slots[tape_.outputs[j]].memory == memory) return refuse("two of its results lie in the same memory");
    const Origin origin = tape_.slots[slotsInMemory_[memory].front()].origin;
    if (origin == Origin::Input || origin == Origin::External) return refuse("it returns a view of a tensor from outside of the function");
  }
}

// The tensors that the outputs' history begins with, in the order in which they are met.
void Recorder::findLeaves(const std::vector<at::Tensor>& outputs) {
  std::unordered_map<const torch::autograd::Node*, size_t> inputs;
  for (size_t i = 0; i < inputs_.size(); ++i)
    if (inputs_[i].requires_grad()) inputs.emplace(torch::autograd::impl::gradient_edge(inputs_[i]).function.get(), i);
  std::unordered_set<const torch::autograd::Node*> seen;
  std::vector<torch::autograd::Node*> pending;
  const auto visit = [&](torch::autograd::Node* node) {
    if (node != nullptr && seen.insert(node).second) pending.push_back(node);
  };
  for (size_t i : tape_.differentiable) visit(torch::autograd::impl::gradient_edge(outputs[i]).function.get());
  while (!pending.empty()) {
    torch::autograd::Node* const node = pending.back();
    pending.pop_back();
    const auto input = inputs.find(node);
    if (input != inputs.end()) {
      tape_.leaves.push_back({input->second, inputs_[input->second]});
      continue;
    }
    if (const auto* leaf = dynamic_cast<torch::autograd::AccumulateGrad*>(node)) {
      const Slot slot = find(leaf->variable);
      // A leaf that the function made for itself is gone when it is over.
      if (slot != kNoSlot && tape_.slots[slot].origin != Origin::Made) tape_.leaves.push_back({std::nullopt, leaf->variable});
    }
    for (const torch::autograd::Edge& edge : node->next_edges()) visit(edge.function.get());
  }
}

void Recorder::differentiate(const std::vector<at::Tensor>& outputs) {
  // Each subset of them is differentiated in its own way.
  constexpr size_t kMost = 3;
  if (tape_.differentiable.size() > kMost) return refuse("more than three of its results have gradients");
  findLeaves(outputs);
  if (tape_.leaves.empty()) return refuse("its results have gradients, but of nothing outside of it");
  std::vector<at::Tensor> seeds;
  for (size_t i : tape_.differentiable) {
    const at::NoGradGuard noGrad;
    seeds.push_back(at::ones_like(outputs[i]));
    tape_.seeds.push_back(add(Origin::Seed, seeds.back(), memoryOf(seeds.back())));
  }
  start();
  const auto end = c10::make_scope_exit([&] { stop(); });
  for (unsigned chosen = 1; chosen < 1U << seeds.size(); ++chosen) differentiate(outputs, seeds, chosen);
}

// `chosen`: a bit of each differentiable output.
void Recorder::differentiate(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& seeds, unsigned chosen) {
  Backward backward;
  calls_ = &backward.calls;
  std::vector<at::Tensor> roots, rootSeeds, variables;
  for (size_t i = 0; i < seeds.size(); ++i) {
    backward.seeded.push_back((chosen >> i & 1U) != 0);
    if (!backward.seeded.back()) continue;
    roots.push_back(outputs[tape_.differentiable[i]]);
    rootSeeds.push_back(seeds[i]);
  }
  for (const Leaf& leaf : tape_.leaves) variables.push_back(leaf.variable);
  for (const at::Tensor& gradient : torch::autograd::grad(roots, variables, rootSeeds, true, false, true)) backward.gradients.push_back(find(gradient));
  tape_.backwards.push_back(std::move(backward));
}

}  // namespace dgsam::capture
