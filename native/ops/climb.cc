#include "climb.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/SmallVector.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels.h"

namespace dgsam::ops {
namespace {

constexpr double kNormEpsilon = 1e-12;
// A piece is what one thread takes at a time. Norms are summed piece by piece in a fixed order, so they do not depend on
// the number of threads.
constexpr int64_t kPiece = 32768;

// One parameter with its companions; undefined where a list is empty or a gradient is missing.
struct Row {
  at::Tensor param, grad, saved, sum;
};

using Rows = c10::SmallVector<Row, 16>;

void checkLength(const char* name, const char* list, size_t size, size_t expected) {
  TORCH_CHECK(size == expected, "dgsam::", name, ": expected ", expected, " tensors in '", list, "', one per parameter, got ", size);
}

void checkCompanion(const char* name, const char* list, size_t index, const at::Tensor& tensor, const at::Tensor& param) {
  if (!tensor.defined()) return;
  TORCH_CHECK(tensor.layout() == at::kStrided, "dgsam::", name, ": ", list, "[", index, "]: expected a dense tensor, got layout ",
              tensor.layout());
  TORCH_CHECK(tensor.sizes().equals(param.sizes()), "dgsam::", name, ": ", list, "[", index, "]: expected shape ", param.sizes(),
              " as its parameter, got ", tensor.sizes());
  TORCH_CHECK(tensor.scalar_type() == param.scalar_type(), "dgsam::", name, ": ", list, "[", index, "]: expected dtype ",
              param.scalar_type(), " as its parameter, got ", tensor.scalar_type());
  TORCH_CHECK(tensor.device() == param.device(), "dgsam::", name, ": ", list, "[", index, "]: expected device ", param.device(),
              " as its parameter, got ", tensor.device());
}

void checkFloating(const char* name, const char* list, size_t index, const at::Tensor& tensor) {
  TORCH_CHECK(tensor.defined(), "dgsam::", name, ": ", list, "[", index, "] is undefined");
  TORCH_CHECK(tensor.layout() == at::kStrided, "dgsam::", name, ": ", list, "[", index, "]: expected a dense tensor, got layout ",
              tensor.layout());
  TORCH_CHECK(at::isFloatingType(tensor.scalar_type()) || at::isComplexType(tensor.scalar_type()), "dgsam::", name, ": ", list, "[",
              index, "]: expected a floating-point or complex dtype, got ", tensor.scalar_type());
}

// Rows of parameters with their own gradients; `saved` and `sums` may be empty.
Rows makeRows(const char* name, at::TensorList params, at::TensorList saved, at::TensorList sums, bool withGrads = true) {
  if (!saved.empty()) checkLength(name, "saved", saved.size(), params.size());
  if (!sums.empty()) checkLength(name, "sums", sums.size(), params.size());
  Rows rows;
  rows.reserve(params.size());
  for (size_t i = 0; i < params.size(); ++i) {
    checkFloating(name, "params", i, params[i]);
    Row row{params[i], withGrads ? params[i].grad() : at::Tensor(), saved.empty() ? at::Tensor() : saved[i],
            sums.empty() ? at::Tensor() : sums[i]};
    checkCompanion(name, "gradients of params", i, row.grad, row.param);
    checkCompanion(name, "saved", i, row.saved, row.param);
    checkCompanion(name, "sums", i, row.sum, row.param);
    rows.push_back(std::move(row));
  }
  return rows;
}

int64_t countGradients(const Rows& rows) {
  return std::count_if(rows.begin(), rows.end(), [](const Row& row) { return row.grad.defined(); });
}

bool fastType(const at::Tensor& tensor) {
  return tensor.device().is_cpu() && (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kDouble) &&
         tensor.is_non_overlapping_and_dense() && !tensor.is_neg();
}

bool follows(const at::Tensor& tensor, const at::Tensor& param) {
  return !tensor.defined() || (tensor.strides().equals(param.strides()) && !tensor.is_neg());
}

// Whether all of the row is flat CPU memory in one order.
bool isFlat(const Row& row) {
  return fastType(row.param) && follows(row.grad, row.param) && follows(row.saved, row.param) && follows(row.sum, row.param);
}

// A stretch of one row.
struct Piece {
  const Row* row;
  int64_t start;
  int64_t size;
};

using Pieces = c10::SmallVector<Piece, 32>;

void addPieces(Pieces& pieces, const Row& row) {
  const int64_t count = row.param.numel();
  for (int64_t start = 0; start < count; start += kPiece) pieces.push_back({&row, start, std::min(kPiece, count - start)});
}

// Runs `body(piece, index)` over all pieces of all rows in one parallel region.
template <typename Body>
void forEachPiece(const Pieces& pieces, Body body) {
  int64_t elements = 0;
  for (const Piece& piece : pieces) elements += piece.size;
  const auto run = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(pieces[i], i);
  };
  const auto count = static_cast<int64_t>(pieces.size());
  if (elements <= kPiece) return run(0, count);
  at::parallel_for(0, count, 1, run);
}

// Calls `body` with a null pointer of the row's element type.
template <typename Body>
auto byType(const at::Tensor& tensor, Body body) {
  return tensor.scalar_type() == at::kFloat ? body(static_cast<float*>(nullptr)) : body(static_cast<double*>(nullptr));
}

template <typename T>
T* at_(const at::Tensor& tensor, int64_t start) {
  return tensor.defined() ? static_cast<T*>(tensor.data_ptr()) + start : nullptr;
}

double sumInOrder(const c10::SmallVectorImpl<double>& parts) {
  double total = 0;
  for (const double part : parts) total += part;
  return total;
}

// Sum of squares of what our kernels do not sweep, as a float64 scalar on its device. Complex numbers count by modulus.
at::Tensor slowSquares(const at::Tensor& tensor) {
  const at::ScalarType wide = at::isComplexType(tensor.scalar_type()) ? at::kComplexDouble : at::kDouble;
  return at::linalg_vector_norm(tensor, 2, std::nullopt, false, wide).abs().square();
}

// The norm that these sums of squares make, on the host and on a device together.
at::Tensor toNorm(double squares, const at::Tensor& others, const at::Device& device) {
  const auto options = at::TensorOptions().dtype(at::kDouble).device(device);
  if (!others.defined()) return at::scalar_tensor(std::sqrt(squares), options);
  return (others + squares).sqrt_();
}

void bump(const at::Tensor& tensor) {
  if (tensor.defined() && !tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
}

enum class Weight { None, Params };

at::Tensor normOf(const Rows& rows, Weight weight) {
  const at::NoGradGuard noGrad;
  Pieces pieces;
  at::Tensor slow;
  at::Device device(at::kCPU);
  for (const Row& row : rows) {
    if (!row.grad.defined()) continue;
    device = row.grad.device();
    if (isFlat(row)) {
      addPieces(pieces, row);
    } else {
      const at::Tensor squares = slowSquares(weight == Weight::Params ? row.grad * row.param : row.grad);
      slow = slow.defined() ? slow + squares : squares;
    }
  }
  c10::SmallVector<double, 64> parts(pieces.size(), 0.0);
  forEachPiece(pieces, [&](const Piece& piece, int64_t index) {
    byType(piece.row->grad, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      const auto& loops = kernels<T>();
      const T* g = at_<T>(piece.row->grad, piece.start);
      parts[index] = weight == Weight::Params ? loops.weightedSumOfSquares(g, at_<T>(piece.row->param, piece.start), piece.size)
                                              : loops.sumOfSquares(g, nullptr, piece.size);
    });
  });
  return toNorm(sumInOrder(parts), slow, device);
}

void slowAccumulate(const Row& row, bool first) {
  if (!row.grad.defined()) {
    if (first) row.sum.zero_();
  } else if (first) {
    row.sum.copy_(row.grad);
  } else {
    row.sum.add_(row.grad);
  }
}

void slowAscend(const Row& row, const at::Tensor& norm, double rho, bool first, bool adaptive) {
  const at::NoGradGuard noGrad;
  if (first && row.saved.defined()) row.saved.copy_(row.param);
  if (row.sum.defined()) slowAccumulate(row, first);
  if (!row.grad.defined()) return;
  const at::ScalarType real = c10::toRealValueType(row.param.scalar_type());
  const at::Tensor scale = (rho / (norm + kNormEpsilon)).to(row.param.device(), real == at::kDouble ? at::kDouble : at::kFloat);
  const at::Tensor direction = adaptive ? row.grad * (row.param * row.param.conj()) : row.grad;
  row.param.add_(direction * scale);
}

// Whether a norm on the host is not finite. On a device nobody looks: that would make the host wait.
bool knownNonFinite(const at::Tensor& norm) {
  return norm.device().is_cpu() && !std::isfinite(*static_cast<const double*>(norm.const_data_ptr()));
}

void ascend(const Rows& rows, const at::Tensor& norm, at::ArrayRef<double> rho, bool first, bool adaptive) {
  Pieces pieces;
  c10::SmallVector<double, 16> scales(rows.size(), 0.0);
  const bool hostNorm = norm.device().is_cpu();
  const double denominator = hostNorm ? *static_cast<const double*>(norm.const_data_ptr()) + kNormEpsilon : 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    if (hostNorm && isFlat(row) && row.grad.defined()) {
      scales[i] = rho[i] / denominator;
      addPieces(pieces, row);
    } else {
      slowAscend(row, norm, rho[i], first, adaptive);
    }
  }
  const Row* begin = rows.data();
  forEachPiece(pieces, [&](const Piece& piece, int64_t) {
    byType(piece.row->param, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      const Row& row = *piece.row;
      const SumMode mode = !row.sum.defined() ? kNone : first ? kOverwrite : kAdd;
      kernels<T>().ascend(at_<T>(row.param, piece.start), at_<T>(row.grad, piece.start),
                          first ? at_<T>(row.saved, piece.start) : nullptr, at_<T>(row.sum, piece.start), mode,
                          static_cast<T>(scales[piece.row - begin]), adaptive, piece.size);
    });
  });
}

}  // namespace

