// What one call of a climb's operators on a CUDA device works with.
#pragma once

#include <ATen/Functions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <utility>
#include <vector>

#include "../composite_lists.h"
#include "sweeps.h"

namespace dgsam::ops::cuda {

inline at::TensorOptions numbersOn(at::Device device) { return at::TensorOptions().dtype(at::kDouble).device(device); }

// The rows of a call on the current stream of the ledger's device, and memory for their sums.
class Work {
 public:
  // Radii may be left out.
  Work(const Rows& rows, at::Tensor ledger, int64_t at, at::TensorList rho = {}, float* flag = nullptr)
      : guard_(ledger.device()), stream(c10::cuda::getCurrentCUDAStream()), ledger_(std::move(ledger)), at_(at), flag_(flag) {
    for (size_t i = 0; i < rows.size(); ++i) {
      const Row& row = rows[i];
      if (row.flat && row.param->device() == ledger_.device())
        spans[static_cast<size_t>(row.element)].push_back(
            {row.paramData, row.gradData, row.savedData, row.sumData, row.count, rho.empty() ? nullptr : rho[i].const_data_ptr<double>(), row.weighted});
      else
        others.push_back(&row), othersRho_.push_back(rho.empty() ? at::Tensor() : rho[i]);
    }
    pieces_ = piecesOf(spans);
    memory_ = at::empty({2 * pieces_ + 1}, numbersOn(ledger_.device()));
  }

  // With what other rows add to both sums.
  Sums sums(const composite::Sum& first, const composite::Sum& second) {
    double* const memory = memory_.mutable_data_ptr<double>();
    Sums sums{memory, pieces_, {nullptr, nullptr}, memory + 2 * pieces_, ledger_.mutable_data_ptr<double>(), at_, flag_};
    if (others.empty()) return sums;
    const composite::Sum* const given[] = {&first, &second};
    for (size_t i = 0; i < 2; ++i) {
      added_[i] = given[i]->total(ledger_.device()).to(ledger_.device());
      sums.others[i] = added_[i].const_data_ptr<double>();
    }
    return sums;
  }
  Sums sums() { return sums({}, {}); }

  // As the kernels left it in sums().number.
  at::Tensor number() const { return memory_.select(0, 2 * pieces_); }

 private:
  const c10::cuda::CUDAGuard guard_;

 public:
  const Stream stream;
  Spans spans;
  // Rows that kernels do not sweep.
  composite::RowList others;

  // Of each of them, by which it climbs.
  std::vector<composite::Factor> scales(double shift) const { return composite::scalesOf(othersRho_, number(), shift); }

 private:
  const at::Tensor ledger_;
  const int64_t at_;
  float* const flag_;
  std::vector<at::Tensor> othersRho_;
  int64_t pieces_ = 0;
  at::Tensor memory_;
  // For as long as kernels are launched that read them.
  at::Tensor added_[2];
};

}  // namespace dgsam::ops::cuda
