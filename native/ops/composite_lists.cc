#include "composite_lists.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>

#include "climb.h"

namespace dgsam::ops::composite {
namespace {

// Rows that one call of a foreach function takes; the first says what all of them are.
struct Batch {
  RowList rows;
  int64_t elements = 0;

  const Row& first() const { return *rows.front(); }
  // Not of rows without them.
  std::vector<at::Tensor> list(const at::Tensor* Row::*member) const {
    std::vector<at::Tensor> tensors;
    tensors.reserve(rows.size());
    for (const Row* row : rows) tensors.push_back(*(row->*member));
    return tensors;
  }
};

bool joins(const Row& row, const Row& first) {
  return row.element == first.element && row.param->device() == first.param->device() && (row.grad == nullptr) == (first.grad == nullptr);
}

// `batch(...)` is called with each batch of flat rows, `single(index)` for each row that is none. `isAlike(index, other)` says of two rows that
// they may go together, as far as these do.
template <typename OnBatch, typename OnRow, typename IsAlike>
void split(const RowList& rows, OnBatch onBatch, OnRow onRow, IsAlike isAlike) {
  std::vector<std::pair<size_t, Batch>> batches;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& row = *rows[i];
    if (!row.flat) {
      onRow(i);
      continue;
    }
    Batch* found = nullptr;
    for (auto& [index, batch] : batches)
      if (found == nullptr && batch.elements + row.count <= kBatchElements && joins(row, batch.first()) && isAlike(i, index)) found = &batch;
    if (found == nullptr) found = &batches.emplace_back(i, Batch{}).second;
    found->rows.push_back(&row);
    found->elements += row.count;
  }
  for (const auto& [index, batch] : batches) onBatch(batch, index);
}

template <typename OnBatch, typename OnRow>
void split(const RowList& rows, OnBatch onBatch, OnRow onRow) {
  split(rows, [&](const Batch& batch, size_t) { onBatch(batch); }, [&](size_t index) { onRow(*rows[index]); }, [](size_t, size_t) { return true; });
}

bool isNarrow(const std::vector<at::Tensor>& tensors) { return at::isReducedFloatingType(tensors.front().scalar_type()); }

// 16-bit numbers in float32, others as they are.
std::vector<at::Tensor> widened(std::vector<at::Tensor> tensors) {
  if (!isNarrow(tensors)) return tensors;
  std::vector<at::Tensor> wide;
  wide.reserve(tensors.size());
  for (const at::Tensor& each : tensors) wide.push_back(at::empty_like(each, each.options().dtype(at::kFloat)));
  at::_foreach_copy_(wide, tensors);
  return wide;
}

bool isWeightedAlike(const Row& row, const Row& other) { return row.weighted == other.weighted && row.eta == other.eta; }

// T = |p| + eta.
std::vector<at::Tensor> weightsOf(const Batch& batch) {
  std::vector<at::Tensor> weights = at::_foreach_abs(widened(batch.list(&Row::param)));
  at::_foreach_add_(weights, batch.first().eta);
  return weights;
}

void accumulate(const Batch& batch, bool first) {
  const std::vector<at::Tensor> sums = batch.list(&Row::sum);
  if (batch.first().grad == nullptr) {
    if (first) at::_foreach_zero_(sums);
  } else if (first) {
    at::_foreach_copy_(sums, batch.list(&Row::grad));
  } else {
    at::_foreach_add_(sums, batch.list(&Row::grad));
  }
}

void move(const Batch& batch, const Factor& scale) {
  if (batch.first().grad == nullptr) return;
  std::vector<at::Tensor> directions = widened(batch.list(&Row::grad));
  if (batch.first().weighted) {
    std::vector<at::Tensor> weights = weightsOf(batch);
    at::_foreach_mul_(weights, weights);
    at::_foreach_mul_(weights, directions);
    directions = std::move(weights);
  }
  std::vector<at::Tensor> moves = scale.times(directions);
  const std::vector<at::Tensor> params = batch.list(&Row::param);
  if (!isNarrow(params)) return at::_foreach_add_(params, moves);
  at::_foreach_add_(moves, widened(params));
  at::_foreach_copy_(params, moves);
}

at::Tensor lineOf(const at::Tensor& flat) { return flat.as_strided({flat.numel()}, {1}); }

// All elements one after the other, in float64.
at::Tensor joined(const Batch& batch, const at::Tensor* Row::*member) {
  std::vector<at::Tensor> lines = batch.list(member);
  std::vector<int64_t> counts;
  for (at::Tensor& each : lines) {
    each = lineOf(each);
    counts.push_back(each.numel());
  }
  const at::Tensor all = at::empty({batch.elements}, lines.front().options().dtype(at::kDouble));
  at::_foreach_copy_(all.split_with_sizes(counts), lines);
  return all;
}

void addProducts(Sum& product, const Batch& batch) {
  if (batch.first().grad == nullptr) return;
  if (batch.elements <= kBatchElements) return product.add(at::dot(joined(batch, &Row::sum), joined(batch, &Row::grad)));
  // One row.
  const at::Tensor sum = lineOf(*batch.first().sum), grad = lineOf(*batch.first().grad);
  for (int64_t start = 0; start < batch.elements; start += kBatchElements) {
    const int64_t end = std::min(start + kBatchElements, batch.elements);
    product.add(at::dot(sum.slice(0, start, end).to(at::kDouble), grad.slice(0, start, end).to(at::kDouble)));
  }
}

void combine(const Batch& batch, const Factor& sumScale, double gradScale) {
  const std::vector<at::Tensor> sums = batch.list(&Row::sum);
  std::vector<at::Tensor> combined = sumScale.times(widened(sums));
  if (batch.first().grad != nullptr) at::_foreach_add_(combined, Factor(gradScale).times(widened(batch.list(&Row::grad))));
  at::_foreach_copy_(sums, combined);
}

void gather(const Batch& batch, const Factor& sumScale, const Factor& gradScale) {
  if (batch.first().grad == nullptr) return;
  const std::vector<at::Tensor> grads = batch.list(&Row::grad);
  std::vector<at::Tensor> gathered = gradScale.times(widened(grads));
  if (batch.first().sum != nullptr) at::_foreach_add_(gathered, sumScale.times(widened(batch.list(&Row::sum))));
  at::_foreach_copy_(grads, gathered);
}

}  // namespace

