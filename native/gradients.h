// What a training step asks of the gradients of its parameters.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace dgsam {

// The value of a real scalar, without the dispatcher where it lies in memory as it is.
double valueOf(const at::Tensor& scalar);

// A tensor like a scalar, of this value.
at::Tensor scalarLike(const at::Tensor& scalar, double value);

// A number that changes whenever something is summed into a gradient; 0 while there is none.
double stampOf(const std::vector<at::Tensor>& tensors);

// The norm of all gradients together.
double gradientNorm(at::TensorList parameters);

}  // namespace dgsam
