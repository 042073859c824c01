// What the operators of late.h check, make rows of and tell autograd: alike for every implementation of theirs.
#pragma once

#include <optional>
#include <vector>

#include "rows.h"

namespace dgsam::ops {

// `device`: where the radii must lie.
Rows rowsToClimb(at::TensorList params, at::TensorList saved, at::TensorList sums, at::TensorList rho, bool first, bool adaptive,
                 std::optional<double> eta, at::Device device);
Rows rowsToAccumulate(at::TensorList params, at::TensorList sums);
// `writes`: gradients change.
Rows rowsToGather(at::TensorList params, at::TensorList saved, at::TensorList sums, bool writes);
Rows rowsToGatherOrthogonal(at::TensorList params, at::TensorList saved, at::TensorList sums);

// The gradients that there are, as they now are: one that could not be written to is another tensor than the row's.
std::vector<at::Tensor> gradientsOf(const Rows& rows);

// Throws c10::Error unless each is one real number, and there is one.
void checkNumbers(const char* name, const char* list, at::TensorList values);

// After a failure in the midst of a first ascent: parameters <- saved. A row that cannot be written to has not moved.
void bringBack(const Rows& rows) noexcept;

// Whether a pass may have written to a buffer.
bool isRevertible(const at::Tensor& tensor);
// Whether both are flat memory of one kind in one order, so that one may take the other's place element by element.
bool areFlatAlike(const at::Tensor& tensor, const at::Tensor& saved);

void bumpClimbed(const Rows& rows, bool first);
void bumpGathered(const Rows& rows, bool restores, bool writes);

}  // namespace dgsam::ops
