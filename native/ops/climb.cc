#include "climb.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <cstring>
#include <exception>

#include "composite_lists.h"
#include "pieces.h"
#include "rows.h"

namespace dgsam::ops {
namespace {

double normOf(const Rows& rows) {
  Pieces pieces;
  std::vector<at::Tensor> others;
  for (const Row& row : rows) {
    if (row.grad == nullptr) continue;
    if (row.kernels != nullptr)
      pieces.add(row);
    else
      others.push_back(*row.grad);
  }
  composite::Sum sum;
  sum.addSquares(std::move(others));
  const double squares = pieces.sum([](const Piece& piece) {
    return piece.row->kernels->sumOfSquares(piece.in(piece.row->gradData), piece.size);
  });
  return sum.norm(squares);
}

struct Norms {
  double plain;
  // ||T g||
  double weighted;
};

Norms weightedNormsOf(const Rows& rows) {
  Pieces pieces;
  std::vector<at::Tensor> grads;
  composite::RowList others;
  for (const Row& row : rows) {
    if (row.grad == nullptr) continue;
    if (row.kernels != nullptr) {
      pieces.add(row);
    } else {
      grads.push_back(*row.grad);
      others.push_back(&row);
    }
  }
  composite::Sum plain, weighted;
  plain.addSquares(std::move(grads));
  composite::addWeightedSquares(weighted, others);
  const Squares squares = pieces.sum([](const Piece& piece) {
    const Row& row = *piece.row;
    if (row.weighted) return row.kernels->weightedSumOfSquares(piece.in(row.gradData), piece.in(row.paramData), row.eta, piece.size);
    const double plain = row.kernels->sumOfSquares(piece.in(row.gradData), piece.size);
    return Squares{plain, plain};
  });
  return {plain.norm(squares.plain), weighted.norm(squares.made)};
}

SumMode modeOf(const Row& row, bool first) {
  if (row.sumData == nullptr) return SumMode::None;
  return first ? SumMode::Overwrite : SumMode::Add;
}

// Whether an ascent is the first one, which saves the parameters, and the first whose gradients are summed.
struct First {
  bool ascent;
  bool sum;
};

// What an ascent does to a piece without a gradient.
void saveOnly(const Piece& piece, First first) {
  const Row& row = *piece.row;
  if (first.ascent && row.savedData != nullptr) std::memcpy(piece.in(row.savedData), piece.in(row.paramData), piece.bytes());
  if (first.sum && row.sumData != nullptr) std::memset(piece.in(row.sumData), 0, piece.bytes());
}

// All that can be, whatever happens to one.
void bringBack(const Rows& rows) {
  Pieces pieces;
  std::exception_ptr failure;
  const auto attempt = [&](auto copy) {
    try {
      copy();
    } catch (...) {
      failure = std::current_exception();
    }
  };
  composite::RowList others;
  for (const Row& row : rows) {
    if (row.kernels != nullptr)
      pieces.add(row);
    else
      others.push_back(&row);
  }
  try {
    composite::restore(others);
  } catch (...) {
    for (const Row* row : others) attempt([&] { row->param->copy_(*row->saved); });
  }
  pieces.forEach([](const Piece& piece, size_t) {
    std::memcpy(piece.in(piece.row->paramData), piece.in(piece.row->savedData), piece.bytes());
  });
  if (failure != nullptr) std::rethrow_exception(failure);
}

// LibTorch's operators may fail for want of memory. So all rows that go through them are saved before anything moves, and
// the first ascent of a step, when it fails later, brings everything back: then nothing has to be undone outside.
void ascend(Rows& rows, double norm, at::ArrayRef<double> rho, double shift, First first) {
  Pieces pieces;
  composite::RowList others;
  std::vector<composite::Factor> scales;
  for (size_t i = 0; i < rows.size(); ++i) {
    Row& row = rows[i];
    row.scale = rho[i] / (norm + kNormEpsilon) + shift;
    if (row.kernels != nullptr) {
      pieces.add(row);
    } else {
      others.push_back(&row);
      scales.emplace_back(row.scale);
    }
  }
  composite::note(others, first.ascent, first.sum);
  pieces.forEach([&](const Piece& piece, size_t) {
    const Row& row = *piece.row;
    if (row.gradData == nullptr) return saveOnly(piece, first);
    row.kernels->ascend(piece.in(row.paramData), piece.in(row.gradData), first.ascent ? piece.in(row.savedData) : nullptr,
                        piece.in(row.sumData), modeOf(row, first.sum), row.scale, row.weighted, row.eta, piece.size);
  });
  try {
    composite::move(others, scales);
  } catch (...) {
    try {
      if (first.ascent && rows.front().saved != nullptr) bringBack(rows);
    } catch (...) {
      // The failure that led here is the one to tell.
    }
    throw;
  }
}

}  // namespace

at::Tensor globalNorm(const OptionalTensors& tensors) {
  const at::NoGradGuard noGrad;
  c10::SmallVector<at::Tensor, 16> defined;
  Rows rows;
  defined.reserve(tensors.size());
  rows.reserve(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    std::optional<at::Tensor> tensor = tensors.get(i);
    if (!tensor.has_value() || !tensor->defined()) continue;
    defined.push_back(*std::move(tensor));
    rows.push_back(readOnlyRow("global_norm", "tensors", i, defined.back()));
  }
  const at::Device device = rows.empty() ? at::Device(at::kCPU) : rows.front().param->device();
  return at::scalar_tensor(normOf(rows), at::TensorOptions().dtype(at::kDouble).device(device));
}

std::tuple<double, int64_t> climb(at::TensorList params, at::TensorList saved, at::TensorList sums, at::ArrayRef<double> rho,
                                  bool first, bool adaptive, std::optional<double> eta, double shift,
                                  std::optional<bool> firstSum) {
  const at::NoGradGuard noGrad;
  TORCH_CHECK(rho.size() == params.size(), "dgsam::climb_: expected ", params.size(), " radii in 'rho', one per parameter, got ",
              rho.size());
  Rows rows = makeRows("climb_", params, saved, sums,
                       {.param = Access::Write, .grad = Access::Read, .saved = first ? Access::Write : Access::Read, .sum = Access::Write});
  for (Row& row : rows) {
    row.weighted = adaptive && (!eta.has_value() || row.param->dim() >= 2);
    row.eta = eta.value_or(0);
  }
  const int64_t gradients = countGradients(rows);
  const double norm = adaptive ? 0 : normOf(rows);
  const Norms norms = adaptive ? weightedNormsOf(rows) : Norms{norm, norm};
  if (!std::isfinite(norms.plain)) return {norms.plain, gradients};
  if (!std::isfinite(norms.weighted)) return {norms.weighted, gradients};
  ascend(rows, norms.weighted, rho, shift, {first, firstSum.value_or(first)});
  for (const Row& row : rows) {
    if (row.grad != nullptr) bump(*row.param);
    if (first && row.saved != nullptr) bump(*row.saved);
    if (row.sum != nullptr) bump(*row.sum);
  }
  return {norms.plain, gradients};
}

std::tuple<double, int64_t> accumulate(at::TensorList params, at::TensorList sums, bool first) {
  const at::NoGradGuard noGrad;
  checkLength("accumulate_", "sums", sums.size(), params.size());
  const Rows rows = makeRows("accumulate_", params, {}, sums,
                             {.param = Access::Read, .grad = Access::Read, .saved = Access::None, .sum = Access::Write});
  Pieces pieces;
  composite::RowList others;
  std::vector<at::Tensor> grads;
  for (const Row& row : rows) {
    if (row.kernels != nullptr && row.grad != nullptr) {
      pieces.add(row);
      continue;
    }
    others.push_back(&row);
    if (row.grad != nullptr) grads.push_back(*row.grad);
  }
  composite::accumulate(others, first);
  composite::Sum sum;
  sum.addSquares(std::move(grads));
  const double squares = pieces.sum([&](const Piece& piece) {
    const Row& row = *piece.row;
    return row.kernels->accumulate(piece.in(row.gradData), piece.in(row.sumData), modeOf(row, first), piece.size);
  });
  for (const Row& row : rows) bump(*row.sum);
  return {sum.norm(squares), countGradients(rows)};
}

std::tuple<double, double, double> products(at::TensorList params, at::TensorList sums) {
  const at::NoGradGuard noGrad;
  checkLength("products", "sums", sums.size(), params.size());
  const Rows rows = makeRows("products", params, {}, sums,
                             {.param = Access::Read, .grad = Access::Read, .saved = Access::None, .sum = Access::Read});
  Pieces pieces;
  composite::Sum product, sumSquares, gradSquares;
  composite::RowList others;
  std::vector<at::Tensor> otherSums, otherGrads;
  for (const Row& row : rows) {
    if (row.kernels != nullptr) {
      pieces.add(row);
      continue;
    }
    others.push_back(&row);
    otherSums.push_back(*row.sum);
    if (row.grad != nullptr) otherGrads.push_back(*row.grad);
  }
  composite::addProducts(product, others);
  sumSquares.addSquares(std::move(otherSums));
  gradSquares.addSquares(std::move(otherGrads));
  const Products flat = pieces.sum([](const Piece& piece) {
    const Row& row = *piece.row;
    if (row.gradData == nullptr) return Products{0, row.kernels->sumOfSquares(piece.in(row.sumData), piece.size), 0};
    return row.kernels->products(piece.in(row.gradData), piece.in(row.sumData), piece.size);
  });
  return {product.total(flat.product), sumSquares.norm(flat.sumSquares), gradSquares.norm(flat.gradSquares)};
}

double combine(at::TensorList params, at::TensorList sums, double sumScale, double gradScale) {
  const at::NoGradGuard noGrad;
  checkLength("combine_", "sums", sums.size(), params.size());
  const Rows rows = makeRows("combine_", params, {}, sums,
                             {.param = Access::Read, .grad = Access::Read, .saved = Access::None, .sum = Access::Write});
  Pieces pieces;
  composite::RowList others;
  std::vector<at::Tensor> made;
  for (const Row& row : rows) {
    if (row.kernels != nullptr) {
      pieces.add(row);
      continue;
    }
    others.push_back(&row);
    made.push_back(*row.sum);
  }
  composite::combine(others, sumScale, gradScale);
  composite::Sum sum;
  sum.addSquares(std::move(made));
  const double squares = pieces.sum([&](const Piece& piece) {
    const Row& row = *piece.row;
    // What gathering does to a gradient, with the two in each other's place.
    return row.kernels->gather(piece.in(row.sumData), piece.in(row.gradData), gradScale, sumScale, piece.size).made;
  });
  for (const Row& row : rows) bump(*row.sum);
  return sum.norm(squares);
}

std::tuple<double, double, int64_t> gather(at::TensorList params, at::TensorList saved, at::TensorList sums, double sumScale,
                                           double gradScale) {
  const at::NoGradGuard noGrad;
  const bool restores = !saved.empty();
  // A gradient that stays as it is is only read.
  const bool writes = !sums.empty() || gradScale != 1;
  const Rows rows = makeRows("gather_", params, saved, sums,
                             {.param = restores ? Access::Write : Access::Read, .grad = writes ? Access::Write : Access::Read,
                              .saved = Access::Read, .sum = Access::Read});
  Pieces pieces;
  composite::RowList others, gathered;
  for (const Row& row : rows) {
    if (row.kernels != nullptr) {
      pieces.add(row);
      continue;
    }
    others.push_back(&row);
    if (row.grad != nullptr) gathered.push_back(&row);
  }
  // A gradient that cannot be written to is another tensor afterwards.
  const auto gradients = [&] {
    std::vector<at::Tensor> tensors;
    for (const Row* row : gathered) tensors.push_back(row->param->grad());
    return tensors;
  };
  composite::Sum plain, made;
  if (restores) composite::restore(others);
  plain.addSquares(gradients());
  if (writes) composite::gather(gathered, sumScale, gradScale);
  made.addSquares(gradients());
  const Squares squares = pieces.sum([&](const Piece& piece) {
    const Row& row = *piece.row;
    if (restores) std::memcpy(piece.in(row.paramData), piece.in(row.savedData), piece.bytes());
    if (row.gradData == nullptr) return Squares{};
    if (writes) return row.kernels->gather(piece.in(row.gradData), piece.in(row.sumData), sumScale, gradScale, piece.size);
    const double squares = row.kernels->sumOfSquares(piece.in(row.gradData), piece.size);
    return Squares{squares, squares};
  });
  for (const Row& row : rows) {
    if (restores) bump(*row.param);
    if (writes && row.grad != nullptr) bump(*row.grad);
  }
  return {plain.norm(squares.plain), made.norm(squares.made), countGradients(rows)};
}

void restore(at::TensorList params, at::TensorList saved) {
  const at::NoGradGuard noGrad;
  const Rows rows = rowsToRestore(params, saved);
  bringBack(rows);
  for (const Row& row : rows) bump(*row.param);
}

}  // namespace dgsam::ops
