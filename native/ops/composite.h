// The climb of one parameter through LibTorch's operators: for other devices, complex numbers, and layouts where parameter
// and companions do not lie in the same order. Rounds where the kernels round: once, when a result is stored.
#pragma once

#include "rows.h"

namespace dgsam::ops::composite {

// A sum of squares over rows, kept on the first one's device.
class SquareSum {
 public:
  // Adds |t|^2; of complex numbers the modulus counts.
  void add(const at::Tensor& tensor);
  // The norm of what was added and of `squares`. Waits for the device.
  double norm(double squares) const;

 private:
  // float64, undefined until something is added.
  at::Tensor sum_;
};

// The gradient times its parameter.
at::Tensor weighted(const Row& row);

// The first half of an ascent: saves and sums as the arguments of the operator climb_ say.
void note(const Row& row, bool first);

// The second half: p <- p + scale * g, or p + scale * |p|^2 g when adaptive. Rows without a gradient stay.
void move(const Row& row, bool adaptive);

void accumulate(const Row& row, bool first);

// p <- saved, g <- scale * (sum + g).
void gather(const Row& row, double scale);

}  // namespace dgsam::ops::composite
