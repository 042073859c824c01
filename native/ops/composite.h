// The climb of one parameter through LibTorch's operators: for other devices, complex numbers, and layouts where parameter
// and companions do not lie in the same order. Rounds where the kernels round: once, when a result is stored.
#pragma once

#include <vector>

#include "rows.h"

namespace dgsam::ops::composite {

// A sum of squares or products over rows, kept on the first one's device.
class Sum {
 public:
  // Adds |t|^2; of complex numbers the modulus counts.
  void addSquare(const at::Tensor& tensor);
  // Adds the inner product; of complex numbers its real part.
  void addProduct(const at::Tensor& left, const at::Tensor& right);
  // What was added, as a float64 scalar; on this device if that is nothing.
  at::Tensor total(at::Device device) const;
  at::Tensor norm(at::Device device) const;
  // What was added and `others`. Waits for the device.
  double total(double others) const;
  // The norm whose square is the total.
  double norm(double others) const;

 private:
  void add(const at::Tensor& term);

  // float64, undefined until something is added.
  at::Tensor sum_;
};

// The norm over all tensors, in float64: squares of others may be beyond their range. Of complex numbers the modulus counts. On
// this device if there are none; waits for nothing.
at::Tensor norm(const std::vector<at::Tensor>& tensors, at::Device device);

// T g with T = |p| + eta.
at::Tensor weighted(const Row& row);

// The first half of an ascent: saves and sums as the arguments of the operator climb_ say.
void note(const Row& row, bool first, bool firstSum);

// The second half: p <- p + scale * g, or p + scale * T^2 g where the row is weighted. Rows without a gradient stay.
void move(const Row& row);
// The same with a scale that is a float64 scalar on the device.
void move(const Row& row, const at::Tensor& scale);

void accumulate(const Row& row, bool first);

// sum <- sumScale * sum + gradScale * g.
void combine(const Row& row, double sumScale, double gradScale);
// The same where the sum's is a float64 scalar on the device.
void combine(const Row& row, const at::Tensor& sumScale, double gradScale);

// g <- sumScale * sum + gradScale * g.
void gather(const Row& row, double sumScale, double gradScale);
// The same where one of them is a float64 scalar on the device.
void gather(const Row& row, double sumScale, const at::Tensor& gradScale);
void gather(const Row& row, const at::Tensor& sumScale, double gradScale);

}  // namespace dgsam::ops::composite
