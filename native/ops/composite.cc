#include "composite.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

namespace dgsam::ops::composite {
namespace {

at::Tensor widened(const at::Tensor& tensor) {
  return at::isReducedFloatingType(tensor.scalar_type()) ? tensor.to(at::kFloat) : tensor;
}

at::ScalarType wideOf(const at::Tensor& tensor) { return at::isComplexType(tensor.scalar_type()) ? at::kComplexDouble : at::kDouble; }

// T = |p| + eta, real also of complex numbers.
at::Tensor weightOf(const Row& row) { return widened(*row.param).abs() + row.eta; }

}  // namespace

at::Tensor Factor::times(const at::Tensor& tensor) const { return scalar_.defined() ? scalarFor(tensor) * tensor : number_ * tensor; }

std::vector<at::Tensor> Factor::times(at::TensorList tensors) const {
  return scalar_.defined() ? at::_foreach_mul(tensors, scalarFor(tensors.front())) : at::_foreach_mul(tensors, number_);
}

void Sum::add(const at::Tensor& term) { sum_ = sum_.defined() ? sum_ + term.to(sum_.device()) : term; }

void Sum::addSquare(const at::Tensor& tensor) {
  add(at::linalg_vector_norm(tensor, 2, std::nullopt, false, wideOf(tensor)).abs().square());
}

void Sum::addSquares(std::vector<at::Tensor> tensors) {
  std::vector<at::Tensor> rest;
  for (at::Tensor& each : tensors) {
    if (at::isComplexType(each.scalar_type()))
      addSquare(each);
    else if (each.numel() > 0)
      rest.push_back(std::move(each));
  }
  while (!rest.empty()) {
    const auto isLikeFirst = [type = rest.front().scalar_type(), on = rest.front().device()](const at::Tensor& each) {
      return each.scalar_type() == type && each.device() == on;
    };
    const auto others = std::stable_partition(rest.begin(), rest.end(), isLikeFirst);
    addSquare(at::stack(at::_foreach_norm(at::TensorList(rest.data(), static_cast<size_t>(others - rest.begin())), 2, at::kDouble)));
    rest.erase(rest.begin(), others);
  }
}

void Sum::addProduct(const at::Tensor& left, const at::Tensor& right) {
  const at::ScalarType wide = wideOf(left);
  add(at::real(at::vdot(left.to(wide).reshape(-1), right.to(wide).reshape(-1))));
}

at::Tensor Sum::total(at::Device device) const { return sum_.defined() ? sum_ : at::zeros({}, at::TensorOptions().dtype(at::kDouble).device(device)); }

at::Tensor Sum::norm(at::Device device) const { return total(device).sqrt(); }

double Sum::total(double others) const { return sum_.defined() ? sum_.item<double>() + others : others; }

double Sum::norm(double others) const { return std::sqrt(total(others)); }

at::Tensor norm(std::vector<at::Tensor> tensors, at::Device device) {
  Sum sum;
  sum.addSquares(std::move(tensors));
  return sum.norm(device);
}

at::Tensor weighted(const Row& row) { return widened(*row.grad) * weightOf(row); }

void note(const Row& row, bool first, bool firstSum) {
  if (first && row.saved != nullptr) row.saved->copy_(*row.param);
  if (row.sum != nullptr) accumulate(row, firstSum);
}

void move(const Row& row, const Factor& scale) {
  if (row.grad == nullptr) return;
  const at::Tensor grad = widened(*row.grad);
  row.param->copy_(widened(*row.param) + scale.times(row.weighted ? weightOf(row).square() * grad : grad));
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

void combine(const Row& row, const Factor& sumScale, double gradScale) {
  const at::Tensor scaled = sumScale.times(widened(*row.sum));
  row.sum->copy_(row.grad == nullptr ? scaled : scaled + gradScale * widened(*row.grad));
}

void gather(const Row& row, const Factor& sumScale, const Factor& gradScale) {
  if (row.grad == nullptr) return;
  const at::Tensor scaled = gradScale.times(widened(*row.grad));
  const at::Tensor gathered = (row.sum == nullptr ? scaled : sumScale.times(widened(*row.sum)) + scaled).to(row.grad->scalar_type());
  // A gradient that the caller expanded cannot be written to: the parameter gets a new one.
  if (row.grad->is_non_overlapping_and_dense() && !row.grad->_is_zerotensor())
    row.grad->copy_(gathered);
  else
    row.param->mutable_grad() = gathered;
}

}  // namespace dgsam::ops::composite
