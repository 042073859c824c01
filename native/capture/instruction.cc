#include "instruction.h"

#include <algorithm>

#include "call_tape.h"

namespace dgsam::capture {
namespace {

at::Tensor take(const Instruction::Argument& argument, size_t i, Frame& frame, bool keeps) {
  const Slot slot = argument.place.slots[i];
  if (slot == kNoSlot) return at::Tensor();
  return argument.last[i] && !keeps ? std::move(frame[slot]) : frame[slot];
}

}  // namespace

void Instruction::push(const Argument& argument, Frame& frame, torch::jit::Stack& stack, bool keeps) const {
  const Place& place = argument.place;
  switch (place.kind) {
    case Place::Kind::Value:
      stack.push_back(place.value);
      break;
    case Place::Kind::Tensor:
      stack.emplace_back(take(argument, 0, frame, keeps));
      break;
    case Place::Kind::Tensors: {
      c10::List<at::Tensor> list;
      list.reserve(place.slots.size());
      for (size_t i = 0; i < place.slots.size(); ++i) list.push_back(take(argument, i, frame, keeps));
      stack.emplace_back(std::move(list));
      break;
    }
    case Place::Kind::OptionalTensors: {
      c10::List<std::optional<at::Tensor>> list;
      list.reserve(place.slots.size());
      for (size_t i = 0; i < place.slots.size(); ++i)
        list.push_back(place.slots[i] == kNoSlot ? std::nullopt : std::optional<at::Tensor>(take(argument, i, frame, keeps)));
      stack.emplace_back(std::move(list));
      break;
    }
  }
}

void Instruction::makeView(Frame& frame, bool keeps) const {
  at::Tensor base;
  for (const Argument& argument : arguments)
    for (size_t i = 0; i < argument.place.slots.size(); ++i)
      if (argument.place.slots[i] != kNoSlot) base = take(argument, i, frame, keeps);
  if (results[0].slots[0] == kNoSlot) return;
  at::Tensor& place = frame[results[0].slots[0]];
  const bool isThere = place.defined() && place.storage().is_alias_of(base.storage()) && place.storage_offset() == base.storage_offset() + view->offset &&
                       place.sizes() == view->sizes && place.strides() == view->strides;
  if (!isThere) place = view->of(base);
}

void Instruction::execute(Frame& frame, torch::jit::Stack& stack, bool keeps) const {
  if (view.has_value()) return makeView(frame, keeps);
  for (const Argument& argument : arguments) push(argument, frame, stack, keeps);
  handle.redispatchBoxed(heardKeys(keys), &stack);
  for (size_t i = 0; i < results.size(); ++i) {
    const Place& place = results[i];
    c10::IValue& value = stack[stack.size() - results.size() + i];
    if (place.kind == Place::Kind::Tensor && place.slots[0] != kNoSlot) {
      frame[place.slots[0]] = std::move(value).toTensor();
    } else if (place.kind == Place::Kind::Tensors) {
      const auto list = value.toTensorList();
      for (size_t j = 0; j < place.slots.size() && j < list.size(); ++j)
        if (place.slots[j] != kNoSlot) frame[place.slots[j]] = list.get(j);
    }
  }
}

bool Instruction::wasExecuted(const Frame& frame) const {
  return std::all_of(results.begin(), results.end(), [&](const Place& place) { return frame[place.slots[0]].defined(); });
}

void Instruction::executeOver(Frame& frame, torch::jit::Stack& stack) const {
  for (const Argument& argument : arguments) push(argument, frame, stack, true);
  for (const Place& place : results) stack.emplace_back(frame[place.slots[0]]);
  into->redispatchBoxed(keys, &stack);
}

}  // namespace dgsam::capture
