// The climb of sharpness-aware optimizers over a list of parameters, as dispatcher operators without Node.
//
// A climb passes over memory twice: once for the norm of all gradients together, once to save the parameters, add the
// gradients up and ascend. Norms are 0-dim float64 tensors on the parameters' device, so nothing here makes a host wait.
// All lists have one entry per parameter; an undefined gradient counts as zero and leaves its parameter untouched.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/List.h>

#include <optional>
#include <vector>

namespace dgsam::ops {

using OptionalTensors = c10::List<std::optional<at::Tensor>>;

// The L2 norm over all tensors together.
at::Tensor globalNorm(const OptionalTensors& tensors);

// || |p| g || over all parameters together, the norm of ASAM's elementwise form.
at::Tensor adaptiveNorm(at::TensorList params, const OptionalTensors& grads);

// When `first`: saved <- p, sums <- g; else sums <- sums + g. Empty `saved` or `sums` leave that out. Then
// p <- p + rho * g / (norm + 1e-12), or rho * p^2 g / (norm + 1e-12) when adaptive.
void ascend(at::TensorList params, const OptionalTensors& grads, at::TensorList saved, at::TensorList sums,
            const at::Tensor& norm, at::ArrayRef<double> rho, bool first, bool adaptive);

// sums <- g, or sums + g unless `first`.
void accumulate(at::TensorList sums, const OptionalTensors& grads, bool first);

// p <- saved;  g <- scale * (sums + g) where g is defined. Returns the norm of all g as they came.
at::Tensor gather(at::TensorList params, at::TensorList saved, const OptionalTensors& grads, at::TensorList sums,
                  double scale);

// p <- saved, bit for bit.
void restore(at::TensorList params, at::TensorList saved);

// Tells autograd that the data changed: LibTorch's fused optimizers do not.
void bumpVersion(at::TensorList tensors);

}  // namespace dgsam::ops
