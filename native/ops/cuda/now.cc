// The operators of climb.h that climb, sum and gather, on CUDA devices: by the kernels of late steps (late.cc) and one wait for what they found. Where the
// kernels do not sweep each row, those of LibTorch's serve.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>
#include <vector>

#include "../casts.h"
#include "../climb.h"
#include "../late_rows.h"
#include "build_info.h"
#include "work.h"

namespace dgsam::ops::cuda {
namespace {

bool kernelsServe(at::TensorList params) {
  return !params.empty() && params.front().defined() && params.front().is_cuda() && serves(params.front().device().index());
}

bool areSwept(const Rows& rows) {
  return std::all_of(rows.begin(), rows.end(), [&](const Row& row) { return row.flat && row.param->device() == rows.front().param->device(); });
}

// The ledger of a single call.
class Found {
 public:
  explicit Found(at::Device device) : guard_(device), numbers_(at::zeros({3}, numbersOn(device))) {}

  const at::Tensor& ledger() const { return numbers_; }
  // What was noted, at most two numbers. Waits.
  std::array<double, 2> read() const {
    const at::Tensor host = numbers_.to(at::kCPU);
    const double* const numbers = host.const_data_ptr<double>();
    return {numbers[1], numbers[2]};
  }

 private:
  const c10::cuda::CUDAGuard guard_;
  const at::Tensor numbers_;
};

// The same radii on the device, each number once.
std::vector<at::Tensor> radiiOn(at::Device device, at::ArrayRef<double> rho) {
  std::vector<at::Tensor> radii;
  for (size_t i = 0; i < rho.size(); ++i) {
    const auto same = std::find(rho.begin(), rho.begin() + i, rho[i]);
    radii.push_back(same == rho.begin() + i ? at::full({}, rho[i], numbersOn(device)) : radii[static_cast<size_t>(same - rho.begin())]);
  }
  return radii;
}

std::tuple<double, int64_t> climbNow(at::TensorList params, at::TensorList saved, at::TensorList sums, at::ArrayRef<double> rho, bool first, bool adaptive,
                                     std::optional<double> eta, double shift, std::optional<bool> firstSum) {
  const auto byLibTorch = [&] { return ops::climb(params, saved, sums, rho, first, adaptive, eta, shift, firstSum); };
  if (!kernelsServe(params) || rho.size() != params.size()) return byLibTorch();
  const at::NoGradGuard noGrad;
  const at::Device device = params.front().device();
  const Found found(device);
  const std::vector<at::Tensor> radii = radiiOn(device, rho);
  const Rows rows = rowsToClimb(params, saved, sums, radii, first, adaptive, eta, device);
  if (!areSwept(rows)) return byLibTorch();
  Work work(rows, found.ledger(), 1, radii);
  climb(work.stream, work.spans, work.sums(), {first, firstSum.value_or(first), adaptive, eta.value_or(0), shift, true}, {});
  const double norm = found.read()[0];
  if (std::isfinite(norm)) bumpClimbed(rows, first);
  return {norm, countGradients(rows)};
}

std::tuple<double, int64_t> accumulateNow(at::TensorList params, at::TensorList sums, bool first) {
  if (!kernelsServe(params)) return ops::accumulate(params, sums, first);
  const at::NoGradGuard noGrad;
  const Rows rows = rowsToAccumulate(params, sums);
  if (!areSwept(rows)) return ops::accumulate(params, sums, first);
  const Found found(params.front().device());
  Work work(rows, found.ledger(), 1);
  accumulate(work.stream, work.spans, work.sums(), first, {});
  for (const Row& row : rows) bump(*row.sum);
  return {found.read()[0], countGradients(rows)};
}

std::tuple<double, double, int64_t> gatherNow(at::TensorList params, at::TensorList saved, at::TensorList sums, double sumScale, double gradScale) {
  if (!kernelsServe(params)) return ops::gather(params, saved, sums, sumScale, gradScale);
  const at::NoGradGuard noGrad;
  const bool writes = !sums.empty() || gradScale != 1;
  const Rows rows = rowsToGather(params, saved, sums, writes);
  if (!areSwept(rows)) return ops::gather(params, saved, sums, sumScale, gradScale);
  const Found found(params.front().device());
  Work work(rows, found.ledger(), 1);
  const Sums swept = work.sums();
  gather(work.stream, work.spans, swept, {writes, sumScale, gradScale, nullptr});
  endGather(work.stream, swept, {});
  bumpGathered(rows, !saved.empty(), writes);
  const auto [norm, made] = found.read();
  return {norm, made, countGradients(rows)};
}

TORCH_LIBRARY_IMPL(dgsam, CUDA, m) {
  m.impl("climb_", TORCH_FN(Moving<&climbNow>::call));
  m.impl("accumulate_", TORCH_FN(accumulateNow));
  m.impl("gather_", TORCH_FN(Moving<&gatherNow>::call));
}

}  // namespace
}  // namespace dgsam::ops::cuda