RowList listOf(const Rows& rows) {
  RowList list;
  list.reserve(rows.size());
  for (const Row& row : rows) list.push_back(&row);
  return list;
}

std::vector<at::Tensor> gradientsOf(const RowList& rows) {
  std::vector<at::Tensor> gradients;
  for (const Row* row : rows)
    if (row->grad != nullptr) gradients.push_back(row->param->grad());
  return gradients;
}

std::vector<Factor> scalesOf(at::TensorList rho, const at::Tensor& norm, double shift) {
  std::vector<Factor> scales;
  scales.reserve(rho.size());
  for (size_t i = 0; i < rho.size(); ++i) {
    if (i > 0 && rho[i].is_same(rho[i - 1]))
      scales.push_back(scales.back());
    else
      scales.emplace_back(rho[i] / (norm + kNormEpsilon) + shift);
  }
  return scales;
}

void addWeightedSquares(Sum& sum, const RowList& rows) {
  const auto onBatch = [&](const Batch& batch, size_t) {
    if (batch.first().grad == nullptr) return;
    if (!batch.first().weighted) return sum.addSquares(batch.list(&Row::grad));
    std::vector<at::Tensor> weights = weightsOf(batch);
    at::_foreach_mul_(weights, widened(batch.list(&Row::grad)));
    sum.addSquares(std::move(weights));
  };
  const auto onRow = [&](size_t index) {
    const Row& row = *rows[index];
    if (row.grad != nullptr) sum.addSquare(row.weighted ? weighted(row) : *row.grad);
  };
  split(rows, onBatch, onRow, [&](size_t index, size_t other) { return isWeightedAlike(*rows[index], *rows[other]); });
}

void note(const RowList& rows, bool first, bool firstSum) {
  const auto onBatch = [&](const Batch& batch) {
    if (first && batch.first().saved != nullptr) at::_foreach_copy_(batch.list(&Row::saved), batch.list(&Row::param));
    if (batch.first().sum != nullptr) accumulate(batch, firstSum);
  };
  split(rows, onBatch, [&](const Row& row) { note(row, first, firstSum); });
}

void move(const RowList& rows, const std::vector<Factor>& scales) {
  const auto isAlike = [&](size_t index, size_t other) { return isWeightedAlike(*rows[index], *rows[other]) && scales[index].isSame(scales[other]); };
  split(rows, [&](const Batch& batch, size_t index) { move(batch, scales[index]); }, [&](size_t index) { move(*rows[index], scales[index]); }, isAlike);
}

void accumulate(const RowList& rows, bool first) {
  split(rows, [&](const Batch& batch) { accumulate(batch, first); }, [&](const Row& row) { accumulate(row, first); });
}

void addProducts(Sum& product, const RowList& rows) {
  const auto onRow = [&](const Row& row) {
    if (row.grad != nullptr) product.addProduct(*row.sum, *row.grad);
  };
  split(rows, [&](const Batch& batch) { addProducts(product, batch); }, onRow);
}

void combine(const RowList& rows, const Factor& sumScale, double gradScale) {
  split(rows, [&](const Batch& batch) { combine(batch, sumScale, gradScale); }, [&](const Row& row) { combine(row, sumScale, gradScale); });
}

void scaleSums(const RowList& rows, const Factor& scale) {
  const auto onBatch = [&](const Batch& batch) {
    const std::vector<at::Tensor> sums = batch.list(&Row::sum);
    at::_foreach_copy_(sums, scale.times(sums));
  };
  split(rows, onBatch, [&](const Row& row) { row.sum->copy_(scale.times(*row.sum)); });
}

void gather(const RowList& rows, const Factor& sumScale, const Factor& gradScale) {
  split(rows, [&](const Batch& batch) { gather(batch, sumScale, gradScale); }, [&](const Row& row) { gather(row, sumScale, gradScale); });
}

void restore(const RowList& rows) {
  split(rows, [](const Batch& batch) { at::_foreach_copy_(batch.list(&Row::param), batch.list(&Row::saved)); }, [](const Row& row) { row.param->copy_(*row.saved); });
}

}  // namespace dgsam::ops::composite
