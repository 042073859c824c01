#include "directions.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "composite_lists.h"
#include "late_rows.h"
#include "ledger.h"

namespace dgsam::ops {
namespace {

// Throws, in the operator's own name, where what it is made of would in theirs.
void check(const char* name, at::TensorList params, at::TensorList saved, const char* list, at::TensorList tensors) {
  checkLength(name, list, tensors.size(), params.size());
  makeRows(name, params, saved, tensors, {.param = Access::Read, .grad = Access::Read, .saved = Access::Read, .sum = Access::Read});
}

// The first of them that is not finite, or the last.
double norm(const std::tuple<double, double, double>& products) {
  const auto [product, sumNorm, gradNorm] = products;
  return !std::isfinite(product) ? product : !std::isfinite(sumNorm) ? sumNorm : gradNorm;
}

// How long the difference of two parallel gradients is, in units of theirs, where it is rounding errors alone. Gradients of 16
// bits are no more than that anyway.
double roundingOf(at::TensorList params) {
  double rounding = 0;
  for (const at::Tensor& param : params) {
    if (param.scalar_type() == at::kFloat) rounding = std::max<double>(rounding, 4 * std::numeric_limits<float>::epsilon());
    if (param.scalar_type() == at::kDouble) rounding = std::max(rounding, 4 * std::numeric_limits<double>::epsilon());
  }
  return rounding;
}

}  // namespace

std::tuple<double, double, int64_t> gatherOrthogonal(at::TensorList params, at::TensorList saved, at::TensorList sums, double alpha, double lossScale) {
  check("gather_orthogonal_", params, saved, "sums", sums);
  const auto found = products(params, sums);
  if (!std::isfinite(norm(found))) {
    if (!saved.empty()) restore(params, saved);
    return {norm(found), norm(found), 0};
  }
  const auto [product, sumNorm, gradNorm] = found;
  // No direction is orthogonal to a zero gradient.
  const double share = gradNorm == 0 ? 0 : product / gradNorm / gradNorm;
  return gather(params, saved, sums, -alpha / lossScale, (1 + alpha * share) / lossScale);
}

std::tuple<double, double> project(at::TensorList params, at::TensorList sums, double lossScale) {
  check("project_", params, {}, "sums", sums);
  const auto found = products(params, sums);
  if (!std::isfinite(norm(found))) return {norm(found), norm(found)};
  const auto [product, sumNorm, gradNorm] = found;
  double made = combine(params, sums, (sumNorm == 0 ? 0 : -product / sumNorm / sumNorm) / lossScale, 1 / lossScale);
  if (made <= roundingOf(params) * (gradNorm / lossScale)) made = combine(params, sums, 0, 0);
  return {gradNorm, made};
}

std::tuple<double, double, int64_t> gatherAlong(at::TensorList params, at::TensorList directions, double directionNorm, double alpha, double lossScale) {
  check("gather_along_", params, {}, "directions", directions);
  // Without anything to gather it only reads.
  const auto [gradNorm, same, gradients] = gather(params, {}, {}, 0, 1);
  if (!std::isfinite(gradNorm)) return {gradNorm, same, gradients};
  return gather(params, {}, directions, alpha * (gradNorm / lossScale) / (directionNorm + kNormEpsilon), 1 / lossScale);
}

namespace {

// Lists may begin on devices of their own, where some parameter has no gradient.
at::Tensor normOn(at::Device device, const std::vector<at::Tensor>& tensors) { return composite::norm(tensors, device).to(device); }

}  // namespace

int64_t projectLate(at::TensorList params, at::TensorList sums, double lossScale, at::Tensor ledger, int64_t at) {
  const at::NoGradGuard noGrad;
  const Ledger noted("project_", ledger, at, 2);
  checkLength("project_", "sums", sums.size(), params.size());
  const Rows rows = makeRows("project_", params, {}, sums, {.param = Access::Read, .grad = Access::Read, .saved = Access::None, .sum = Access::Write});
  const composite::RowList list = composite::listOf(rows);
  composite::Sum product, sumSquare;
  sumSquare.addSquares(sums.vec());
  composite::addProducts(product, list);
  const at::Device device = ledger.device();
  const at::Tensor gradNorm = normOn(device, gradientsOf(rows));
  noted.note(at, gradNorm);
  const at::Tensor length = sumSquare.total(device).to(device);
  const at::Tensor share = at::where(length.eq(0), at::zeros_like(length), product.total(device).to(device) / length);
  composite::combine(list, share / -lossScale, 1 / lossScale);
  const at::Tensor made = normOn(device, sums.vec());
  // What is not finite stays, so that it is noted.
  const at::Tensor counts = made.le(roundingOf(params) / lossScale * gradNorm).logical_not();
  composite::scaleSums(list, counts);
  for (const Row& row : rows) bump(*row.sum);
  noted.note(at + 1, made * counts);
  return countGradients(rows);
}

int64_t gatherAlongLate(at::TensorList params, at::TensorList directions, double alpha, double lossScale, at::Tensor ledger, int64_t at) {
  const at::NoGradGuard noGrad;
  const Ledger noted("gather_along_", ledger, at, 2);
  checkLength("gather_along_", "directions", directions.size(), params.size());
  const Rows rows = makeRows("gather_along_", params, {}, directions, {.param = Access::Read, .grad = Access::Write, .saved = Access::None, .sum = Access::Read});
  const at::Device device = ledger.device();
  const at::Tensor gradNorm = normOn(device, gradientsOf(rows));
  noted.note(at, gradNorm);
  const at::Tensor factor = alpha / lossScale * gradNorm / (normOn(device, directions.vec()) + kNormEpsilon);
  composite::gather(composite::listOf(rows), factor, 1 / lossScale);
  noted.note(at + 1, composite::norm(gradientsOf(rows), device));
  bumpGathered(rows, false, true);
  return countGradients(rows);
}

}  // namespace dgsam::ops
