#include "step_graph.h"

#include <ATen/Functions.h>
#include <ATen/MemoryOverlap.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <unordered_map>

#include "capture/call_tape.h"
#include "capture/operators.h"
#include "ops/casts.h"

namespace dgsam {
namespace {

using capture::LatePass;
using capture::Program;

template <typename Visit>
void forEachTensor(const c10::IValue& value, Visit visit) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) visit(value.toTensor());
  } else if (value.isTensorList()) {
    for (const at::Tensor& each : value.toTensorVector()) visit(each);
  } else if (value.isOptionalTensorList()) {
    for (const std::optional<at::Tensor>& each : value.toOptionalTensorVector())
      if (each.has_value() && each->defined()) visit(*each);
  }
}

const std::vector<LatePass>* latePassesOf(const Command& command) {
  const auto* late = std::get_if<LatePassesCommand>(&command);
  return late == nullptr ? nullptr : &late->passes;
}

const void* dataOf(const at::Tensor& tensor) { return tensor.has_storage() ? tensor.storage().data() : nullptr; }

uint32_t versionOf(const at::Tensor& tensor) { return tensor.is_inference() ? 0 : tensor._version(); }

void bump(const at::Tensor& tensor) {
  if (!tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
}

}  // namespace

StepGraph::Outside::Outside(const at::Tensor& tensor)
    : weak(tensor.getIntrusivePtr()), data(dataOf(tensor)), geometry(tensor), requiresGrad(tensor.requires_grad()) {}

bool StepGraph::Outside::isSame() const {
  const at::Tensor tensor = lock();
  return tensor.defined() && dataOf(tensor) == data && capture::Geometry(tensor) == geometry && tensor.requires_grad() == requiresGrad;
}

StepGraph::Gradient::Gradient(const at::Tensor& tensor) : own(tensor), data(tensor.defined() ? dataOf(tensor) : nullptr) {}

bool StepGraph::Gradient::isSame() const { return !own.defined() || dataOf(own) == data; }

const at::Tensor& StepGraph::Gradient::give() {
  // What was given before is overwritten.
  if (given.defined()) bump(given);
  given = own.defined() && own.layout() == at::kStrided ? capture::aliasOf(own) : own;
  return given;
}

StepGraph::StepGraph(const CommandList& list, std::vector<at::Tensor> inputs, std::vector<size_t> places) {
  std::unordered_map<const c10::TensorImpl*, size_t> known;
  const auto add = [&](const at::Tensor& tensor) {
    const auto [found, isNew] = known.try_emplace(tensor.unsafeGetTensorImpl(), outside_.size());
    if (isNew) outside_.emplace_back(tensor);
    return found->second;
  };
  const auto addWritten = [&](const at::Tensor& tensor) {
    const size_t index = add(tensor);
    outside_[index].isOnlyRead = false;
    if (outside_[index].data != nullptr) written_.push_back(outside_[index].data);
    return index;
  };
  for (const at::Tensor& parameter : list.parameters()) parameters_.push_back(addWritten(parameter));
  size_t place = 0;
  for (const Command& command : list.commands()) {
    if (const auto* call = std::get_if<OperatorCommand>(&command))
      for (const c10::IValue& value : call->stack) forEachTensor(value, addWritten);
    if (const auto* late = std::get_if<LatePassesCommand>(&command)) {
      addWritten(late->ledger);
      for (const LatePass& pass : late->passes) {
        Pass& own = passes_.emplace_back(Pass{pass.program, {}});
        for (size_t i = 0; i < pass.inputs.size(); ++i) {
          if (place == places.size() || places[place] >= inputs.size()) throw UsageError("ERR_ARGUMENT", "expected the place of every input among the batches");
          own.inputs.push_back(places[place++]);
        }
        for (const at::Tensor& written : pass.program->written()) addWritten(written);
        for (const at::Tensor& used : pass.program->used()) {
          const size_t before = outside_.size();
          if (const size_t index = add(used); index == before) outside_[index].isOnlyRead = true;
        }
      }
    }
  }
  std::sort(written_.begin(), written_.end());
  inputs_ = std::move(inputs);
}

// Batches are copied before the first pass: what an earlier pass, or the climb, writes to must not be one.
bool StepGraph::changesMemoryOf(const at::Tensor& input) const {
  return std::binary_search(written_.begin(), written_.end(), dataOf(input));
}

