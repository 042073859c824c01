// The passes of a step that waits for nothing (ops/late.h): as passes.h, but what they find is noted on the device.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "program.h"

namespace dgsam::capture {

struct LatePass {
  std::shared_ptr<Program> program;
  // Tensors that the program fits.
  std::vector<at::Tensor> inputs;
  // What the loss is multiplied by.
  double weight;
  // Where, after it, the mean of the losses since the last such place is noted; 0 for nowhere.
  int64_t loss;
  // The first of two places for the norm of the sum of the gradients; 0 for nowhere.
  int64_t gradient;
};

// Adds the gradients to the `grad` of the programs' leaves. With DISAM's `lambda`: those of mean L - lambda * var L, the weights formed on
// the device.
void differentiateLate(const std::vector<LatePass>& passes, std::optional<double> lambda, at::TensorList parameters, const at::Tensor& ledger);

}  // namespace dgsam::capture
