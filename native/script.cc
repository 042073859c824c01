#include "script.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <caffe2/serialize/read_adapter_interface.h>
#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "capture/recorder.h"
#include "cpu_allocator.h"
#include "errors.h"
#include "mapped_file.h"
#include "operator_call.h"

namespace dgsam {
namespace {

constexpr std::array kStatistics = {"running_mean", "running_var", "num_batches_tracked"};

class TensorReader : public caffe2::serialize::ReadAdapterInterface {
 public:
  explicit TensorReader(at::Tensor bytes) : bytes_(std::move(bytes)) {}

  size_t size() const override { return bytes_.nbytes(); }

  size_t read(uint64_t position, void* buffer, size_t count, const char*) const override {
    if (position >= size()) return 0;
    const size_t length = std::min<size_t>(count, size() - position);
    std::memcpy(buffer, static_cast<const char*>(bytes_.const_data_ptr()) + position, length);
    return length;
  }

 private:
  const at::Tensor bytes_;
};

void collectConstants(const torch::jit::Block* block, std::vector<at::Tensor>& constants) {
  for (const torch::jit::Node* node : block->nodes()) {
    for (const torch::jit::Block* inner : node->blocks()) collectConstants(inner, constants);
    if (node->kind() != c10::prim::Constant || node->outputs().size() != 1) continue;
    const std::optional<c10::IValue> value = torch::jit::toIValue(node->output());
    if (value.has_value() && value->isTensor() && value->toTensor().defined()) constants.push_back(value->toTensor());
  }
}

// While it lives, training passes move copies of the running statistics.
class HeldStatistics {
 public:
  explicit HeldStatistics(const std::vector<ScriptNode>& nodes) {
    for (const ScriptNode& node : nodes) {
      if (!node.holds || !Script::isTraining(node)) continue;
      for (const size_t slot : node.statistics) {
        const c10::IValue own = node.module._ivalue()->getSlot(slot);
        if (!own.isTensor()) continue;
        replaced_.push_back({node.module._ivalue(), slot, own});
        node.module._ivalue()->setSlot(slot, own.toTensor().clone());
      }
    }
  }
  ~HeldStatistics() {
    for (Replaced& each : replaced_) each.object->setSlot(each.slot, std::move(each.own));
  }
  HeldStatistics(const HeldStatistics&) = delete;
  HeldStatistics& operator=(const HeldStatistics&) = delete;

 private:
  struct Replaced {
    torch::jit::ObjectPtr object;
    size_t slot;
    c10::IValue own;
  };
  std::vector<Replaced> replaced_;
};

}  // namespace

Script::Script(const at::Tensor& archive, c10::Device device) {
  // A device gets its copies while LibTorch loads, before anything can be looked at.
  if (!device.is_cpu()) Script(archive, c10::kCPU);
  const torch::jit::GraphOptimizerEnabledGuard callByCall(false);
  const AllocationLog memory;
  addNode(torch::jit::load(std::make_shared<TensorReader>(archive), device, /*load_debug_files=*/false));
  std::unordered_map<const void*, size_t> places{{nodes_[0].module._ivalue().get(), 0}};
  // Not by recursion, and each once: an archive may nest modules as deep as it likes, and in themselves.
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const torch::jit::Module module = nodes_[i].module;
    const c10::ClassTypePtr type = module.type();
    for (size_t slot = 0; slot < type->numAttributes(); ++slot) {
      const c10::IValue& value = module._ivalue()->getSlot(slot);
      const std::string& name = type->getAttributeName(slot);
      if (value.isModule()) {
        const torch::jit::Module child(value.toObject());
        const auto [found, isNew] = places.try_emplace(child._ivalue().get(), nodes_.size());
        nodes_[i].children.emplace_back(name, found->second);
        if (isNew) addNode(child);
      } else if (value.isTensor() && value.toTensor().defined()) {
        if (type->is_parameter(slot)) {
          nodes_[i].parameters.emplace_back(name, value.toTensor());
        } else if (type->getAttribute(slot)->isSubtypeOf(*c10::TensorType::get())) {
          nodes_[i].buffers.emplace_back(name, value.toTensor());
          if (std::find(kStatistics.begin(), kStatistics.end(), name) != kStatistics.end()) nodes_[i].statistics.push_back(slot);
        }
      }
    }
  }
  findConstants();
  checkTensors(memory);
}

