#include "program.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/ScopeExit.h>

#include <algorithm>
#include <cstring>

#include "trim.h"

namespace dgsam::capture {
namespace {

// Frames that are kept for the next run.
constexpr size_t kSpareFrames = 4;

const void* storageOf(const at::Tensor& tensor) { return tensor.storage().unsafeGetStorageImpl(); }

at::Tensor locked(const c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>& weak) { return at::Tensor(weak.lock()); }

bool isPlainMemory(const at::Tensor& tensor) { return tensor.is_cpu() && tensor.is_contiguous() && !tensor.is_conj() && !tensor.is_neg(); }

void copyValues(const at::Tensor& to, const at::Tensor& from) {
  if (isPlainMemory(to) && isPlainMemory(from))
    std::memcpy(to.mutable_data_ptr(), from.const_data_ptr(), from.nbytes());
  else
    to.copy_(from);
}

}  // namespace

Program::Signature::Signature(const at::Tensor& tensor)
    : sizes(tensor.sizes().vec()),
      strides(tensor.strides().vec()),
      offset(tensor.storage_offset()),
      dtype(tensor.scalar_type()),
      device(tensor.device()),
      requiresGrad(tensor.requires_grad()),
      conjugate(tensor.is_conj()),
      negative(tensor.is_neg()) {}

// Where an input lies in its memory does not matter.
bool Program::Signature::fits(const at::Tensor& tensor) const {
  return tensor.layout() == at::kStrided && tensor.has_storage() && !tensor._is_zerotensor() && tensor.scalar_type() == dtype &&
         tensor.device() == device && tensor.sizes() == sizes && tensor.strides() == strides && tensor.requires_grad() == requiresGrad &&
         tensor.is_conj() == conjugate && tensor.is_neg() == negative;
}

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
  const bool givesLoss = tape_.outputs.size() == 1 && tape_.differentiable.size() == 1 && isRealNumber(0);
  isLight_ = givesLoss && !modes_.inference && !modes_.autocastCpu && capture::isLight(tape_);
  letGoOfOutside();
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

Program::Fit Program::fits(const std::vector<at::Tensor>& inputs) const {
  if (inputs.size() != inputs_.size() || !(currentModes() == modes_)) return Fit::No;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!inputs_[i].fits(inputs[i])) return Fit::No;
  for (const Outside& each : outside_) {
    const at::Tensor tensor = locked(each.tensor);
    if (!tensor.defined() || storageOf(tensor) != each.storage || tensor.storage_offset() != each.signature.offset || !each.signature.fits(tensor)) return Fit::Stale;
  }
  for (size_t i = 0; i < leaves_.size(); ++i)
    if (!tape_.leaves[i].input.has_value() && leaves_[i].expired()) return Fit::Stale;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const void* storage = storageOf(inputs[i]);
    for (size_t j = 0; j < i; ++j)
      if (storageOf(inputs[j]) == storage) return Fit::Never;
    for (const Outside& each : outside_)
      if (each.storage == storage) return Fit::Never;
  }
  return Fit::Yes;
}

bool Program::uses(const at::Tensor& tensor) const {
  return std::any_of(outside_.begin(), outside_.end(), [&](const Outside& each) { return locked(each.tensor).is_same(tensor); });
}

bool Program::reaches(at::TensorList tensors, const std::vector<at::Tensor>& inputs) const {
  const std::vector<at::Tensor> reached = leaves(inputs);
  const std::vector<Slot>& gradients = tape_.backwards[0].gradients;
  return std::all_of(tensors.begin(), tensors.end(), [&](const at::Tensor& tensor) {
    for (size_t i = 0; i < reached.size(); ++i)
      if (reached[i].is_same(tensor)) return gradients[i] != kNoSlot;
    return false;
  });
}

std::vector<at::Tensor> Program::leaves(const std::vector<at::Tensor>& inputs) const {
  std::vector<at::Tensor> result;
  for (size_t i = 0; i < leaves_.size(); ++i) result.push_back(tape_.leaves[i].input.has_value() ? inputs[*tape_.leaves[i].input] : locked(leaves_[i]));
  return result;
}

std::vector<at::Tensor> Program::leaves() const {
  std::vector<at::Tensor> result;
  for (size_t i = 0; i < leaves_.size(); ++i)
    if (!tape_.leaves[i].input.has_value()) result.push_back(locked(leaves_[i]));
  return result;
}

std::vector<at::Tensor> Program::written() const {
  std::vector<at::Tensor> result;
  for (const Outside& each : outside_)
    if (std::find(written_.begin(), written_.end(), each.slot) != written_.end()) result.push_back(locked(each.tensor));
  return result;
}

std::unique_ptr<Frame> Program::begin(const std::vector<at::Tensor>& inputs) {
  std::unique_ptr<Frame> frame;
  if (spare_.empty()) {
    frame = std::make_unique<Frame>(standing_);
  } else {
    frame = std::move(spare_.back());
    spare_.pop_back();
  }
  std::copy(inputs.begin(), inputs.end(), frame->begin());
  for (const Outside& each : outside_) (*frame)[each.slot] = locked(each.tensor);
  return frame;
}

void Program::end(std::unique_ptr<Frame> frame) {
  if (spare_.size() == kSpareFrames) return;
  for (Slot slot = 0; slot < frame->size(); ++slot)
    if (!standing_[slot].defined()) (*frame)[slot].reset();
  spare_.push_back(std::move(frame));
}

