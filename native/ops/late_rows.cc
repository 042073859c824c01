#include "late_rows.h"

#include <ATen/MemoryOverlap.h>

namespace dgsam::ops {
namespace {

Rows rowsToGatherAs(const char* name, at::TensorList params, at::TensorList saved, at::TensorList sums, bool writes) {
  return makeRows(name, params, saved, sums,
                  {.param = saved.empty() ? Access::Read : Access::Write, .grad = writes ? Access::Write : Access::Read, .saved = Access::Read, .sum = Access::Read});
}

}  // namespace

Rows rowsToClimb(at::TensorList params, at::TensorList saved, at::TensorList sums, at::TensorList rho, bool first, bool adaptive,
                 std::optional<double> eta, at::Device device) {
  TORCH_CHECK(rho.size() == params.size(), "dgsam::climb_: expected ", params.size(), " radii in 'rho', one per parameter, got ", rho.size());
  for (size_t i = 0; i < rho.size(); ++i)
    TORCH_CHECK(rho[i].defined() && rho[i].scalar_type() == at::kDouble && rho[i].dim() == 0 && rho[i].device() == device, "dgsam::climb_: rho[", i,
                "]: expected a float64 scalar on ", device, " beside the ledger, got ", rho[i].defined() ? rho[i].scalar_type() : at::ScalarType::Undefined,
                " of shape ", rho[i].defined() ? rho[i].sizes() : at::IntArrayRef(), " on ", rho[i].defined() ? rho[i].device() : at::Device(at::kCPU));
  Rows rows = makeRows("climb_", params, saved, sums,
                       {.param = Access::Write, .grad = Access::Read, .saved = first ? Access::Write : Access::Read, .sum = Access::Write});
  for (Row& row : rows) {
    row.weighted = adaptive && (!eta.has_value() || row.param->dim() >= 2);
    row.eta = eta.value_or(0);
  }
  return rows;
}

Rows rowsToAccumulate(at::TensorList params, at::TensorList sums) {
  checkLength("accumulate_", "sums", sums.size(), params.size());
  return makeRows("accumulate_", params, {}, sums, {.param = Access::Read, .grad = Access::Read, .saved = Access::None, .sum = Access::Write});
}

Rows rowsToGather(at::TensorList params, at::TensorList saved, at::TensorList sums, bool writes) {
  return rowsToGatherAs("gather_", params, saved, sums, writes);
}

Rows rowsToGatherOrthogonal(at::TensorList params, at::TensorList saved, at::TensorList sums) {
  checkLength("gather_orthogonal_", "sums", sums.size(), params.size());
  return rowsToGatherAs("gather_orthogonal_", params, saved, sums, true);
}

std::vector<at::Tensor> gradientsOf(const Rows& rows) {
  std::vector<at::Tensor> gradients;
  for (const Row& row : rows)
    if (row.grad != nullptr) gradients.push_back(row.param->grad());
  return gradients;
}

void checkNumbers(const char* name, const char* list, at::TensorList values) {
  TORCH_CHECK(!values.empty(), "dgsam::", name, ": expected at least one tensor in '", list, "'");
  for (size_t i = 0; i < values.size(); ++i)
    TORCH_CHECK(values[i].numel() == 1 && !values[i].is_complex(), "dgsam::", name, ": ", list, "[", i, "]: expected one real number, got ", values[i].scalar_type(),
                " of shape ", values[i].sizes());
}

void bringBack(const Rows& rows) noexcept {
  for (const Row& row : rows) {
    try {
      if (row.saved != nullptr) row.param->copy_(*row.saved);
    } catch (...) {
      // The failure that led here is the one to tell.
    }
  }
}

bool isRevertible(const at::Tensor& tensor) { return tensor.layout() == at::kStrided && at::has_internal_overlap(tensor) != at::MemOverlap::Yes; }

bool areFlatAlike(const at::Tensor& tensor, const at::Tensor& saved) {
  return isPlain(tensor) && isPlain(saved) && tensor.device() == saved.device() && tensor.scalar_type() == saved.scalar_type() &&
         tensor.sizes() == saved.sizes() && tensor.is_non_overlapping_and_dense() && sameOrder(saved, tensor);
}

void bumpClimbed(const Rows& rows, bool first) {
  for (const Row& row : rows) {
    if (row.grad != nullptr) bump(*row.param);
    if (first && row.saved != nullptr) bump(*row.saved);
    if (row.sum != nullptr) bump(*row.sum);
  }
}

void bumpGathered(const Rows& rows, bool restores, bool writes) {
  for (const Row& row : rows) {
    if (restores) bump(*row.param);
    // A gradient that could not be written to is another tensor now.
    if (writes && row.grad != nullptr) bump(row.param->grad());
  }
}

}  // namespace dgsam::ops
