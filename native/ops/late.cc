#include "late.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <vector>

#include "composite_lists.h"
#include "late_rows.h"
#include "ledger.h"
#include "rates.h"

namespace dgsam::ops {
namespace {

at::Device deviceOf(at::TensorList params, const at::Tensor& ledger) { return params.empty() ? ledger.device() : params.front().device(); }

// Returns the place of the next number.
int64_t noteLosses(const char* name, const std::optional<at::TensorList>& losses, const at::Tensor& ledger, int64_t at) {
  if (!losses.has_value()) return at;
  checkNumbers(name, "losses", *losses);
  noteLate(*losses, ledger, at);
  return at + 1;
}

}  // namespace

int64_t climbLate(at::TensorList params, at::TensorList saved, at::TensorList sums, at::TensorList rho, bool first, bool adaptive,
                  std::optional<double> eta, double shift, std::optional<bool> firstSum, at::Tensor ledger, int64_t at, std::optional<at::TensorList> losses) {
  const at::NoGradGuard noGrad;
  const Ledger noted("climb_", ledger, at, losses.has_value() ? 2 : 1);
  const Rows rows = rowsToClimb(params, saved, sums, rho, first, adaptive, eta, ledger.device());
  at = noteLosses("climb_", losses, ledger, at);
  const composite::RowList list = composite::listOf(rows);
  const at::Device device = deviceOf(params, ledger);
  const at::Tensor plain = composite::norm(gradientsOf(rows), device);
  composite::Sum weighted;
  if (adaptive) composite::addWeightedSquares(weighted, list);
  const at::Tensor norm = adaptive ? weighted.norm(device) : plain;
  // The one that is not finite, if one is.
  noted.note(at, at::where(norm.isfinite(), plain, norm));
  composite::note(list, first, firstSum.value_or(first));
  try {
    composite::move(list, composite::scalesOf(rho, norm, shift));
  } catch (...) {
    // Say for want of memory.
    if (first) bringBack(rows);
    throw;
  }
  bumpClimbed(rows, first);
  return countGradients(rows);
}

int64_t accumulateLate(at::TensorList params, at::TensorList sums, bool first, at::Tensor ledger, int64_t at, std::optional<at::TensorList> losses) {
  const at::NoGradGuard noGrad;
  const Ledger noted("accumulate_", ledger, at, losses.has_value() ? 2 : 1);
  const Rows rows = rowsToAccumulate(params, sums);
  at = noteLosses("accumulate_", losses, ledger, at);
  noted.note(at, composite::norm(gradientsOf(rows), deviceOf(params, ledger)));
  composite::accumulate(composite::listOf(rows), first);
  for (const Row& row : rows) bump(*row.sum);
  return countGradients(rows);
}

namespace {

// What of gather() and gatherOrthogonal() is alike; the gradient's factor may be known to the device alone.
int64_t gatherRows(const Rows& rows, bool restores, bool writes, double sumScale, const composite::Factor& gradScale, const Ledger& noted, int64_t at,
                   at::Device device) {
  noted.note(at, composite::norm(gradientsOf(rows), device));
  const composite::RowList list = composite::listOf(rows);
  if (restores) composite::restore(list);
  if (writes) composite::gather(list, sumScale, gradScale);
  noted.note(at + 1, composite::norm(gradientsOf(rows), device));
  bumpGathered(rows, restores, writes);
  return countGradients(rows);
}

}  // namespace

int64_t gatherLate(at::TensorList params, at::TensorList saved, at::TensorList sums, double sumScale, double gradScale, at::Tensor ledger, int64_t at,
                   std::optional<at::TensorList> losses, std::optional<at::Tensor> flag) {
  const at::NoGradGuard noGrad;
  const Ledger noted("gather_", ledger, at, losses.has_value() ? 3 : 2);
  if (isGiven(flag)) checkFlag("gather_", "flag", *flag);
  const bool writes = !sums.empty() || gradScale != 1;
  const Rows rows = rowsToGather(params, saved, sums, writes);
  at = noteLosses("gather_", losses, ledger, at);
  const int64_t gradients = gatherRows(rows, !saved.empty(), writes, sumScale, gradScale, noted, at, deviceOf(params, ledger));
  if (isGiven(flag)) noteStopped(*flag, ledger);
  return gradients;
}

int64_t gatherOrthogonalLate(at::TensorList params, at::TensorList saved, at::TensorList sums, double alpha, double lossScale, at::Tensor ledger,
                             int64_t at) {
  const at::NoGradGuard noGrad;
  const Ledger noted("gather_orthogonal_", ledger, at, 2);
  const Rows rows = rowsToGatherOrthogonal(params, saved, sums);
  composite::Sum product, square;
  composite::addProducts(product, composite::listOf(rows));
  square.addSquares(gradientsOf(rows));
  const at::Device device = deviceOf(params, ledger);
  const at::Tensor length = square.total(device);
  // No direction is orthogonal to a zero gradient.
  const at::Tensor share = at::where(length.eq(0), at::zeros_like(length), product.total(device) / length);
  return gatherRows(rows, !saved.empty(), true, -alpha / lossScale, (1 + alpha * share) / lossScale, noted, at, device);
}

void noteLate(at::TensorList values, at::Tensor ledger, int64_t at) {
  const at::NoGradGuard noGrad;
  checkNumbers("note_", "values", values);
  std::vector<at::Tensor> numbers;
  for (const at::Tensor& each : values) numbers.push_back(each.reshape({}).to(at::kDouble));
  Ledger("note_", ledger, at, 1).note(at, numbers.size() == 1 ? numbers.front() : at::stack(numbers).mean());
}

namespace {

// Flat tensors of one dtype on one device that go back, if they do, by a few launches for all of them.
class Reverts {
 public:
  bool takes(const at::Tensor& tensor) const {
    return elements_ + tensor.numel() <= composite::kBatchElements && tensors_.front().scalar_type() == tensor.scalar_type() && tensors_.front().device() == tensor.device();
  }
  void add(const at::Tensor& tensor, const at::Tensor& saved) {
    const auto lineOf = [](const at::Tensor& each) { return each.as_strided({each.numel()}, {1}); };
    tensors_.push_back(lineOf(tensor));
    saved_.push_back(lineOf(saved));
    counts_.push_back(tensor.numel());
    elements_ += tensor.numel();
  }
  void run(const at::Tensor& goesOn) const {
    const at::Tensor values = at::where(goesOn.to(tensors_.front().device()), at::cat(tensors_), at::cat(saved_));
    at::_foreach_copy_(tensors_, values.split_with_sizes(counts_));
  }

