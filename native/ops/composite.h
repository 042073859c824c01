// The climb through LibTorch's operators, one parameter at a time: for complex numbers, and layouts where parameter and companions do not
// lie in the same order. Rounds where the kernels round: once, when a result is stored. Of many parameters at once: composite_lists.h.
#pragma once

#include <vector>

#include "rows.h"

namespace dgsam::ops::composite {

// A number: the host's, or a float64 scalar that only its device knows.
class Factor {
 public:
  Factor(double number) : number_(number) {}
  Factor(at::Tensor scalar) : scalar_(std::move(scalar)) {}

  at::Tensor times(const at::Tensor& tensor) const;
  // All of one dtype on one device.
  std::vector<at::Tensor> times(at::TensorList tensors) const;
  // Whether it is the same number as far as the host knows.
  bool isSame(const Factor& other) const { return scalar_.is_same(other.scalar_) && (scalar_.defined() || number_ == other.number_); }

 private:
  // A 0-dim tensor does not widen what it is multiplied with, but for the dtypes of whole numbers.
  at::Tensor scalarFor(const at::Tensor& tensor) const { return scalar_.to(tensor.device(), c10::toRealValueType(tensor.scalar_type())); }

  double number_ = 0;
  at::Tensor scalar_;
};

// A sum of squares or products, kept on the first one's device.
class Sum {
 public:
  // Adds |t|^2; of complex numbers the modulus counts.
  void addSquare(const at::Tensor& tensor);
  // The same of each, those of one dtype on one device in one call.
  void addSquares(std::vector<at::Tensor> tensors);
  // Adds the inner product; of complex numbers its real part.
  void addProduct(const at::Tensor& left, const at::Tensor& right);
  // Adds a float64 scalar.
  void add(const at::Tensor& term);
  // What was added, as a float64 scalar; on this device if that is nothing.
  at::Tensor total(at::Device device) const;
  at::Tensor norm(at::Device device) const;
  // What was added and `others`. Waits for the device.
  double total(double others) const;
  // The norm whose square is the total.
  double norm(double others) const;

 private:
  // float64, undefined until something is added.
  at::Tensor sum_;
};

// The norm over all tensors, in float64: squares of others may be beyond their range. Of complex numbers the modulus counts. On
// this device if there are none; waits for nothing.
at::Tensor norm(std::vector<at::Tensor> tensors, at::Device device);

// T g with T = |p| + eta.
at::Tensor weighted(const Row& row);

// The first half of an ascent: saves and sums as the arguments of the operator climb_ say.
void note(const Row& row, bool first, bool firstSum);

// The second half: p <- p + scale * g, or p + scale * T^2 g where the row is weighted. Rows without a gradient stay.
void move(const Row& row, const Factor& scale);

void accumulate(const Row& row, bool first);

// sum <- sumScale * sum + gradScale * g.
void combine(const Row& row, const Factor& sumScale, double gradScale);

// g <- sumScale * sum + gradScale * g.
void gather(const Row& row, const Factor& sumScale, const Factor& gradScale);

}  // namespace dgsam::ops::composite
