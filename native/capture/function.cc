#include "function.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/graph_task.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <type_traits>

namespace dgsam::capture {
namespace {

uint32_t versionOf(const at::Tensor& tensor) { return tensor.is_inference() ? 0 : tensor._version(); }

// What the differentiation of a function that was run leaves to do.
struct CapturedBackward : torch::autograd::Node {
  CapturedBackward(std::shared_ptr<Program> itsProgram, std::unique_ptr<Frame> itsFrame) : program(std::move(itsProgram)), frame(std::move(itsFrame)) {
    for (Slot slot : program->readByBackward()) versions.push_back(versionOf((*frame)[slot]));
    differentiated.resize(program->tape().differentiable.size());
  }

  torch::autograd::variable_list apply(torch::autograd::variable_list&& seeds) override {
    TORCH_CHECK(!at::GradMode::is_enabled(), "a captured function cannot be differentiated twice (createGraph): call the function itself");
    TORCH_CHECK(frame != nullptr, "Trying to backward through the graph a second time, but what a captured function saved has been freed; pass "
                                  "retainGraph: true the first time");
    for (size_t i = 0; i < versions.size(); ++i)
      TORCH_CHECK(versionOf((*frame)[program->readByBackward()[i]]) == versions[i],
                  "one of the variables needed for gradient computation has been modified by an inplace operation since the captured "
                  "function was called");
    // A run uses its frame up.
    Frame own = *frame;
    for (size_t i = 0; i < seeds.size(); ++i) differentiated[i] = differentiated[i] || seeds[i].defined();
    if (!torch::autograd::get_current_graph_task_keep_graph()) release_variables();
    std::vector<at::Tensor> gradients = program->runBackward(own, seeds);
    // What is the gradient of a leaf now may be written to.
    for (size_t i = 0; i < gradients.size(); ++i)
      if (gradients[i].defined() && !program->isOwnGradient(i)) gradients[i] = gradients[i].clone();
    return gradients;
  }

  // Results may have nothing in common, and be differentiated one after the other.
  void release_variables() override {
    const bool all = std::find(differentiated.begin(), differentiated.end(), false) == differentiated.end();
    if (frame != nullptr && all) program->end(std::move(frame));
  }

  std::string name() const override { return "CapturedBackward"; }

  const std::shared_ptr<Program> program;
  std::unique_ptr<Frame> frame;
  std::vector<uint32_t> versions;
  // By differentiable output.
  std::vector<bool> differentiated;
};

// LibTorch 2.13 counts the references of nodes in them, its predecessors beside them.
using NodePointer = decltype(torch::autograd::Edge::function);

template <typename Pointer>
Pointer makeNode(const std::shared_ptr<Program>& program, std::unique_ptr<Frame> frame) {
  if constexpr (std::is_same_v<Pointer, std::shared_ptr<torch::autograd::Node>>)
    return Pointer(new CapturedBackward(program, std::move(frame)));
  else
    return c10::make_intrusive<CapturedBackward>(program, std::move(frame));
}

}  // namespace

std::vector<at::Tensor> callProgram(const std::shared_ptr<Program>& program, const std::vector<at::Tensor>& inputs) {
  std::unique_ptr<Frame> frame = program->begin(inputs);
  program->runForward(*frame);
  std::vector<at::Tensor> outputs = program->takeOutputs(*frame);
  const Tape& tape = program->tape();
  if (tape.differentiable.empty()) {
    program->end(std::move(frame));
    return outputs;
  }
  torch::autograd::edge_list edges;
  for (const at::Tensor& leaf : program->leaves(inputs)) edges.push_back(torch::autograd::impl::gradient_edge(leaf));
  // Of a tensor that the frame keeps, so that it does not keep itself.
  for (size_t i : tape.differentiable) {
    const at::NoGradGuard noGrad;
    outputs[i] = outputs[i].detach();
  }
  const NodePointer node = makeNode<NodePointer>(program, std::move(frame));
  node->set_next_edges(std::move(edges));
  for (size_t i : tape.differentiable) torch::autograd::set_history(outputs[i], node);
  return outputs;
}

}  // namespace dgsam::capture
