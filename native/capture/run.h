// A pass of a training step under way: a program run forward and backward, its gradients added to the `grad` of its leaves.
#pragma once

#include <memory>
#include <vector>

#include "program.h"

namespace dgsam::capture {

class Run {
 public:
  // The program and its inputs outlive it. `lightly`: in parts, which together give the same. `byCalls`: gradients are summed by calls that a
  // graph has, too.
  Run(Program& program, const std::vector<at::Tensor>& inputs, bool lightly, bool byCalls = false);

  void forward(Part part = Part::All);
  const at::Tensor& loss() const;
  // The loss as a number.
  double read();
  double value() const { return value_; }

  void backward(const at::Tensor& seed, Part part = Part::All);

  // Adds the gradients to `grad` and gives the frame back for the next run.
  void end();

  // Between the forward and the backward pass others may have written to what the latter reads.
  void noteVersions() { versions_ = versions(); }
  void checkVersions() const;

 private:
  std::vector<uint32_t> versions() const;

  Program* program_;
  const std::vector<at::Tensor>* inputs_;
  bool lightly_, byCalls_;
  std::unique_ptr<Frame> frame_;
  double value_ = 0;
  std::vector<uint32_t> versions_;
  std::vector<at::Tensor> gradients_;
};

}  // namespace dgsam::capture
