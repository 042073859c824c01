// LibTorch's fused optimizers over a list of parameters, as dispatcher operators without Node. Empty state lists mean that
// there is none. Step counts are float32 scalars, raised by one for every parameter that has a gradient.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "rates.h"

namespace dgsam::ops {

// b <- momentum * b + (1 - dampening) * g, or b <- g when `first`;  p <- p - lr * (nesterov ? g + momentum * b : b)
void sgd(at::TensorList params, at::TensorList momentumBuffers, double lr, double momentum, double dampening, double weightDecay,
         bool nesterov, bool maximize, bool first, const std::optional<at::Tensor>& foundInf);

// `foundInf`, a float32 scalar on the parameters' device, here and below: nothing is done where it is 1.
// `maxExpAvgSqs` not empty: AMSGrad. `decoupled`: AdamW's weight decay.
void adam(at::TensorList params, at::TensorList expAvgs, at::TensorList expAvgSqs, at::TensorList maxExpAvgSqs, at::TensorList steps,
          double lr, double beta1, double beta2, double eps, double weightDecay, bool maximize, bool decoupled, const std::optional<at::Tensor>& foundInf);

// The same for steps that wait for nothing (late.h): with a learning rate that is a float64 scalar on the device. LibTorch's kernels of CUDA round
// it to float32, as PyTorch's learning rates of tensors are; ours (cuda/optimizers.cc), which serve Adam there, do not.
void sgdLate(at::TensorList params, at::TensorList momentumBuffers, const at::Tensor& lr, double momentum, double dampening, double weightDecay,
             bool nesterov, bool maximize, bool first, const at::Tensor& foundInf);
void adamLate(at::TensorList params, at::TensorList expAvgs, at::TensorList expAvgSqs, at::TensorList maxExpAvgSqs, at::TensorList steps,
              const at::Tensor& lr, double beta1, double beta2, double eps, double weightDecay, bool maximize, bool decoupled, const at::Tensor& foundInf);

// s <- s + g^2;  p <- p - lr / (1 + (t - 1) * lrDecay) * g / (sqrt(s) + eps)
// `rate`, `foundInf` as in foreach.h.
void adagrad(at::TensorList params, at::TensorList sums, at::TensorList steps, double lr, double lrDecay, double eps, double weightDecay,
             bool maximize, const OptionalTensor& rate = std::nullopt, const OptionalTensor& foundInf = std::nullopt);

}  // namespace dgsam::ops
