// A captured step: a list of commands as a graph, with memory of its own for the batches.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "capture/geometry.h"
#include "capture/graph.h"
#include "command_list.h"

namespace dgsam {

class StepGraph {
 public:
  // `inputs` are the batches; `places` says which of them each input of each pass is, in the order of the passes.
  StepGraph(const CommandList& list, std::vector<at::Tensor> inputs, std::vector<size_t> places);

  // Why the commands cannot be captured, which is known before; empty where they may be.
  std::string refusal(const CommandList& list) const;

  // Captures them over the graph's own copies of the batches. What captureOn() does not do is done then, so that the step is. Where it throws,
  // gradients are gone, and on CUDA devices nothing was done.
  void capture(Environment& environment, CommandList& list, StepGraph* earlier);

  enum class Fit {
    Yes,
    // Something that the graph refers to is not what it was, or not where it was.
    Never,
    // A batch lies in memory that the step writes to.
    NotThisTime,
  };
  static constexpr const char* kWrittenBatch = "a batch lies in memory that the step writes to, say a parameter's or a buffer's: clone() gives it its own";
  Fit fits(const std::vector<at::Tensor>& inputs) const;
  // Takes the step with these batches. Gradients are in the same memory as after the last one.
  void replay(const std::vector<at::Tensor>& inputs);

  // What the capture refused only while it went on; the step is done then.
  const std::optional<std::string>& lateRefusal() const { return lateRefusal_; }

 private:
  bool changesMemoryOf(const at::Tensor& input) const;

  // Of others: what was disposed of must not live on here.
  struct Outside {
    explicit Outside(const at::Tensor& tensor);
    at::Tensor lock() const { return at::Tensor(weak.lock()); }
    bool isSame() const;
    c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl> weak;
    const void* data;
    capture::Geometry geometry;
    bool requiresGrad;
    bool changes = false;
    // Whether no more is known of it than that a program may read it.
    bool isOnlyRead = false;
  };
  struct Pass {
    std::shared_ptr<capture::Program> program;
    std::vector<size_t> inputs;
  };
  // Of a parameter, maybe none. Whoever is given it may change its shape or its memory, so what the graph refers to is given to nobody.
  struct Gradient {
    explicit Gradient(const at::Tensor& tensor);
    bool isSame() const;
    // Another tensor over its memory.
    const at::Tensor& give();
    at::Tensor own, given;
    const void* data;
  };

  std::vector<uint32_t> versions() const;
  std::vector<at::Tensor> parameters() const;
  void copyIn(const std::vector<at::Tensor>& inputs);

  std::vector<Outside> outside_;
  // Among these.
  std::vector<size_t> parameters_;
  // Where lies what the commands may write to, sorted.
  std::vector<const void*> written_;
  std::vector<Pass> passes_;
  std::vector<at::Tensor> inputs_;
  // By parameter.
  std::vector<Gradient> gradients_;
  std::unique_ptr<capture::Captured> captured_;
  std::optional<std::string> lateRefusal_;
};

}  // namespace dgsam
