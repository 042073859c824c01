// The climb of one parameter through LibTorch's operators: for other devices, complex numbers, and layouts where parameter
// and companions do not lie in the same order. Rounds where the kernels round: once, when a result is stored.
#pragma once

#include "rows.h"

namespace dgsam::ops::composite {

// Sums of squares over rows, each a float64 scalar on `device`.
class SquareSum {
 public:
  explicit SquareSum(at::Device device) : device_(device) {}
  // Adds |t|^2; of complex numbers the modulus counts.
  void add(const at::Tensor& tensor);
  // The norm of what was added and of `squares` from the host: a 0-dim float64 tensor on the device.
  at::Tensor norm(double squares) const;

 private:
  at::Device device_;
  at::Tensor sum_;
};

// The gradient times its parameter.
at::Tensor weighted(const Row& row);

// Saves and sums as the arguments of the operator climb_ say, then ascends if there is a gradient.
void climb(const Row& row, const at::Tensor& norm, double rho, bool first, bool adaptive);

void accumulate(const Row& row, bool first);

// p <- saved, g <- scale * (sum + g).
void gather(const Row& row, double scale);

}  // namespace dgsam::ops::composite