at::Tensor globalNorm(const OptionalTensors& tensors) {
  Rows rows;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const std::optional<at::Tensor> tensor = tensors.get(i);
    if (!tensor.has_value() || !tensor->defined()) continue;
    checkFloating("global_norm", "tensors", i, *tensor);
    rows.push_back({*tensor, *tensor, {}, {}});
  }
  return normOf(rows, Weight::None);
}

std::tuple<at::Tensor, int64_t> climb(at::TensorList params, at::TensorList saved, at::TensorList sums, at::ArrayRef<double> rho,
                                      bool first, bool adaptive) {
  const at::NoGradGuard noGrad;
  const Rows rows = makeRows("climb_", params, saved, sums);
  TORCH_CHECK(rho.size() == params.size(), "dgsam::climb_: expected ", params.size(), " radii in 'rho', one per parameter, got ",
              rho.size());
  const at::Tensor norm = normOf(rows, Weight::None);
  const at::Tensor weighted = adaptive ? normOf(rows, Weight::Params) : norm;
  if (knownNonFinite(norm) || knownNonFinite(weighted)) {
    // Nothing moves, but whoever undoes the step finds what to restore.
    if (first)
      for (const Row& row : rows)
        if (row.saved.defined()) row.saved.copy_(row.param);
    return {knownNonFinite(norm) ? norm : weighted, countGradients(rows)};
  }
  ascend(rows, weighted, rho, first, adaptive);
  for (const Row& row : rows) {
    if (row.grad.defined()) bump(row.param);
    if (first) bump(row.saved);
    bump(row.sum);
  }
  return {norm, countGradients(rows)};
}

