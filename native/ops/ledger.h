// Where operators that wait for nothing note what they find: see late.h.
#pragma once

#include <ATen/Functions.h>

namespace dgsam::ops {

class Ledger {
 public:
  Ledger(const char* name, const at::Tensor& numbers, int64_t at, int64_t count) : numbers_(numbers) {
    TORCH_CHECK(numbers.defined() && numbers.scalar_type() == at::kDouble && numbers.dim() == 1 && numbers.is_contiguous(), "dgsam::", name,
                ": expected a float64 vector in 'ledger', got ", numbers.defined() ? numbers.scalar_type() : at::ScalarType::Undefined, " of shape ",
                numbers.defined() ? numbers.sizes() : at::IntArrayRef());
    TORCH_CHECK(at >= 1 && at <= numbers.numel() - count, "dgsam::", name, ": 'at': expected a place from 1 to ", numbers.numel() - count,
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

}  // namespace dgsam::ops
