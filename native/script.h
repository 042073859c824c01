// TorchScript: a module of torch.jit.save, and what it takes to run it as eager code would run.
//
// A script's parameters and buffers are handed out as they are, so that an optimizer that changes them trains the script.
// Loading compiles the code that the archive holds, and running it runs that code: it is for files that are to be trusted.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <torch/csrc/jit/api/module.h>

#include <string>
#include <utility>
#include <vector>

namespace dgsam {

class AllocationLog;

// A module in a script; the first is the script itself.
struct ScriptNode {
  torch::jit::Module module;
  // The modules in it by name, by their place among the nodes: one that is shared is there once.
  std::vector<std::pair<std::string, size_t>> children;
  std::vector<std::pair<std::string, at::Tensor>> parameters;
  std::vector<std::pair<std::string, at::Tensor>> buffers;
  // The places of BatchNorm's running statistics among its attributes.
  std::vector<size_t> statistics;
  // Whether forward passes leave the running statistics alone in training, too.
  bool holds = false;
};

class Script {
 public:
  // Throws c10::Error, or another std::exception, when the bytes are no TorchScript archive or use what LibTorch has not.
  Script(const at::Tensor& archive, c10::Device device);

  const std::vector<ScriptNode>& nodes() const { return nodes_; }
  const ScriptNode& node(double index) const;
  // Whether a node has the attribute `training`; frozen ones have none.
  static bool hasMode(const ScriptNode& node);
  static bool isTraining(const ScriptNode& node);
  void setMode(double index, bool training, bool holds);

  // The method's result. The code runs call by call, without the optimisations that would set in after the first calls: a
  // fused kernel may give other bits.
  c10::IValue run(const torch::jit::Method& method, std::vector<c10::IValue> inputs) const;

 private:
  void addNode(const torch::jit::Module& module);
  void findConstants();
  void checkTensors(const AllocationLog& memory) const;
  void noteConstants() const;

  std::vector<ScriptNode> nodes_;
  // Tensors that the code holds as constants.
  std::vector<at::Tensor> constants_;
};

}  // namespace dgsam