std::tuple<at::Tensor, int64_t> accumulate(at::TensorList params, at::TensorList sums, bool first) {
  const at::NoGradGuard noGrad;
  checkLength("accumulate_", "sums", sums.size(), params.size());
  const Rows rows = makeRows("accumulate_", params, {}, sums);
  for (const Row& row : rows) slowAccumulate(row, first);
  return {normOf(rows, Weight::None), countGradients(rows)};
}

std::tuple<at::Tensor, int64_t> gather(at::TensorList params, at::TensorList saved, at::TensorList sums, double scale) {
  const at::NoGradGuard noGrad;
  // Empty lists mean "none" to makeRows; here both are needed.
  checkLength("gather_", "saved", saved.size(), params.size());
  checkLength("gather_", "sums", sums.size(), params.size());
  const Rows rows = makeRows("gather_", params, saved, sums);
  Pieces pieces;
  at::Tensor slow;
  at::Device device(at::kCPU);
  for (const Row& row : rows) {
    device = row.param.device();
    if (isFlat(row) && row.grad.defined()) {
      addPieces(pieces, row);
      continue;
    }
    row.param.copy_(row.saved);
    if (!row.grad.defined()) continue;
    const at::Tensor squares = slowSquares(row.grad);
    slow = slow.defined() ? slow + squares : squares;
    row.grad.add_(row.sum).mul_(scale);
  }
  c10::SmallVector<double, 64> parts(pieces.size(), 0.0);
  forEachPiece(pieces, [&](const Piece& piece, int64_t index) {
    byType(piece.row->param, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      const Row& row = *piece.row;
      parts[index] = kernels<T>().gather(at_<T>(row.param, piece.start), at_<T>(row.saved, piece.start),
                                         at_<T>(row.grad, piece.start), at_<T>(row.sum, piece.start), static_cast<T>(scale), piece.size);
    });
  });
  for (const Row& row : rows) {
    bump(row.param);
    bump(row.grad);
  }
  return {toNorm(sumInOrder(parts), slow, device), countGradients(rows)};
}

void restore(at::TensorList params, at::TensorList saved) {
  const at::NoGradGuard noGrad;
  checkLength("restore_", "saved", saved.size(), params.size());
  const Rows rows = makeRows("restore_", params, saved, {}, /*withGrads=*/false);
  Pieces pieces;
  for (const Row& row : rows) {
    if (isFlat(row))
      addPieces(pieces, row);
    else
      row.param.copy_(row.saved);
  }
  forEachPiece(pieces, [](const Piece& piece, int64_t) {
    const size_t width = piece.row->param.element_size();
    std::memcpy(static_cast<char*>(piece.row->param.data_ptr()) + piece.start * width,
                static_cast<const char*>(piece.row->saved.const_data_ptr()) + piece.start * width, piece.size * width);
  });
  for (const Row& row : rows) bump(row.param);
}

void bumpVersion(at::TensorList tensors) {
  for (const at::Tensor& tensor : tensors) bump(tensor);
}

void advanceSteps(at::TensorList steps) {
  const at::NoGradGuard noGrad;
  for (const at::Tensor& step : steps) {
    if (step.device().is_cpu() && step.scalar_type() == at::kFloat && step.numel() == 1)
      ++*static_cast<float*>(step.mutable_data_ptr());
    else
      step.add_(1);
    bump(step);
  }
}

}  // namespace dgsam::ops
