#include "late.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <map>
#include <vector>

#include "composite.h"
#include "rows.h"

namespace dgsam::ops {
namespace {

class Ledger {
 public:
  Ledger(const char* name, const at::Tensor& numbers, int64_t at, int64_t count) : numbers_(numbers) {
    TORCH_CHECK(numbers.defined() && numbers.scalar_type() == at::kDouble && numbers.dim() == 1 && numbers.is_contiguous(), "dgsam::", name,
                ": expected a float64 vector in 'ledger', got ", numbers.defined() ? numbers.scalar_type() : at::ScalarType::Undefined, " of shape ",
                numbers.defined() ? numbers.sizes() : at::IntArrayRef());
    TORCH_CHECK(at >= 1 && at + count <= numbers.numel(), "dgsam::", name, ": 'at': expected a place from 1 to ", numbers.numel() - count,
                " of a ledger of ", numbers.numel(), ", got ", at);
  }

  // Notes a 0-dim tensor.
  void note(int64_t at, const at::Tensor& number) const {
    numbers_.select(0, at).copy_(number);
    const at::Tensor stop = numbers_.select(0, 0);
    const at::Tensor stops = stop.eq(0).logical_and_(number.isfinite().logical_not_().to(stop.device()));
    stop.masked_fill_(stops, static_cast<double>(at));
  }

