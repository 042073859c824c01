// The climb of sharpness-aware optimizers over a list of parameters, as dispatcher operators without Node.
//
// A climb passes over memory twice: once for the norm of all gradients together, once to save the parameters, add the
// gradients up and ascend. Gradients are the parameters' own `grad`; one without counts as zero and stays untouched.
// What returns a norm also returns how many of the parameters had a gradient; on another device than the CPU it waits for
// it, since every step has to know whether its gradients are finite.
#pragma once

#include <ATen/core/List.h>
#include <ATen/core/Tensor.h>

#include <optional>
#include <tuple>

namespace dgsam::ops {

// Added to every norm that divides, so that a zero gradient gives a zero ascent.
constexpr double kNormEpsilon = 1e-12;

using OptionalTensors = c10::List<std::optional<at::Tensor>>;

// The L2 norm over all tensors together, a 0-dim float64 tensor on the first one's device; undefined ones count as zero.
at::Tensor globalNorm(const OptionalTensors& tensors);

// When `first`: saved <- p. When `firstSum`, by default as `first`: sums <- g; else sums <- sums + g. Empty `saved` or `sums`
// leave that out. Then
// p <- p + g (rho / (||g|| + 1e-12) + shift), or p + T^2 g (rho / (||T g|| + 1e-12) + shift) when adaptive: T = |p| without
// `eta`; with it T = |p| + eta, but 1 for parameters of fewer than two dimensions, which are biases and norms. Returns
// ||g||; unless that is finite, nothing is moved, saved or summed. When the first ascent throws, nothing has moved either.
std::tuple<double, int64_t> climb(at::TensorList params, at::TensorList saved, at::TensorList sums,
                                  at::ArrayRef<double> rho, bool first, bool adaptive, std::optional<double> eta, double shift,
                                  std::optional<bool> firstSum);

// sums <- g, or sums + g unless `first`. Returns ||g||.
std::tuple<double, int64_t> accumulate(at::TensorList params, at::TensorList sums, bool first);

// <sums, g>, ||sums|| and ||g||.
std::tuple<double, double, double> products(at::TensorList params, at::TensorList sums);

// sums <- sum_scale * sums + grad_scale * g, where a missing gradient counts as zero. Returns the norm of the new sums.
double combine(at::TensorList params, at::TensorList sums, double sumScale, double gradScale);

// p <- saved;  g <- sum_scale * sums + grad_scale * g where there is a gradient. Empty `saved` or `sums` leave that out.
// Returns ||g|| as it came and as it was stored: a sum may overflow where no summand does.
std::tuple<double, double, int64_t> gather(at::TensorList params, at::TensorList saved, at::TensorList sums, double sumScale,
                                           double gradScale);

// p <- saved, bit for bit.
void restore(at::TensorList params, at::TensorList saved);

}  // namespace dgsam::ops
