// Directions that algorithms of the family make of two gradients, g and the sum s of those before it: see climb.h.
//
// Losses may be scaled: `loss_scale` is what both gradients are too long by, and what is stored is not.
#pragma once

#include "climb.h"

namespace dgsam::ops {

// GSAM. p <- saved;  g <- (1 + alpha c) g - alpha s with c = <s, g> / ||g||^2, which is g less alpha times the part of s that
// is orthogonal to it. Returns as gather(); the first norm is of whatever of s and g was not finite, if something was: then g
// stays as it is.
std::tuple<double, double, int64_t> gatherOrthogonal(at::TensorList params, at::TensorList saved, at::TensorList sums, double alpha, double lossScale);

// LookSAM's v. s <- g - <s, g> / ||s||^2 s, the part of g that is orthogonal to s, or zero where no more than rounding errors are
// left. Returns the norm of whatever of s and g was not finite, or ||g||, and the norm of the new s.
std::tuple<double, double> project(at::TensorList params, at::TensorList sums, double lossScale);

// LookSAM between its climbs. g <- g + alpha ||g|| v / (||v|| + 1e-12), of which only g is scaled. Returns as gather().
std::tuple<double, double, int64_t> gatherAlong(at::TensorList params, at::TensorList directions, double directionNorm, double alpha, double lossScale);

// The last two for devices that compute while the host goes on: see late.h. As project(), which notes both norms; what is not
// finite makes one of them so.
int64_t projectLate(at::TensorList params, at::TensorList sums, double lossScale, at::Tensor ledger, int64_t at);

// As gatherAlong(), which notes ||g|| as it came and as it was stored, and finds ||v|| itself.
int64_t gatherAlongLate(at::TensorList params, at::TensorList directions, double alpha, double lossScale, at::Tensor ledger, int64_t at);

}  // namespace dgsam::ops
