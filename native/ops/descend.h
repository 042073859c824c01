// LibTorch's fused optimizers over a list of parameters, as dispatcher operators without Node.
//
// Gradients are the parameters' own `grad`; parameters without one are left alone, their state too. What the fused
// kernels leave to their callers happens here: lists of one dtype and device, complex numbers as pairs, gradients in their
// parameters' memory order, step counts, autograd's version counters. Empty state lists mean that there is none.
#pragma once

#include <ATen/core/Tensor.h>

namespace dgsam::ops {

// b <- momentum * b + (1 - dampening) * g, or b <- g when `first`;  p <- p - lr * (nesterov ? g + momentum * b : b)
void sgd(at::TensorList params, at::TensorList momentumBuffers, double lr, double momentum, double dampening, double weightDecay,
         bool nesterov, bool maximize, bool first);

// `maxExpAvgSqs` not empty: AMSGrad. `decoupled`: AdamW's weight decay. Step counts are float32 scalars, raised by one.
void adam(at::TensorList params, at::TensorList expAvgs, at::TensorList expAvgSqs, at::TensorList maxExpAvgSqs, at::TensorList steps,
          double lr, double beta1, double beta2, double eps, double weightDecay, bool maximize, bool decoupled);

}  // namespace dgsam::ops
