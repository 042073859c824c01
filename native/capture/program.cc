#include "program.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/ScopeExit.h>

#include <algorithm>
#include <cstring>

#include "../mapped_file.h"
#include "graph.h"
#include "operators.h"

namespace dgsam::capture {
namespace {

// Frames that are kept for the next run.
constexpr size_t kSpareFrames = 8;

const void* storageOf(const at::Tensor& tensor) { return tensor.storage().unsafeGetStorageImpl(); }

at::Tensor locked(const c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>& weak) { return at::Tensor(weak.lock()); }

bool isPlainMemory(const at::Tensor& tensor) { return tensor.is_cpu() && tensor.is_contiguous() && !tensor.is_conj() && !tensor.is_neg(); }

void copyValues(const at::Tensor& to, const at::Tensor& from) {
  if (from.numel() == 0) return;
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
  const std::vector<at::Tensor> all = leaves(inputs);
  std::vector<const c10::TensorImpl*> reached;
  for (size_t i = 0; i < all.size(); ++i)
    if (tape_.backwards[0].gradients[i] != kNoSlot) reached.push_back(all[i].unsafeGetTensorImpl());
  std::sort(reached.begin(), reached.end());
  return std::all_of(tensors.begin(), tensors.end(), [&](const at::Tensor& tensor) {
    return !tensor.requires_grad() || std::binary_search(reached.begin(), reached.end(), tensor.unsafeGetTensorImpl());
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

std::vector<at::Tensor> Program::used() const {
  std::vector<at::Tensor> result;
  for (const Outside& each : outside_) result.push_back(locked(each.tensor));
  return result;
}

std::vector<at::Tensor> Program::written() const {
  std::vector<at::Tensor> result;
  for (const Outside& each : outside_)
    if (std::find(written_.begin(), written_.end(), each.slot) != written_.end()) result.push_back(locked(each.tensor));
  return result;
}

bool Program::writesToInputs() const {
  return std::any_of(written_.begin(), written_.end(), [&](Slot slot) { return slot < tape_.inputs; });
}

bool Program::computesOnCpu() const {
  const auto isConstant = [&](Slot slot) {
    return tape_.slots[slot].origin == Origin::Constant || (isStanding(slot) && !isOutside_[tape_.slots[slot].memory]);
  };
  std::vector<bool> isSeed(tape_.slots.size());
  const auto onCpu = [&](const Segment& segment) {
    bool found = false;
    const auto look = [&](Slot slot) { found = found || (tape_.slots[slot].onCpu && !isConstant(slot)); };
    for (const Instruction& each : segment) {
      const bool leaves = leavesSeeds(each.handle), takes = takesSeeds(each.handle);
      for (const Instruction::Argument& argument : each.arguments)
        for (Slot slot : argument.place.slots)
          if (slot != kNoSlot && !(takes && isSeed[slot])) look(slot);
      forEachSlot(each.results, [&](Slot slot) {
        if (leaves)
          isSeed[slot] = true;
        else
          look(slot);
      });
    }
    return found;
  };
  return onCpu(forward_) || std::any_of(backwards_.begin(), backwards_.end(), onCpu);
}

std::string Program::operatorThat(bool (*holds)(const c10::OperatorHandle&)) const {
  const auto first = [&](const Segment& segment) {
    const auto found = std::find_if(segment.begin(), segment.end(), [&](const Instruction& each) { return holds(each.handle); });
    return found == segment.end() ? std::string() : nameOf(found->handle);
  };
  std::string found = first(forward_);
  for (const Segment& backward : backwards_)
    if (found.empty()) found = first(backward);
  return found;
}

std::unique_ptr<Frame> Program::begin(const std::vector<at::Tensor>& inputs) {
  std::unique_ptr<Frame> frame;
  if (spare_.empty()) {
    frame = std::make_unique<Frame>(standing_);
  } else {
    // The one that has waited longest, so that domains find their own again.
    frame = std::move(spare_.front());
    spare_.erase(spare_.begin());
  }
  takeBack(*frame);
  std::copy(inputs.begin(), inputs.end(), frame->begin());
  for (const Outside& each : outside_) (*frame)[each.slot] = locked(each.tensor);
  return frame;
}

// The memory of gradients that an earlier run gave is used again unless somebody still has it.
void Program::takeBack(Frame& frame) const {
  for (const std::vector<Slot>& slots : lent_) {
    size_t own = 0, all = 0;
    for (Slot slot : slots) {
      if (!frame[slot].defined()) continue;
      ++own;
      all = frame[slot].storage().use_count();
    }
    for (size_t i = 0; i < slots.size() && all > own; ++i) frame[slots[i]].reset();
  }
}

void Program::end(std::unique_ptr<Frame> frame, bool keeps) {
  if (spare_.size() == kSpareFrames) return;
  for (Slot slot = 0; slot < frame->size() && !keeps; ++slot)
    if (!standing_[slot].defined()) (*frame)[slot].reset();
  for (Slot slot : passing_) (*frame)[slot].reset();
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
  checkMappedFiles();
}

void Program::runForward(Frame& frame) {
  failed_ = nullptr;
  const bool isDone = !isOnlyCaptured();
  for (size_t i = 0; isDone && i < written_.size(); ++i) {
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
    for (size_t i = 0; isDone && i < written_.size(); ++i)
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

bool Program::isPrepared() const { return light_.has_value() && light_->threads == at::get_num_threads(); }

void Program::prepare(const std::vector<at::Tensor>& inputs) {
  if (isPrepared()) return;
  std::unique_ptr<Frame> frame = begin(inputs);
  Ways forward, backward;
  {
    const at::AutoGradMode grad(modes_.grad);
    forward = findWays(forward_, *frame, failed_);
  }
  const at::NoGradGuard noGrad;
  (*frame)[tape_.seeds[0]] = at::ones_like((*frame)[tape_.outputs[0]]);
  backward = findWays(backwards_[0], *frame, failed_);
  end(std::move(frame));
  const bool wholeForward = std::find(forward.later.begin(), forward.later.end(), true) == forward.later.end();
  const bool separates = wholeForward && backward.separates;
  light_ = Light{at::get_num_threads(), std::move(forward), std::move(backward), separates};
}

void Program::runForwardLightly(Frame& frame, Part part) {
  failed_ = nullptr;
  const at::AutoGradMode grad(modes_.grad);
  runLightly(forward_, light_->forward, part, frame, failed_);
}

void Program::runBackwardLightly(Frame& frame, const at::Tensor& seed, Part part) {
  const at::NoGradGuard noGrad;
  frame[tape_.seeds[0]] = seed;
  runLightly(backwards_[0], light_->backward, part, frame, failed_);
}

std::vector<at::Tensor> Program::gradients(const Frame& frame) const {
  std::vector<at::Tensor> gradients(tape_.leaves.size());
  for (size_t leaf = 0; leaf < gradients.size(); ++leaf)
    if (tape_.backwards[0].gradients[leaf] != kNoSlot) gradients[leaf] = frame[tape_.backwards[0].gradients[leaf]];
  return gradients;
}

}  // namespace dgsam::capture
