// The operators of late.h, and restore_, on CUDA devices: rows that are flat memory on the ledger's device (of restore_: on any) are swept by our kernels, others go
// through LibTorch's operators. Where the kernels were not compiled for the device, all of them do.
#include "../late.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

#include "../casts.h"
#include "../climb.h"
#include "../composite_lists.h"
#include "../late_rows.h"
#include "../ledger.h"
#include "../rates.h"
#include "build_info.h"
#include "sweeps.h"
#include "work.h"

namespace dgsam::ops::cuda {
namespace {

bool kernelsServe(const at::Tensor& ledger) { return ledger.defined() && ledger.is_cuda() && isPlain(ledger) && serves(ledger.device().index()); }

bool isNumberBeside(const at::Tensor& ledger, const at::Tensor& value) {
  return elementOf(value.scalar_type()).has_value() && isPlain(value) && value.device() == ledger.device();
}

Number numberOf(const at::Tensor& value) { return {value.const_data_ptr(), static_cast<int>(*elementOf(value.scalar_type()))}; }

void noteLate(at::TensorList values, at::Tensor ledger, int64_t at);

// The losses that the climb's kernels are to note at `at`; those that they cannot are noted here, and `at` is moved on: such as are parameters, too,
// which the kernels move.
std::vector<Number> lossesOf(const char* name, const std::optional<at::TensorList>& losses, const Rows& rows, const at::Tensor& ledger, int64_t& at) {
  if (!losses.has_value()) return {};
  checkNumbers(name, "losses", *losses);
  const auto canBeNoted = [&](const at::Tensor& loss) {
    const auto isLoss = [&](const Row& row) { return row.param->has_storage() && row.param->is_alias_of(loss); };
    return isNumberBeside(ledger, loss) && std::none_of(rows.begin(), rows.end(), isLoss);
  };
  if (losses->size() > kMaxLosses || !std::all_of(losses->begin(), losses->end(), canBeNoted)) {
    noteLate(*losses, ledger, at++);
    return {};
  }
  std::vector<Number> numbers;
  for (const at::Tensor& each : *losses) numbers.push_back(numberOf(each));
  return numbers;
}

int64_t climbLate(at::TensorList params, at::TensorList saved, at::TensorList sums, at::TensorList rho, bool first, bool adaptive,
                  std::optional<double> eta, double shift, std::optional<bool> firstSum, at::Tensor ledger, int64_t at, std::optional<at::TensorList> losses) {
  if (!kernelsServe(ledger)) return ops::climbLate(params, saved, sums, rho, first, adaptive, eta, shift, firstSum, ledger, at, losses);
  const at::NoGradGuard noGrad;
  const Ledger noted("climb_", ledger, at, losses.has_value() ? 2 : 1);
  const Rows rows = rowsToClimb(params, saved, sums, rho, first, adaptive, eta, ledger.device());
  const std::vector<Number> numbers = lossesOf("climb_", losses, rows, ledger, at);
  Work work(rows, ledger, at, rho);
  composite::Sum plain, weighted;
  plain.addSquares(composite::gradientsOf(work.others));
  composite::addWeightedSquares(weighted, work.others);
  const Ascent how{first, firstSum.value_or(first), adaptive, eta.value_or(0), shift};
  // Before anything moves, since LibTorch's operators may fail for want of memory.
  composite::note(work.others, how.first, how.firstSum);
  climb(work.stream, work.spans, work.sums(plain, weighted), how, numbers);
  try {
    if (!work.others.empty()) composite::move(work.others, work.scales(shift));
  } catch (...) {
    // Say for want of memory.
    if (first) bringBack(rows);
    throw;
  }
  bumpClimbed(rows, first);
  return countGradients(rows);
}

int64_t accumulateLate(at::TensorList params, at::TensorList sums, bool first, at::Tensor ledger, int64_t at, std::optional<at::TensorList> losses) {
  if (!kernelsServe(ledger)) return ops::accumulateLate(params, sums, first, ledger, at, losses);
  const at::NoGradGuard noGrad;
  const Ledger noted("accumulate_", ledger, at, losses.has_value() ? 2 : 1);
  const Rows rows = rowsToAccumulate(params, sums);
  const std::vector<Number> numbers = lossesOf("accumulate_", losses, rows, ledger, at);
  Work work(rows, ledger, at);
  composite::Sum plain;
  plain.addSquares(composite::gradientsOf(work.others));
  composite::accumulate(work.others, first);
  accumulate(work.stream, work.spans, work.sums(plain, {}), first, numbers);
  for (const Row& row : rows) bump(*row.sum);
  return countGradients(rows);
}

// What of the gatherings is alike. The gradient's factor is in the work's number where it is not given.
int64_t gatherRows(const Rows& rows, Work& work, bool restores, bool writes, double sumScale, std::optional<double> gradScale,
                   const std::vector<Number>& losses) {
  composite::Sum plain, made;
  if (restores) composite::restore(work.others);
  plain.addSquares(composite::gradientsOf(work.others));
  const Sums sums = work.sums();
  gather(work.stream, work.spans, sums, {writes, sumScale, gradScale.value_or(0), gradScale.has_value() ? nullptr : sums.number});
  if (writes && !work.others.empty()) composite::gather(work.others, sumScale, gradScale.has_value() ? composite::Factor(*gradScale) : composite::Factor(work.number()));
  made.addSquares(composite::gradientsOf(work.others));
  endGather(work.stream, work.sums(plain, made), losses);
  bumpGathered(rows, restores, writes);
  return countGradients(rows);
}

int64_t gatherLate(at::TensorList params, at::TensorList saved, at::TensorList sums, double sumScale, double gradScale, at::Tensor ledger, int64_t at,
                   std::optional<at::TensorList> losses, std::optional<at::Tensor> flag) {
  if (!kernelsServe(ledger) || (isGiven(flag) && flag->device() != ledger.device()))
    return ops::gatherLate(params, saved, sums, sumScale, gradScale, ledger, at, losses, flag);
  const at::NoGradGuard noGrad;
  const Ledger noted("gather_", ledger, at, losses.has_value() ? 3 : 2);
  if (isGiven(flag)) checkFlag("gather_", "flag", *flag);
  const bool writes = !sums.empty() || gradScale != 1;
  const Rows rows = rowsToGather(params, saved, sums, writes);
  const std::vector<Number> numbers = lossesOf("gather_", losses, rows, ledger, at);
  Work work(rows, ledger, at, {}, isGiven(flag) ? flag->mutable_data_ptr<float>() : nullptr);
  const int64_t gradients = gatherRows(rows, work, !saved.empty(), writes, sumScale, gradScale, numbers);
  if (isGiven(flag)) bump(*flag);
  return gradients;
}

int64_t gatherOrthogonalLate(at::TensorList params, at::TensorList saved, at::TensorList sums, double alpha, double lossScale, at::Tensor ledger,
                             int64_t at) {
  if (!kernelsServe(ledger)) return ops::gatherOrthogonalLate(params, saved, sums, alpha, lossScale, ledger, at);
  const at::NoGradGuard noGrad;
  const Ledger noted("gather_orthogonal_", ledger, at, 2);
  const Rows rows = rowsToGatherOrthogonal(params, saved, sums);
  Work work(rows, ledger, at);
  composite::Sum square, product;
  square.addSquares(composite::gradientsOf(work.others));
  composite::addProducts(product, work.others);
  orthogonalScale(work.stream, work.spans, work.sums(square, product), alpha, lossScale);
  return gatherRows(rows, work, !saved.empty(), true, -alpha / lossScale, std::nullopt, {});
}

void noteLate(at::TensorList values, at::Tensor ledger, int64_t at) {
  if (!kernelsServe(ledger) || values.size() > kMaxNumbers) return ops::noteLate(values, ledger, at);
  const at::NoGradGuard noGrad;
  checkNumbers("note_", "values", values);
  const Ledger noted("note_", ledger, at, 1);
  const c10::cuda::CUDAGuard guard(ledger.device());
  std::vector<at::Tensor> copies;
  std::vector<Number> numbers;
  for (const at::Tensor& value : values) {
    if (!isNumberBeside(ledger, value)) copies.push_back(at::empty({}, numbersOn(ledger.device())).copy_(value.reshape({})));
    numbers.push_back(numberOf(isNumberBeside(ledger, value) ? value : copies.back()));
  }
  note(c10::cuda::getCurrentCUDAStream(), numbers, ledger.mutable_data_ptr<double>(), at);
}

void revertLate(at::TensorList tensors, at::TensorList saved, at::Tensor ledger) {
  if (!kernelsServe(ledger)) return ops::revertLate(tensors, saved, ledger);
  const at::NoGradGuard noGrad;
  checkLength("revert_", "saved", saved.size(), tensors.size());
  const Ledger checked("revert_", ledger, 1, 0);
  const c10::cuda::CUDAGuard guard(ledger.device());
  std::vector<Span> spans;
  std::vector<at::Tensor> others, othersSaved;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const at::Tensor& to = tensors[i];
    const at::Tensor& from = saved[i];
    if (to.device() == ledger.device() && areFlatAlike(to, from)) {
      spans.push_back({to.mutable_data_ptr(), nullptr, const_cast<void*>(from.const_data_ptr()), nullptr, static_cast<int64_t>(to.nbytes()), nullptr, false});
    } else {
      others.push_back(to);
      othersSaved.push_back(from);
    }
  }
  revert(c10::cuda::getCurrentCUDAStream(), spans, ledger.const_data_ptr<double>());
  if (!others.empty()) ops::revertLate(others, othersSaved, ledger);
}

at::Tensor stopped(const at::Tensor& ledger) {
  if (!kernelsServe(ledger)) return ops::stopped(ledger);
  const Ledger checked("stopped", ledger, 1, 0);
  const c10::cuda::CUDAGuard guard(ledger.device());
  const at::Tensor flag = at::empty({}, ledger.options().dtype(at::kFloat));
  flagStop(c10::cuda::getCurrentCUDAStream(), ledger.const_data_ptr<double>(), flag.mutable_data_ptr<float>());
  return flag;
}

void noteStopped(at::Tensor flag, const at::Tensor& ledger) {
  if (!kernelsServe(ledger) || !flag.defined() || flag.device() != ledger.device()) return ops::noteStopped(flag, ledger);
  checkFlag("stopped_", "flag", flag);
  const Ledger checked("stopped_", ledger, 1, 0);
  const c10::cuda::CUDAGuard guard(ledger.device());
  flagStop(c10::cuda::getCurrentCUDAStream(), ledger.const_data_ptr<double>(), flag.mutable_data_ptr<float>());
  bump(flag);
}

void restore(at::TensorList params, at::TensorList saved) {
  if (params.empty() || !params.front().defined() || !params.front().is_cuda() || !serves(params.front().device().index())) return ops::restore(params, saved);
  const at::NoGradGuard noGrad;
  const Rows rows = rowsToRestore(params, saved);
  std::vector<std::pair<at::Device, std::vector<Span>>> flat;
  composite::RowList others;
  for (const Row& row : rows) {
    const at::Device device = row.param->device();
    if (!row.flat || !row.param->is_cuda() || !serves(device.index())) {
      others.push_back(&row);
      continue;
    }
    auto there = std::find_if(flat.begin(), flat.end(), [device](const auto& each) { return each.first == device; });
    if (there == flat.end()) there = flat.emplace(flat.end(), device, std::vector<Span>());
    there->second.push_back({row.paramData, nullptr, row.savedData, nullptr, static_cast<int64_t>(row.param->nbytes()), nullptr, false});
  }
  // All that can be, whatever happens to one.
  std::exception_ptr failure;
  const auto attempt = [&failure](const auto& copy) {
    try {
      copy();
    } catch (...) {
      failure = std::current_exception();
    }
  };
  for (const auto& each : flat)
    attempt([&spans = each.second, device = each.first] {
      const c10::cuda::CUDAGuard guard(device);
      revert(c10::cuda::getCurrentCUDAStream(), spans, nullptr);
    });
  try {
    composite::restore(others);
  } catch (...) {
    for (const Row* row : others) attempt([row] { row->param->copy_(*row->saved); });
  }
  for (const Row& row : rows) bump(*row.param);
  if (failure) std::rethrow_exception(failure);
}

TORCH_LIBRARY_IMPL(dgsam, CUDA, m) {
  m.impl("climb_.late", TORCH_FN(Moving<&climbLate>::call));
  m.impl("accumulate_.late", TORCH_FN(accumulateLate));
  m.impl("gather_.late", TORCH_FN(Moving<&gatherLate>::call));
  m.impl("gather_orthogonal_.late", TORCH_FN(Moving<&gatherOrthogonalLate>::call));
  m.impl("note_", TORCH_FN(noteLate));
  m.impl("revert_", TORCH_FN(Moving<&revertLate>::call));
  m.impl("stopped", TORCH_FN(stopped));
  m.impl("stopped_", TORCH_FN(noteStopped));
  m.impl("restore_", TORCH_FN(Moving<&restore>::call));
}

}  // namespace
}  // namespace dgsam::ops::cuda
