// What a training step asks of the gradients of its parameters.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace dgsam {

// A number that changes whenever something is summed into a gradient; 0 while there is none.
double stampOf(const std::vector<at::Tensor>& tensors);

// The norm of all gradients together.
double gradientNorm(at::TensorList parameters);

}  // namespace dgsam