void Program::run(const Segment& segment, Frame& frame) {
  const at::AutoDispatchBelowADInplaceOrView below;
  // Kept between runs for its memory. Runs of one program may go on in several threads.
  static thread_local torch::jit::Stack stack;
  // Also when a call throws: what stays on the stack would stay in memory.
  const auto clear = c10::make_scope_exit([] { stack.clear(); });
  for (const Instruction& instruction : segment) {
    try {
      instruction.execute(frame, stack);
    } catch (...) {
      failed_ = &instruction.name;
      throw;
    }
    stack.clear();
  }
}

void Program::runForward(Frame& frame) {
  for (size_t i = 0; i < written_.size(); ++i) {
    const at::NoGradGuard noGrad;
    const at::Tensor& tensor = frame[written_[i]];
    if (!before_[i].defined()) before_[i] = at::empty_like(tensor);
    copyValues(before_[i], tensor);
  }
  try {
    // Some kernels keep more when there will be a differentiation.
    const at::AutoGradMode grad(modes_.grad);
    run(forward_, frame);
  } catch (...) {
    const at::NoGradGuard noGrad;
    for (size_t i = 0; i < written_.size(); ++i)
      copyValues(frame[written_[i]].detach(), before_[i]);
    throw;
  }
  // Views count together.
  const auto versionOf = [&](const Bump& each) { return frame[each.slot].is_inference() ? 0 : frame[each.slot]._version(); };
  std::vector<int64_t> versions;
  for (const Bump& each : bumps_) versions.push_back(versionOf(each) + (frame[each.slot].is_inference() ? 0 : each.times));
  for (size_t i = 0; i < bumps_.size(); ++i)
    while (versionOf(bumps_[i]) < versions[i]) frame[bumps_[i].slot].unsafeGetTensorImpl()->bump_version();
}

std::vector<at::Tensor> Program::takeOutputs(const Frame& frame) const {
  // Who writes to one of them writes to the other.
  for (const auto& [view, base] : views_)
    if (!frame[view].is_inference() && !frame[base].is_inference())
      frame[view].unsafeGetTensorImpl()->set_version_counter(frame[base].unsafeGetTensorImpl()->version_counter());
  std::vector<at::Tensor> outputs;
  for (Slot slot : tape_.outputs) outputs.push_back(frame[slot]);
  return outputs;
}

std::vector<at::Tensor> Program::runBackward(Frame& frame, const std::vector<at::Tensor>& seeds) {
  std::vector<bool> seeded;
  for (const at::Tensor& seed : seeds) seeded.push_back(seed.defined());
  const auto backward = std::find_if(tape_.backwards.begin(), tape_.backwards.end(), [&](const Backward& each) { return each.seeded == seeded; });
  std::vector<at::Tensor> gradients(tape_.leaves.size());
  if (backward == tape_.backwards.end()) return gradients;
  for (size_t i = 0; i < seeds.size(); ++i) {
    if (!seeds[i].defined()) continue;
    at::Tensor& place = frame[tape_.seeds[i]];
    place = seeds[i];
    const Signature& recorded = seeds_[i];
    if (recorded.fits(place)) continue;
    // Kernels choose their way by strides.
    const at::NoGradGuard noGrad;
    place = at::empty_strided(recorded.sizes, recorded.strides, seeds[i].options()).copy_(seeds[i]);
  }
  const at::NoGradGuard noGrad;
  run(backwards_[static_cast<size_t>(backward - tape_.backwards.begin())], frame);
  for (size_t leaf = 0; leaf < gradients.size(); ++leaf)
    if (backward->gradients[leaf] != kNoSlot) gradients[leaf] = frame[backward->gradients[leaf]];
  return gradients;
}

void Program::prepare(const std::vector<at::Tensor>& inputs) {
  const int threads = at::get_num_threads();
  if (light_.has_value() && light_->threads == threads) return;
  std::unique_ptr<Frame> frame = begin(inputs);
  Alone forward, backward;
  {
    const at::AutoGradMode grad(modes_.grad);
    forward = tryAlone(forward_, *frame, failed_);
  }
  const at::NoGradGuard noGrad;
  (*frame)[tape_.seeds[0]] = at::ones_like((*frame)[tape_.outputs[0]]);
  backward = tryAlone(backwards_[0], *frame, failed_);
  end(std::move(frame));
  const bool wholeForward = std::find(forward.later.begin(), forward.later.end(), true) == forward.later.end();
  const bool separates = wholeForward && backward.separates;
  light_ = Light{threads, std::move(forward), std::move(backward), separates};
}

void Program::runForwardLightly(Frame& frame, Part part) {
  const at::AutoGradMode grad(modes_.grad);
  runLightly(forward_, light_->forward, part, frame, failed_);
}

void Program::runBackwardLightly(Frame& frame, const at::Tensor& seed, Part part) {
  const at::NoGradGuard noGrad;
  frame[tape_.seeds[0]] = seed;
  runLightly(backwards_[0], light_->backward, part, frame, failed_);
}

std::vector<at::Tensor> Program::takeGradients(const Frame& frame) const {
  std::vector<at::Tensor> gradients(tape_.leaves.size());
  for (size_t leaf = 0; leaf < gradients.size(); ++leaf)
    if (tape_.backwards[0].gradients[leaf] != kNoSlot) gradients[leaf] = frame[tape_.backwards[0].gradients[leaf]];
  return gradients;
}

}  // namespace dgsam::capture