void Script::addNode(const torch::jit::Module& module) {
  nodes_.emplace_back();
  nodes_.back().module = module;
}

void Script::findConstants() {
  for (torch::jit::Function* function : nodes_[0].module._ivalue()->compilation_unit()->get_functions())
    if (function->isGraphFunction()) collectConstants(torch::jit::toGraphFunction(*function).graph()->block(), constants_);
}

// LibTorch takes the sizes, strides and offsets of tensors from the archive as they are, and what it says of the length of their memory.
void Script::checkTensors(const AllocationLog& memory) const {
  const auto check = [&memory](const at::Tensor& tensor) {
    if (!tensor.defined() || !tensor.has_storage() || tensor.layout() != at::kStrided) return;
    const auto isNegative = [](int64_t value) { return value < 0; };
    const bool isSound = tensor.storage_offset() >= 0 && std::none_of(tensor.sizes().begin(), tensor.sizes().end(), isNegative) &&
                         std::none_of(tensor.strides().begin(), tensor.strides().end(), isNegative) && fitsItsStorage(tensor);
    if (!isSound) throw UsageError("ERR_DATA", c10::str("a tensor of shape ", tensor.sizes(), " reaches beyond its memory"));
    const c10::Storage& storage = tensor.storage();
    if (storage.device().is_cpu() && memory.isShorter(storage.data(), storage.nbytes()))
      throw UsageError("ERR_DATA", c10::str("the archive has less than the ", storage.nbytes(), " bytes of a tensor of shape ", tensor.sizes()));
  };
  const auto checkParts = [&check](const at::Tensor& tensor) {
    if (!tensor.defined()) return;
    check(tensor);
    if (tensor.layout() == at::kSparse) {
      check(tensor._indices());
      check(tensor._values());
    } else if (tensor.layout() == at::kSparseCsr || tensor.layout() == at::kSparseBsr || tensor.layout() == at::kSparseCsc || tensor.layout() == at::kSparseBsc) {
      const bool rows = tensor.layout() == at::kSparseCsr || tensor.layout() == at::kSparseBsr;
      check(rows ? tensor.crow_indices() : tensor.ccol_indices());
      check(rows ? tensor.col_indices() : tensor.row_indices());
      check(tensor.values());
    }
  };
  std::unordered_set<const void*> seen;
  c10::IValue(nodes_[0].module._ivalue()).visit([&](const c10::IValue& value) {
    if (value.isTensor()) checkParts(value.toTensor());
    return value.isObject() && !seen.insert(&value.toObjectRef()).second;
  });
  for (const at::Tensor& constant : constants_) checkParts(constant);
}

// To whoever records, a constant of the code is as one that JavaScript made.
void Script::noteConstants() const {
  capture::Recorder* const recorder = capture::Recorder::active();
  if (recorder == nullptr) return;
  for (const at::Tensor& constant : constants_) recorder->noteMade(constant);
}

const ScriptNode& Script::node(double index) const {
  if (!(index >= 0) || index >= static_cast<double>(nodes_.size())) throw UsageError("ERR_ARGUMENT", "the script has no module of this number");
  return nodes_[static_cast<size_t>(index)];
}

bool Script::hasMode(const ScriptNode& node) {
  const c10::ClassTypePtr type = node.module.type();
  const std::optional<size_t> slot = type->findAttributeSlot("training");
  return slot.has_value() && node.module._ivalue()->getSlot(*slot).isBool();
}

bool Script::isTraining(const ScriptNode& node) { return hasMode(node) && node.module.attr("training").toBool(); }

void Script::setMode(double index, bool training, bool holds) {
  const ScriptNode& found = node(index);
  nodes_[static_cast<size_t>(&found - nodes_.data())].holds = holds;
  if (hasMode(found)) found.module._ivalue()->setAttr("training", training);
}

c10::IValue Script::run(const torch::jit::Method& method, std::vector<c10::IValue> inputs) const {
  const torch::jit::GraphOptimizerEnabledGuard callByCall(false);
  // The code may change it and fail before it is changed back.
  const at::AutoGradMode gradMode(at::GradMode::is_enabled());
  const HeldStatistics held(nodes_);
  noteConstants();
  c10::IValue result = method(std::move(inputs));
  checkMappedFiles();
  return result;
}

}  // namespace dgsam
