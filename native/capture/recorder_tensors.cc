// Which tensor is which: where those come from that a function uses.
#include "recorder.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace dgsam::capture {

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
  const c10::impl::ExcludeDispatchKeyGuard unseen(kRecordingKey);
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

}  // namespace dgsam::capture