 private:
  const at::Tensor& numbers_;
};

// The norm over all tensors, in float64: squares of others may be beyond their range. Of complex numbers the modulus counts.
at::Tensor normOf(const std::vector<at::Tensor>& tensors, at::Device device) {
  composite::Sum sum;
  // Foreach functions take a list of one dtype in one kernel.
  std::map<at::ScalarType, std::vector<at::Tensor>> lists;
  for (const at::Tensor& each : tensors) {
    if (at::isComplexType(each.scalar_type()) || each.numel() == 0)
      sum.addSquare(each);
    else
      lists[each.scalar_type()].push_back(each);
  }
  for (const auto& [type, list] : lists) sum.addSquare(at::stack(at::_foreach_norm(list, 2, at::kDouble)));
  return sum.norm(device);
}

std::vector<at::Tensor> gradientsOf(const Rows& rows) {
  std::vector<at::Tensor> gradients;
  for (const Row& row : rows)
    if (row.grad != nullptr) gradients.push_back(*row.grad);
  return gradients;
}

at::Device deviceOf(at::TensorList params, const at::Tensor& ledger) { return params.empty() ? ledger.device() : params.front().device(); }

void bringBack(const Rows& rows) {
  for (const Row& row : rows) row.param->copy_(*row.saved);
}

}  // namespace

int64_t climbLate(at::TensorList params, at::TensorList saved, at::TensorList sums, at::ArrayRef<double> rho, bool first, bool adaptive,
                  std::optional<double> eta, double shift, std::optional<bool> firstSum, at::Tensor ledger, int64_t at) {
  const at::NoGradGuard noGrad;
  const Ledger noted("climb_", ledger, at, 1);
  TORCH_CHECK(rho.size() == params.size(), "dgsam::climb_: expected ", params.size(), " radii in 'rho', one per parameter, got ", rho.size());
  Rows rows = makeRows("climb_", params, saved, sums,
                       {.param = Access::Write, .grad = Access::Read, .saved = first ? Access::Write : Access::Read, .sum = Access::Write});
  std::vector<at::Tensor> weighted;
  for (Row& row : rows) {
    row.weighted = adaptive && (!eta.has_value() || row.param->dim() >= 2);
    row.eta = eta.value_or(0);
    if (row.grad != nullptr && adaptive) weighted.push_back(row.weighted ? composite::weighted(row) : *row.grad);
  }
  const at::Device device = deviceOf(params, ledger);
  const at::Tensor plain = normOf(gradientsOf(rows), device);
  const at::Tensor norm = adaptive ? normOf(weighted, device) : plain;
  // The one that is not finite, if one is.
  noted.note(at, at::where(norm.isfinite(), plain, norm));
  for (const Row& row : rows) composite::note(row, first, firstSum.value_or(first));
  for (size_t i = 0; i < rows.size(); ++i) composite::move(rows[i], rho[i] / (norm + kNormEpsilon) + shift);
  for (const Row& row : rows) {
    if (row.grad != nullptr) bump(*row.param);
    if (first && row.saved != nullptr) bump(*row.saved);
    if (row.sum != nullptr) bump(*row.sum);
  }
  return countGradients(rows);
}

int64_t accumulateLate(at::TensorList params, at::TensorList sums, bool first, at::Tensor ledger, int64_t at) {
  const at::NoGradGuard noGrad;
  const Ledger noted("accumulate_", ledger, at, 1);
  checkLength("accumulate_", "sums", sums.size(), params.size());
  const Rows rows = makeRows("accumulate_", params, {}, sums, {.param = Access::Read, .grad = Access::Read, .saved = Access::None, .sum = Access::Write});
  noted.note(at, normOf(gradientsOf(rows), deviceOf(params, ledger)));
  for (const Row& row : rows) {
    composite::accumulate(row, first);
    bump(*row.sum);
  }
  return countGradients(rows);
}

namespace {

// What of gather() and gatherOrthogonal() is alike; the gradient's factor may be known to the device alone.
template <typename Factor>
int64_t gatherRows(const Rows& rows, bool restores, bool writes, double sumScale, const Factor& gradScale, const Ledger& noted, int64_t at, at::Device device) {
  noted.note(at, normOf(gradientsOf(rows), device));
  if (restores) bringBack(rows);
  if (writes)
    for (const Row& row : rows) composite::gather(row, sumScale, gradScale);
  // A gradient that cannot be written to is another tensor now.
  std::vector<at::Tensor> made;
  for (const Row& row : rows)
    if (row.grad != nullptr) made.push_back(row.param->grad());
  noted.note(at + 1, normOf(made, device));
  for (const Row& row : rows) {
    if (restores) bump(*row.param);
    if (writes && row.grad != nullptr) bump(row.param->grad());
  }
  return countGradients(rows);
}

Rows rowsToGather(const char* name, at::TensorList params, at::TensorList saved, at::TensorList sums, bool writes) {
  return makeRows(name, params, saved, sums,
                  {.param = saved.empty() ? Access::Read : Access::Write, .grad = writes ? Access::Write : Access::Read, .saved = Access::Read, .sum = Access::Read});
}

}  // namespace

int64_t gatherLate(at::TensorList params, at::TensorList saved, at::TensorList sums, double sumScale, double gradScale, at::Tensor ledger, int64_t at) {
  const at::NoGradGuard noGrad;
  const Ledger noted("gather_", ledger, at, 2);
  const bool writes = !sums.empty() || gradScale != 1;
  return gatherRows(rowsToGather("gather_", params, saved, sums, writes), !saved.empty(), writes, sumScale, gradScale, noted, at, deviceOf(params, ledger));
}

int64_t gatherOrthogonalLate(at::TensorList params, at::TensorList saved, at::TensorList sums, double alpha, double lossScale, at::Tensor ledger,
                             int64_t at) {
  const at::NoGradGuard noGrad;
  const Ledger noted("gather_orthogonal_", ledger, at, 2);
  checkLength("gather_orthogonal_", "sums", sums.size(), params.size());
  const Rows rows = rowsToGather("gather_orthogonal_", params, saved, sums, true);
  composite::Sum product, square;
  for (const Row& row : rows) {
    if (row.grad == nullptr) continue;
    product.addProduct(*row.sum, *row.grad);
    square.addSquare(*row.grad);
  }
  const at::Device device = deviceOf(params, ledger);
  const at::Tensor length = square.total(device);
  // No direction is orthogonal to a zero gradient.
  const at::Tensor share = at::where(length.eq(0), at::zeros_like(length), product.total(device) / length);
  return gatherRows(rows, !saved.empty(), true, -alpha / lossScale, (1 + alpha * share) / lossScale, noted, at, device);
}

void noteLate(at::TensorList values, at::Tensor ledger, int64_t at) {
  const at::NoGradGuard noGrad;
  TORCH_CHECK(!values.empty(), "dgsam::note_: expected at least one tensor in 'values'");
  std::vector<at::Tensor> numbers;
  for (const at::Tensor& each : values) {
    TORCH_CHECK(each.numel() == 1 && !each.is_complex(), "dgsam::note_: values[", numbers.size(), "]: expected one real number, got ", each.scalar_type(),
                " of shape ", each.sizes());
    numbers.push_back(each.reshape({}).to(at::kDouble));
  }
  Ledger("note_", ledger, at, 1).note(at, numbers.size() == 1 ? numbers.front() : at::stack(numbers).mean());
}

void revertLate(at::TensorList tensors, at::TensorList saved, at::Tensor ledger) {
  const at::NoGradGuard noGrad;
  checkLength("revert_", "saved", saved.size(), tensors.size());
  const Ledger checked("revert_", ledger, 1, 0);
  const at::Tensor goesOn = ledger.select(0, 0).eq(0);
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i].copy_(at::where(goesOn.to(tensors[i].device()), tensors[i], saved[i]));
}

at::Tensor stopped(const at::Tensor& ledger) {
  const Ledger checked("stopped", ledger, 1, 0);
  return ledger.select(0, 0).ne(0).to(at::kFloat);
}

}  // namespace dgsam::ops
