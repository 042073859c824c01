// What a training loop does with all gradients of a list of parameters at once, as dispatcher operators without Node:
// measuring, clipping, and taking back a loss scale.
//
// Gradients are the parameters' own `grad`; a missing one counts as zero. They are changed in place. One that cannot be,
// because its elements share memory, is replaced by a copy first; one that several parameters share is changed once.
#pragma once

#include <ATen/core/Tensor.h>

namespace dgsam::ops {

// The norm of order `normType`, a positive number or infinity, over all gradients together, accumulated in float64.
double gradNorm(at::TensorList params, double normType);

// g <- g * min(1, maxNorm / (norm + 1e-6)). Returns the norm before. Unless that is finite, `skipNonfinite` leaves the
// gradients as they are.
double clipGradNorm(at::TensorList params, double maxNorm, double normType, bool skipNonfinite);

// The same for the 2-norm, which is noted in a ledger (late.h) at place `at`, without waiting for the device. Returns how many
// gradients there were.
int64_t clipGradNormLate(at::TensorList params, double maxNorm, at::Tensor ledger, int64_t at);

// g <- min(max(g, -clipValue), clipValue).
void clipGradValue(at::TensorList params, double clipValue);

// g <- g * inverseScale; foundInf, a float32 scalar, becomes 1 when a gradient was not finite before. Returns how many
// gradients there were.
int64_t unscaleGrad(at::TensorList params, at::Tensor foundInf, const at::Tensor& inverseScale);

}  // namespace dgsam::ops