std::string StepGraph::refusal(const CommandList& list) const {
  for (const Command& command : list.commands())
    if (std::holds_alternative<PassesCommand>(command)) return "its passes wait for their losses";
  const c10::Device device = list.parameters().empty() ? c10::Device(c10::kCPU) : list.parameters().front().device();
  const std::string lack = capture::refusalOf(device);
  if (!lack.empty()) return lack;
  const auto isElsewhere = [&](const at::Tensor& tensor) { return tensor.device() != device; };
  for (const Outside& each : outside_)
    if (!each.isOnlyRead && isElsewhere(each.lock())) return "it uses a tensor on " + each.lock().device().str() + " with parameters on " + device.str();
  for (const at::Tensor& input : inputs_) {
    if (isElsewhere(input)) return "a batch lies on " + input.device().str() + ", its parameters on " + device.str();
    if (input.requires_grad()) return "a batch requires a gradient";
    const bool isPlain = input.layout() == at::kStrided && input.has_storage() && !input._is_zerotensor() && !input.is_conj() && !input.is_neg();
    if (!isPlain || at::has_internal_overlap(input) == at::MemOverlap::Yes) return "a batch is more than memory of its own: contiguous() makes it that";
    if (changesMemoryOf(input)) return kWrittenBatch;
  }
  // A graph would add to the memory that others' gradients had when it was captured, which somebody else clears.
  const auto isParameter = [&](const at::Tensor& leaf) {
    return std::any_of(list.parameters().begin(), list.parameters().end(), [&](const at::Tensor& parameter) { return parameter.is_same(leaf); });
  };
  for (const Pass& pass : passes_) {
    const std::vector<at::Tensor> leaves = pass.program->leaves();
    if (!std::all_of(leaves.begin(), leaves.end(), isParameter)) return "a captured function gives gradients to a tensor that is none of the optimizer's parameters";
    if (pass.program->writesToInputs()) return "a captured function writes to its batch";
    // What the host's memory holds when the graph is launched is not looked at.
    if (device.is_cuda() && pass.program->computesOnCpu()) return "a captured function computes on the CPU, too";
    const std::string decomposition = pass.program->operatorThat(&capture::decomposesMatrices);
    if (!decomposition.empty()) return "a captured function calls " + decomposition + ", whose success CUDA's library has to be asked for";
  }
  return "";
}

void StepGraph::copyIn(const std::vector<at::Tensor>& inputs) {
  const at::NoGradGuard noGrad;
  for (size_t i = 0; i < inputs.size(); ++i) inputs_[i].copy_(inputs[i], true);
}

std::vector<uint32_t> StepGraph::versions() const {
  std::vector<uint32_t> versions;
  for (const Outside& each : outside_) versions.push_back(versionOf(each.lock()));
  return versions;
}

std::vector<at::Tensor> StepGraph::parameters() const {
  std::vector<at::Tensor> parameters;
  for (size_t place : parameters_) parameters.push_back(outside_[place].lock());
  return parameters;
}

void StepGraph::capture(Environment& environment, CommandList& list, StepGraph* earlier) {
  const std::vector<at::Tensor> batches = inputs_;
  for (at::Tensor& input : inputs_) input = at::empty_strided(input.sizes(), input.strides(), input.options());
  copyIn(batches);
  size_t number = 0;
  for (Command& command : list.commands()) {
    auto* late = std::get_if<LatePassesCommand>(&command);
    if (late == nullptr) continue;
    for (LatePass& pass : late->passes) {
      const Pass& own = passes_[number++];
      for (size_t i = 0; i < own.inputs.size(); ++i) pass.inputs[i] = inputs_[own.inputs[i]];
    }
  }
  const std::vector<uint32_t> before = versions();
  const c10::Device device = list.parameters().front().device();
  try {
    captured_ = capture::captureOn(device, earlier == nullptr ? nullptr : earlier->captured_.get(), [&] { list.run(environment); });
    const auto* const tape = dynamic_cast<const capture::CallTape*>(captured_.get());
    if (tape != nullptr)
      lateRefusal_ = tape->refusal();
    else
      captured_->replay();
  } catch (...) {
    // They lie in memory of a graph that there is not.
    for (const at::Tensor& parameter : list.parameters()) parameter.mutable_grad().reset();
    throw;
  }
  const std::vector<uint32_t> after = versions();
  for (size_t i = 0; i < outside_.size(); ++i) outside_[i].changes = before[i] != after[i];
  for (const at::Tensor& parameter : list.parameters()) parameter.mutable_grad() = gradients_.emplace_back(parameter.grad()).give();
}

StepGraph::Fit StepGraph::fits(const std::vector<at::Tensor>& inputs) const {
  if (inputs.size() != inputs_.size()) return Fit::Never;
  const auto isSame = [](const auto& each) { return each.isSame(); };
  if (!std::all_of(outside_.begin(), outside_.end(), isSame) || !std::all_of(gradients_.begin(), gradients_.end(), isSame)) return Fit::Never;
  // Losses have a history, whoever takes the step.
  const at::AutoGradMode withHistory(true);
  const auto fitsProgram = [&](const Pass& pass) {
    std::vector<at::Tensor> own;
    for (size_t place : pass.inputs) own.push_back(inputs[place]);
    return pass.program->fits(own) == Program::Fit::Yes;
  };
  if (!std::all_of(passes_.begin(), passes_.end(), fitsProgram)) return Fit::Never;
  return std::any_of(inputs.begin(), inputs.end(), [&](const at::Tensor& input) { return changesMemoryOf(input); }) ? Fit::NotThisTime : Fit::Yes;
}

void StepGraph::replay(const std::vector<at::Tensor>& inputs) {
  copyIn(inputs);
  {
    const ops::ForgetsCasts forgetting;
    captured_->replay();
  }
  const std::vector<at::Tensor> all = parameters();
  for (size_t i = 0; i < all.size(); ++i) all[i].mutable_grad() = gradients_[i].give();
  // The host does not know of what the device writes to.
  for (const Outside& each : outside_)
    if (each.changes) bump(each.lock());
}

}  // namespace dgsam
