#include "composite.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <cmath>

namespace dgsam::ops::composite {
namespace {

at::Tensor widened(const at::Tensor& tensor) {
  return at::isReducedFloatingType(tensor.scalar_type()) ? tensor.to(at::kFloat) : tensor;
}

// T = |p| + eta, real also of complex numbers.
at::Tensor weightOf(const Row& row) { return widened(*row.param).abs() + row.eta; }

}  // namespace

void SquareSum::add(const at::Tensor& tensor) {
  const at::ScalarType wide = at::isComplexType(tensor.scalar_type()) ? at::kComplexDouble : at::kDouble;
  const at::Tensor squares = at::linalg_vector_norm(tensor, 2, std::nullopt, false, wide).abs().square();
  sum_ = sum_.defined() ? sum_ + squares.to(sum_.device()) : squares;
}

double SquareSum::norm(double squares) const { return std::sqrt(sum_.defined() ? sum_.item<double>() + squares : squares); }

at::Tensor weighted(const Row& row) { return widened(*row.grad) * weightOf(row); }

at::Tensor product(const at::Tensor& left, const at::Tensor& right) {
  const at::ScalarType wide = at::isComplexType(left.scalar_type()) ? at::kComplexDouble : at::kDouble;
  return at::real(at::vdot(left.to(wide).reshape(-1), right.to(wide).reshape(-1)));
}

void note(const Row& row, bool first) {
  if (first && row.saved != nullptr) row.saved->copy_(*row.param);
  if (row.sum != nullptr) accumulate(row, first);
}

void move(const Row& row) {
  if (row.grad == nullptr) return;
  const at::Tensor grad = widened(*row.grad);
  row.param->copy_(widened(*row.param) + row.scale * (row.weighted ? weightOf(row).square() * grad : grad));
}

void accumulate(const Row& row, bool first) {
  if (row.grad == nullptr) {
    if (first) row.sum->zero_();
  } else if (first) {
    row.sum->copy_(*row.grad);
  } else {
    row.sum->add_(*row.grad);
  }
}

void gather(const Row& row, double sumScale, double gradScale) {
  if (row.grad == nullptr) return;
  const at::Tensor scaled = gradScale * widened(*row.grad);
  const at::Tensor gathered = (row.sum == nullptr ? scaled : sumScale * widened(*row.sum) + scaled).to(row.grad->scalar_type());
  // A gradient that the caller expanded cannot be written to: the parameter gets a new one.
  if (row.grad->is_non_overlapping_and_dense() && !row.grad->_is_zerotensor())
    row.grad->copy_(gathered);
  else
    row.param->mutable_grad() = gathered;
}

}  // namespace dgsam::ops::composite