 private:
  std::vector<at::Tensor> tensors_, saved_;
  std::vector<int64_t> counts_;
  int64_t elements_ = 0;
};

}  // namespace

void revertLate(at::TensorList tensors, at::TensorList saved, at::Tensor ledger) {
  const at::NoGradGuard noGrad;
  checkLength("revert_", "saved", saved.size(), tensors.size());
  const Ledger checked("revert_", ledger, 1, 0);
  const at::Tensor goesOn = ledger.select(0, 0).eq(0);
  const at::AutoDispatchBelowADInplaceOrView unseen;
  std::vector<Reverts> batches;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!isRevertible(tensors[i])) continue;
    if (tensors[i].numel() >= composite::kBatchElements || !areFlatAlike(tensors[i], saved[i])) {
      tensors[i].copy_(at::where(goesOn.to(tensors[i].device()), tensors[i], saved[i]));
      continue;
    }
    auto batch = std::find_if(batches.begin(), batches.end(), [&](const Reverts& each) { return each.takes(tensors[i]); });
    if (batch == batches.end()) batch = batches.emplace(batch);
    batch->add(tensors[i], saved[i]);
  }
  for (const Reverts& each : batches) each.run(goesOn);
}

at::Tensor stopped(const at::Tensor& ledger) {
  const Ledger checked("stopped", ledger, 1, 0);
  return ledger.select(0, 0).ne(0).to(at::kFloat);
}

void noteStopped(at::Tensor flag, const at::Tensor& ledger) {
  const at::NoGradGuard noGrad;
  const Ledger checked("stopped_", ledger, 1, 0);
  checkFlag("stopped_", "flag", flag);
  flag.copy_(ledger.select(0, 0).ne(0));
}

}  // namespace dgsam::ops
