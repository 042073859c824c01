// The end of a recording: what of it cannot be made again, and the differentiation of the results.
#include "recorder.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/ScopeExit.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>

#include <algorithm>
#include <unordered_set>

#include "../autograd_pass.h"

namespace dgsam::capture {

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
  const auto end = c10::make_scope_exit([&] { stop(); });
  start();
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
  const std::vector<at::Tensor> gradients = runPass([&] { return torch::autograd::grad(roots, variables, rootSeeds, true, false, true); });
  for (const at::Tensor& gradient : gradients) backward.gradients.push_back(find(gradient));
  tape_.backwards.push_back(std::move(backward));
}

}  // namespace dgsam::capture
