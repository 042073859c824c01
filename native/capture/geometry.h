// How tensors lie in memory.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/SmallVector.h>

namespace dgsam::capture {

struct Geometry {
  explicit Geometry(const at::Tensor& tensor);
  bool operator==(const Geometry& other) const;
  c10::SmallVector<int64_t, 5> sizes, strides;
  int64_t offset;
  at::ScalarType dtype;
  bool conjugate, negative;
};

// A tensor over the memory of another one, relative to it.
struct View {
  c10::SmallVector<int64_t, 5> sizes, strides;
  int64_t offset;

  // Without the dispatcher, and unknown to autograd.
  at::Tensor of(const at::Tensor& base) const;
};

// Another tensor over the memory of this one, which lies there as it does. Likewise.
at::Tensor aliasOf(const at::Tensor& tensor);

}  // namespace dgsam::capture
