// The climb's operators for devices that compute while the host goes on: they wait for nothing. What climb.h's operators return
// is written to a ledger on the device, which is read when the step is over or later.
//
// A ledger is a float64 vector. Its first entry is 0 while every number noted in it is finite, and else the place of the first
// that was not: the step has stopped. Then parameters and gradients hold anything until they are restored by copy, which
// happens all the same, and what must not happen any more is asked of that entry, on the device.
//
// What schedules change, radii and learning rates, are float64 scalars on the device, so that the step of a graph that was captured once
// goes by them: rho / (||g|| + epsilon) is formed in float64, and thus rounded as with a number of the host's.
//
// Each operator returns how many parameters had a gradient, which the host knows. Where `losses` are given, scalars, their mean is
// noted first, at `at`, and what the operator finds after it: a launch and a call less than note_ takes.
#pragma once

#include "climb.h"

namespace dgsam::ops {

// As climb(), which notes ||g|| at place `at`; `rho` are scalars beside the ledger, one per parameter.
int64_t climbLate(at::TensorList params, at::TensorList saved, at::TensorList sums, at::TensorList rho, bool first, bool adaptive,
                  std::optional<double> eta, double shift, std::optional<bool> firstSum, at::Tensor ledger, int64_t at, std::optional<at::TensorList> losses);

// As accumulate(), which notes ||g||.
int64_t accumulateLate(at::TensorList params, at::TensorList sums, bool first, at::Tensor ledger, int64_t at, std::optional<at::TensorList> losses);

// As gather(), which notes ||g|| as it came and as it was stored, at two places. What stopped() would give after it goes to `flag`, if that is given.
int64_t gatherLate(at::TensorList params, at::TensorList saved, at::TensorList sums, double sumScale, double gradScale, at::Tensor ledger, int64_t at,
                   std::optional<at::TensorList> losses, std::optional<at::Tensor> flag);

// As gatherOrthogonal(), likewise.
int64_t gatherOrthogonalLate(at::TensorList params, at::TensorList saved, at::TensorList sums, double alpha, double lossScale, at::Tensor ledger,
                             int64_t at);

// Notes a number, the mean of what `values` hold.
void noteLate(at::TensorList values, at::Tensor ledger, int64_t at);

// tensors <- saved, bit for bit, where the step has stopped. Those that nothing can be written to, sparse ones and such as have
// several elements in one place, are left alone. Autograd is not told: most times nothing changes.
void revertLate(at::TensorList tensors, at::TensorList saved, at::Tensor ledger);

// 1 where the step has stopped, else 0: a float32 scalar, as fused optimizers ask for.
at::Tensor stopped(const at::Tensor& ledger);
// The same in memory that is there.
void noteStopped(at::Tensor flag, const at::Tensor& ledger);

}  // namespace dgsam::ops
