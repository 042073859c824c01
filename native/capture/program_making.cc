// Making a program of a tape: what is known beforehand is done.
#include "program.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "operators.h"
#include "trim.h"

namespace dgsam::capture {
namespace {

const void* storageOf(const at::Tensor& tensor) { return tensor.storage().unsafeGetStorageImpl(); }

}  // namespace

Program::Program(Tape tape, const std::vector<at::Tensor>& inputs) : tape_(std::move(tape)), modes_(currentModes()) {
  trim(tape_);
  for (const at::Tensor& input : inputs) inputs_.emplace_back(input);
  for (Slot seed : tape_.seeds) {
    seeds_.emplace_back(tape_.slots[seed].tensor);
    tape_.slots[seed].tensor.reset();
  }
  rememberOutside();
  findWrites();
  findReturned();
  findViews();
  hoist(tape_.calls);
  for (Backward& backward : tape_.backwards) hoist(backward.calls);
  const bool givesLoss = tape_.outputs.size() == 1 && tape_.differentiable.size() == 1 && isRealNumber(0);
  isLight_ = givesLoss && !modes_.inference && !modes_.autocastCpu && capture::isLight(tape_);

  std::vector<bool> afterForward(tape_.slots.size());
  const auto need = [](std::vector<bool>& needed, Slot slot) {
    if (slot != kNoSlot) needed[slot] = true;
  };
  for (const Backward& backward : tape_.backwards) {
    for (const Call& call : backward.calls) forEachSlot(call.arguments, [&](Slot slot) { need(afterForward, slot); });
    for (Slot slot : backward.gradients) need(afterForward, slot);
    std::vector<bool> gradients(tape_.slots.size());
    for (Slot slot : backward.gradients) need(gradients, slot);
    backwards_.push_back(compile(backward.calls, std::move(gradients)));
  }
  // Views of what is written to are written to as well.
  std::vector<bool> readMemory(tape_.memories);
  for (Slot slot = 0; slot < tape_.slots.size(); ++slot)
    if (afterForward[slot] && tape_.slots[slot].origin != Origin::Seed) readMemory[tape_.slots[slot].memory] = true;
  for (Slot slot = 0; slot < tape_.slots.size(); ++slot) {
    const bool comesFromOutside = tape_.slots[slot].origin == Origin::External || tape_.slots[slot].origin == Origin::Input;
    const bool isOutput = std::find(tape_.outputs.begin(), tape_.outputs.end(), slot) != tape_.outputs.end();
    if (!readMemory[tape_.slots[slot].memory] || !(comesFromOutside || isOutput)) continue;
    readByBackward_.push_back(slot);
    afterForward[slot] = true;
  }
  for (const std::vector<Slot>& slots : {tape_.outputs, written_})
    for (Slot slot : slots) need(afterForward, slot);
  for (const auto& [view, base] : views_) need(afterForward, base);
  forward_ = compile(tape_.calls, std::move(afterForward));
  findOwnGradients();
  letGoOfOutside();
  findPassing();
  findLent();
  // The lists of calls are the instructions now.
  tape_.calls.clear();
  for (Backward& backward : tape_.backwards) backward.calls.clear();
}

void Program::rememberOutside() {
  standing_.resize(tape_.slots.size());
  isStanding_.resize(tape_.slots.size());
  isOutside_.resize(tape_.memories);
  for (Slot slot = 0; slot < tape_.slots.size(); ++slot) {
    const SlotInfo& info = tape_.slots[slot];
    if (info.origin == Origin::Input || info.origin == Origin::External) isOutside_[info.memory] = true;
    if (info.origin != Origin::External && info.origin != Origin::Constant) continue;
    standing_[slot] = info.tensor;
    isStanding_[slot] = true;
    if (info.origin == Origin::External) outside_.push_back({slot, WeakTensor(info.tensor.getIntrusivePtr()), storageOf(info.tensor), Signature(info.tensor)});
  }
  for (const Leaf& leaf : tape_.leaves) leaves_.emplace_back(leaf.variable.getIntrusivePtr());
}

void Program::letGoOfOutside() {
  for (const Outside& each : outside_) {
    standing_[each.slot].reset();
    tape_.slots[each.slot].tensor.reset();
  }
  for (Leaf& leaf : tape_.leaves) leaf.variable.reset();
}

void Program::findWrites() {
  isWritten_.resize(tape_.memories);
  isWrittenSlot_.resize(tape_.slots.size());
  const auto bump = [&](Slot slot) {
    const auto known = std::find_if(bumps_.begin(), bumps_.end(), [&](const Bump& each) { return each.slot == slot; });
    if (known == bumps_.end())
      bumps_.push_back({slot, 1});
    else
      ++known->times;
  };
  const auto visit = [&](const std::vector<Call>& calls) {
    for (const Call& call : calls) {
      for (size_t i = 0; i < call.written.size(); ++i) {
        const uint32_t memory = tape_.slots[call.written[i]].memory;
        isWritten_[memory] = true;
        isWrittenSlot_[call.written[i]] = true;
        if (!isOutside_[memory]) continue;
        // A view's memory is that of the tensor that came from outside.
        for (Slot slot = 0; slot < tape_.slots.size(); ++slot) {
          const SlotInfo& info = tape_.slots[slot];
          if (info.memory != memory || (info.origin != Origin::Input && info.origin != Origin::External)) continue;
          if (std::find(written_.begin(), written_.end(), slot) == written_.end()) written_.push_back(slot);
          if (i < call.declared) bump(slot);
        }
      }
    }
  };
  visit(tape_.calls);
  for (const Backward& backward : tape_.backwards) visit(backward.calls);
  before_.resize(written_.size());
}

void Program::findReturned() {
  isReturned_.resize(tape_.memories);
  for (Slot slot : tape_.outputs) isReturned_[tape_.slots[slot].memory] = true;
  for (const Backward& backward : tape_.backwards)
    for (Slot slot : backward.gradients)
      if (slot != kNoSlot) isReturned_[tape_.slots[slot].memory] = true;
}

void Program::findViews() {
  for (Slot output : tape_.outputs) {
    const uint32_t memory = tape_.slots[output].memory;
    Slot base = *std::find_if(tape_.outputs.begin(), tape_.outputs.end(), [&](Slot other) { return tape_.slots[other].memory == memory; });
    for (Slot slot = static_cast<Slot>(tape_.slots.size()); slot-- > 0;)
      if (tape_.slots[slot].memory == memory && (tape_.slots[slot].origin == Origin::Input || tape_.slots[slot].origin == Origin::External)) base = slot;
    if (base != output) views_.emplace_back(output, base);
  }
}

// Views of what always stands, and what is computed of constants alone, can be had once.
bool Program::isHoistable(const Call& call) const {
  if (!isPure(call)) return false;
  bool standing = true, constant = true, view = true;
  forEachSlot(call.arguments, [&](Slot slot) {
    standing = standing && isStanding(slot);
    constant = constant && isStanding(slot) && !isOutside_[tape_.slots[slot].memory] && !isWritten_[tape_.slots[slot].memory];
  });
  forEachSlot(call.results, [&](Slot slot) {
    const uint32_t memory = tape_.slots[slot].memory;
    view = view && isOutside_[memory];
    constant = constant && !isWritten_[memory] && !isReturned_[memory];
    // Some writes change how a tensor lies in memory.
    standing = standing && !isWrittenSlot_[slot] && std::find(tape_.outputs.begin(), tape_.outputs.end(), slot) == tape_.outputs.end();
  });
  bool hasTensors = false;
  forEachSlot(call.arguments, [&](Slot) { hasTensors = true; });
  return hasTensors && standing && (view || constant);
}

void Program::hoist(std::vector<Call>& calls) {
  const at::AutoDispatchBelowADInplaceOrView below;
  const at::NoGradGuard noGrad;
  std::vector<Call> rest;
  for (Call& call : calls) {
    if (!isHoistable(call)) {
      rest.push_back(std::move(call));
      continue;
    }
    std::vector<bool> all(tape_.slots.size(), true);
    const Segment segment = compile({call}, std::move(all));
    torch::jit::Stack stack;
    segment.front().execute(standing_, stack);
    forEachSlot(call.results, [&](Slot slot) { isStanding_[slot] = true; });
  }
  calls = std::move(rest);
}

// `needed`: the slots that somebody needs after these calls.
Segment Program::compile(const std::vector<Call>& calls, std::vector<bool> needed) const {
  Segment segment;
  for (auto call = calls.rbegin(); call != calls.rend(); ++call) {
    Instruction instruction{call->handle, call->keys, c10::toString(call->handle.operator_name()), {}, call->results, call->view, call->written};
    for (Place& place : instruction.results)
      for (Slot& slot : place.slots)
        if (slot != kNoSlot && !needed[slot]) slot = kNoSlot;
    const bool givesAll = std::all_of(instruction.results.begin(), instruction.results.end(), [](const Place& place) {
      return place.kind == Place::Kind::Tensor && place.slots[0] != kNoSlot;
    });
    instruction.ownsResults = givesAll && isOwn(*call);
    if (isLight_ && instruction.ownsResults) instruction.into = overloadInto(call->handle);
    for (auto place = call->arguments.rbegin(); place != call->arguments.rend(); ++place) {
      Instruction::Argument argument{*place, std::vector<bool>(place->slots.size())};
      for (size_t i = place->slots.size(); i-- > 0;) {
        const Slot slot = place->slots[i];
        if (slot == kNoSlot || needed[slot]) continue;
        argument.last[i] = !isStanding(slot);
        needed[slot] = true;
      }
      instruction.arguments.push_back(std::move(argument));
    }
    std::reverse(instruction.arguments.begin(), instruction.arguments.end());
    segment.push_back(std::move(instruction));
  }
  std::reverse(segment.begin(), segment.end());
  return segment;
}

// Whether what a call makes is nobody else's memory and is written to by no other call.
bool Program::isOwn(const Call& call) const {
  bool own = isPure(call) && !call.view.has_value();
  forEachSlot(call.results, [&](Slot slot) { own = own && !isOutside_[tape_.slots[slot].memory] && !isWritten_[tape_.slots[slot].memory]; });
  return own;
}

void Program::findPassing() {
  for (Slot slot = 0; slot < tape_.slots.size(); ++slot)
    if (isOutside_[tape_.slots[slot].memory] && !standing_[slot].defined()) passing_.push_back(slot);
}

void Program::findLent() {
  for (size_t leaf = 0; isLight_ && leaf < ownGradients_.size(); ++leaf) {
    const Slot gradient = tape_.backwards[0].gradients[leaf];
    if (!ownGradients_[leaf] || gradient == kNoSlot) continue;
    std::vector<Slot>& slots = lent_.emplace_back();
    for (Slot slot = 0; slot < tape_.slots.size(); ++slot)
      if (tape_.slots[slot].memory == tape_.slots[gradient].memory) slots.push_back(slot);
  }
}

void Program::findOwnGradients() {
  ownGradients_.assign(tape_.leaves.size(), true);
  // By memory: made before the differentiation, or handed to it.
  std::vector<bool> isKept(tape_.memories);
  for (const Call& call : tape_.calls) forEachSlot(call.results, [&](Slot slot) { isKept[tape_.slots[slot].memory] = true; });
  for (Slot seed : tape_.seeds) isKept[tape_.slots[seed].memory] = true;
  for (const Backward& backward : tape_.backwards) {
    std::vector<size_t> uses(tape_.memories);
    for (Slot slot : backward.gradients)
      if (slot != kNoSlot) ++uses[tape_.slots[slot].memory];
    for (size_t leaf = 0; leaf < backward.gradients.size(); ++leaf) {
      const Slot slot = backward.gradients[leaf];
      if (slot == kNoSlot) continue;
      const uint32_t memory = tape_.slots[slot].memory;
      bool lasting = isOutside_[memory] || isKept[memory];
      for (Slot other = 0; other < tape_.slots.size(); ++other) lasting = lasting || (tape_.slots[other].memory == memory && isStanding(other));
      for (Slot output : tape_.outputs) lasting = lasting || tape_.slots[output].memory == memory;
      if (uses[memory] > 1 || lasting) ownGradients_[leaf] = false;
    }
  }
}

}  // namespace dgsam::capture
