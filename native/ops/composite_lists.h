// The climb through LibTorch's operators, of many parameters at once: for devices that our kernels do not serve. Flat rows of one dtype on one
// device go through its foreach functions, a launch or a few for all of them; others one by one. To the same bits as composite.h, but for
// inner products and norms: these are added up in another order.
#pragma once

#include <vector>

#include "composite.h"

namespace dgsam::ops::composite {

// So many elements go through a foreach function at once, or one row: what is computed on the way takes memory of their size, twice or three times.
constexpr int64_t kBatchElements = int64_t{1} << 22;

using RowList = std::vector<const Row*>;

RowList listOf(const Rows& rows);

// The gradients that there are, as they now are: one that could not be written to is another tensor than the row's.
std::vector<at::Tensor> gradientsOf(const RowList& rows);

// Adds |T g|^2 of each row with a gradient, where it is weighted, else |g|^2.
void addWeightedSquares(Sum& sum, const RowList& rows);

void note(const RowList& rows, bool first, bool firstSum);

// rho / (norm + epsilon) + shift of each row, formed once for rows of one radius.
std::vector<Factor> scalesOf(at::TensorList rho, const at::Tensor& norm, double shift);

// One scale for each row.
void move(const RowList& rows, const std::vector<Factor>& scales);

void accumulate(const RowList& rows, bool first);

// Adds the inner products of gradients and sums; rows without a gradient add nothing.
void addProducts(Sum& product, const RowList& rows);

void combine(const RowList& rows, const Factor& sumScale, double gradScale);

// sum <- scale * sum.
void scaleSums(const RowList& rows, const Factor& scale);

void gather(const RowList& rows, const Factor& sumScale, const Factor& gradScale);

// p <- saved.
void restore(const RowList& rows);

}  // namespace dgsam::ops::composite
