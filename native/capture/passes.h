// The passes of a training step: programs that give losses, differentiated at the same point.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "program.h"

namespace dgsam::capture {

struct Pass {
  std::shared_ptr<Program> program;
  // Tensors that the program fits.
  std::vector<at::Tensor> inputs;
  // What the loss is multiplied by.
  double weight;
  // Whether to look, after it, whether the sum of the gradients is finite.
  bool looks = false;
  // Whether there is time to find out how many threads the program needs.
  bool tries = true;
};

// A loss or a sum of gradients that is not finite, and whose it is.
struct Stop {
  size_t pass;
  bool isLoss;
  double value;
};

// The losses, without their weights, up to where it stopped.
struct Summed {
  std::vector<double> losses;
  std::optional<Stop> stop;
};

// Whether the program gives a loss, one real number, whose gradients end at leaves; of inputs that it fits.
bool givesLoss(const Program& program, const std::vector<at::Tensor>& inputs);

// Adds the gradients of the weighted losses to the `grad` of the programs' leaves, in the order of the passes, as backward()
// does. Passes of small programs run beside one another. `parameters` are those whose gradients are looked at.
Summed differentiate(const std::vector<Pass>& passes, at::TensorList parameters);

// The same for DISAM's first gradient, that of mean L - lambda * var L: a pass's loss L is weighted by its weight times
// (1 - 2 lambda (L - mean L)) / n. Every loss is computed before the first is differentiated.
Summed differentiateByVariance(const std::vector<Pass>& passes, double lambda, at::TensorList parameters);

}  // namespace dgsam::capture
