// Optimizers that LibTorch has no fused kernels for, over its foreach functions, as dispatcher operators without Node. Empty
// state lists mean that there is none. Step counts are float32 scalars, raised by one for every parameter that has a
// gradient; they are read, so they lie best on the CPU. `rate` and `foundInf` are those of rates.h; here they are waited for, and on CUDA devices
// kernels of our own (cuda/optimizers.cc) wait neither for them nor for the counts.
//
// t is the step count, this step's included;  g <- maximize ? -grad : grad;  g <- g + weightDecay * p
#pragma once

#include <ATen/core/Tensor.h>

#include "batches.h"
#include "rates.h"

namespace dgsam::ops {

// v <- alpha * v + (1 - alpha) * g^2;  d <- sqrt(v) + eps;  p <- p - lr * g / d
// `gradAvgs` not empty: a <- alpha * a + (1 - alpha) * g;  d <- sqrt(v - a^2) + eps
// `momentumBuffers` not empty: b <- momentum * b + g / d;  p <- p - lr * b
void rmsprop(at::TensorList params, at::TensorList squareAvgs, at::TensorList momentumBuffers, at::TensorList gradAvgs,
             at::TensorList steps, double lr, double alpha, double eps, double weightDecay, double momentum, bool maximize,
             const OptionalTensor& rate = std::nullopt, const OptionalTensor& foundInf = std::nullopt);

// v <- rho * v + (1 - rho) * g^2;  d <- sqrt(u + eps) / sqrt(v + eps) * g;  u <- rho * u + (1 - rho) * d^2;  p <- p - lr * d
void adadelta(at::TensorList params, at::TensorList squareAvgs, at::TensorList accDeltas, at::TensorList steps, double lr, double rho,
              double eps, double weightDecay, bool maximize,
              const OptionalTensor& rate = std::nullopt, const OptionalTensor& foundInf = std::nullopt);

// m, v as Adam's;  mu(t) = beta1 * (1 - 0.96^(t * momentumDecay) / 2);  M <- M * mu(t), a float32 scalar that starts at 1
// d <- sqrt(v / (1 - beta2^t)) + eps
// p <- p - lr * (1 - mu(t)) / (1 - M) * g / d - lr * mu(t + 1) / (1 - M * mu(t + 1)) * m / d
// `decoupled`: p <- p * (1 - lr * weightDecay) first, and no weight decay in g.
void nadam(at::TensorList params, at::TensorList expAvgs, at::TensorList expAvgSqs, at::TensorList muProducts, at::TensorList steps,
           double lr, double beta1, double beta2, double eps, double weightDecay, double momentumDecay, bool maximize, bool decoupled,
           const OptionalTensor& rate = std::nullopt, const OptionalTensor& foundInf = std::nullopt);

// m, v as Adam's;  r = 2 / (1 - beta2) - 1;  r(t) = r - 2 * t * beta2^t / (1 - beta2^t)
// r(t) > 5: p <- p - lr * sqrt((r(t) - 4) (r(t) - 2) r / ((r - 4) (r - 2) r(t))) * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + eps)
// else      p <- p - lr / (1 - beta1^t) * m
// `decoupled` as nadam.
void radam(at::TensorList params, at::TensorList expAvgs, at::TensorList expAvgSqs, at::TensorList steps, double lr, double beta1,
           double beta2, double eps, double weightDecay, bool maximize, bool decoupled,
           const OptionalTensor& rate = std::nullopt, const OptionalTensor& foundInf = std::nullopt);

// m as Adam's;  u <- max(beta2 * u, |g| + eps);  p <- p - lr / (1 - beta1^t) * m / u
void adamax(at::TensorList params, at::TensorList expAvgs, at::TensorList expInfs, at::TensorList steps, double lr, double beta1,
            double beta2, double eps, double weightDecay, bool maximize,
            const OptionalTensor& rate = std::nullopt, const OptionalTensor& foundInf = std::nullopt);

// One batch of the operator sgd_ (fused.h) whose dtype the fused kernel does not serve.
void foreachSgd(const Batch& batch, double lr, double momentum, double dampening, double weightDecay, bool nesterov, bool maximize,
                bool first);

// One batch of the operator adagrad_ (fused.h), its step counts raised already, where the device has no fused kernel.
void foreachAdagrad(const Batch& batch, double lr, double lrDecay, double eps, double weightDecay, bool maximize);

}  // namespace dgsam::ops
