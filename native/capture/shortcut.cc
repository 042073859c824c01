#include "shortcut.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "log_softmax.h"

#if defined(__linux__)
// BLAS, whichever LibTorch has, in the form without 64-bit integers. Some builds do not export it.
extern "C" __attribute__((weak)) void sgemm_(const char* transA, const char* transB, const int* m, const int* n, const int* k, const float* alpha, const float* a,
                                             const int* lda, const float* b, const int* ldb, const float* beta, float* c, const int* ldc);
#endif

namespace dgsam::capture {
namespace {

// A matrix as a product reads it: row by row, or column by column.
struct Matrix {
  int64_t rows, columns, stride;
  bool isTransposed;
};

// Floats in memory that is read as it is.
bool isMemory(const at::Tensor& tensor) {
  return tensor.defined() && tensor.is_cpu() && tensor.layout() == at::kStrided && tensor.scalar_type() == at::kFloat && !tensor.is_neg() && !tensor._is_zerotensor();
}

std::optional<Matrix> matrixOf(const at::Tensor& tensor) {
  if (!isMemory(tensor) || tensor.dim() != 2 || tensor.size(0) < 2 || tensor.size(1) < 2) return std::nullopt;
  const int64_t rows = tensor.size(0), columns = tensor.size(1), down = tensor.stride(0), right = tensor.stride(1);
  if (right == 1 && down >= columns) return Matrix{rows, columns, down, false};
  if (down == 1 && right >= rows) return Matrix{rows, columns, right, true};
  return std::nullopt;
}

bool hasBlas() {
#if defined(__linux__)
  return sgemm_ != nullptr;
#else
  return false;
#endif
}

// result <- beta result + a b, for `count` rows from `first`.
void multiplyRows([[maybe_unused]] const Matrix& a, [[maybe_unused]] const Matrix& b, [[maybe_unused]] int64_t first, [[maybe_unused]] int64_t count,
                  [[maybe_unused]] float beta, [[maybe_unused]] const float* left, [[maybe_unused]] const float* right, [[maybe_unused]] float* result) {
#if defined(__linux__)
  // BLAS has columns where the result has rows: it forms b' a'.
  const int m = static_cast<int>(b.columns), n = static_cast<int>(count), k = static_cast<int>(a.columns);
  const int lda = static_cast<int>(b.stride), ldb = static_cast<int>(a.stride);
  const float alpha = 1;
  sgemm_(b.isTransposed ? "t" : "n", a.isTransposed ? "t" : "n", &m, &n, &k, &alpha, right, &lda, left + first * (a.isTransposed ? 1 : a.stride), &ldb, &beta,
         result + first * m, &m);
#endif
}

// Rows that a library gives to each of its threads, where it shares them out by whole registers.
int64_t rowsOfOneThread(int64_t rows) {
  constexpr int64_t kRegister = 8;
  const int64_t each = (rows + at::get_num_threads() - 1) / at::get_num_threads();
  return (each + kRegister - 1) / kRegister * kRegister;
}

// Floats that lie in memory one after the other.
bool isPlain(const at::Tensor& tensor) { return isMemory(tensor) && tensor.is_contiguous(); }

constexpr int64_t kBlock = 16;

// The orders in which LibTorch sums each column of a matrix of so few rows: by blocks of rows where it has many columns, in
// four interleaved chains in the last few.
constexpr int64_t kMostRows = kBlock * kBlock - 1;

// Of so many columns; their sums stay in registers.
template <int64_t kColumns>
void sumColumnsByBlocks(int64_t rows, int64_t stride, const float* numbers, float* sums) {
  std::array<float, kColumns> blocks{};
  for (int64_t first = 0; first < rows; first += kBlock) {
    std::array<float, kColumns> block{};
    const int64_t end = std::min(first + kBlock, rows);
    for (int64_t row = first; row < end; ++row)
      for (int64_t i = 0; i < kColumns; ++i) block[i] += numbers[row * stride + i];
    for (int64_t i = 0; i < kColumns; ++i) blocks[i] += block[i];
  }
  std::copy(blocks.begin(), blocks.end(), sums);
}

void sumByBlocks(int64_t rows, int64_t columns, const float* numbers, float* sums) {
  constexpr int64_t kWidth = 16;
  int64_t column = 0;
  for (; column + kWidth <= columns; column += kWidth) sumColumnsByBlocks<kWidth>(rows, columns, numbers + column, sums + column);
  for (; column < columns; ++column) sumColumnsByBlocks<1>(rows, columns, numbers + column, sums + column);
}

void sumByChains(int64_t rows, int64_t columns, const float* numbers, float* sums) {
  constexpr int64_t kChains = 4;
  for (int64_t column = 0; column < columns; ++column) {
    std::array<float, kChains> block{}, chains{};
    const int64_t links = rows / kChains;
    for (int64_t link = 0; link < links; ++link) {
      for (int64_t i = 0; i < kChains; ++i) block[i] += numbers[(link * kChains + i) * columns + column];
      if ((link + 1) % kBlock != 0) continue;
      for (int64_t i = 0; i < kChains; ++i) chains[i] += block[i];
      block.fill(0);
    }
    for (int64_t i = 0; i < kChains; ++i) chains[i] += block[i];
    for (int64_t row = links * kChains; row < rows; ++row) chains[0] += numbers[row * columns + column];
    sums[column] = chains[0] + chains[1] + chains[2] + chains[3];
  }
}

void rectify(int64_t elements, const float* numbers, float* results) {
#pragma omp simd
  for (int64_t i = 0; i < elements; ++i) {
    // Read in any case, so that it can be done for several at once. What is no number stays.
    const float number = numbers[i];
    results[i] = number < 0 ? 0 : number;
  }
}

void differentiateRectified(int64_t elements, const float* gradients, const float* numbers, float* results) {
#pragma omp simd
  for (int64_t i = 0; i < elements; ++i) {
    const float number = numbers[i], gradient = gradients[i];
    results[i] = number <= 0 ? 0 : gradient;
  }
}

using Kernel = Shortcut::Kernel;
using Operands = Shortcut::Operands;

// What an instruction is called with.
struct Arguments {
  std::vector<const at::Tensor*> tensors;
  std::vector<const c10::IValue*> values;
  const at::Tensor& result;

  bool isNumber(size_t i, double number) const { return i < values.size() && values[i]->isScalar() && values[i]->toScalar().toDouble() == number; }
  bool isLikeResult(size_t i) const { return isPlain(*tensors[i]) && tensors[i]->sizes() == result.sizes(); }
};

std::vector<Kernel> products(const Arguments& arguments, bool adds) {
  const at::Tensor &left = *arguments.tensors[adds ? 1 : 0], &right = *arguments.tensors[adds ? 2 : 1];
  const std::optional<Matrix> a = matrixOf(left), b = matrixOf(right);
  if (!hasBlas() || !a.has_value() || !b.has_value()) return {};
  const at::Tensor& summand = *arguments.tensors[0];
  if (adds && !(isPlain(summand) && summand.dim() == 1 && summand.size(0) == b->columns && arguments.isNumber(0, 1) && arguments.isNumber(1, 1))) return {};
  const auto inParts = [&](int64_t rows) -> Kernel {
    return [a = *a, b = *b, rows, adds](const Operands& from, float* to) {
      for (int64_t row = 0; row < a.rows && adds; ++row) std::memcpy(to + row * b.columns, from[0], static_cast<size_t>(b.columns) * sizeof(float));
      const float *const x = from[adds ? 1 : 0], *const y = from[adds ? 2 : 1];
      for (int64_t row = 0; row < a.rows; row += rows) multiplyRows(a, b, row, std::min(rows, a.rows - row), adds ? 1 : 0, x, y, to);
    };
  };
  std::vector<Kernel> found{inParts(a->rows)};
  if (rowsOfOneThread(a->rows) < a->rows) found.push_back(inParts(rowsOfOneThread(a->rows)));
  return found;
}

std::vector<Kernel> sumsOfRows(const Arguments& arguments) {
  const at::Tensor& matrix = *arguments.tensors[0];
  const std::vector<const c10::IValue*>& values = arguments.values;
  if (!isPlain(matrix) || matrix.dim() != 2 || matrix.size(0) > kMostRows) return {};
  const bool sumsRows = values[0]->isIntList() && values[0]->toIntVector() == std::vector<int64_t>{0} && values[2]->isNone();
  if (!sumsRows) return {};
  std::vector<Kernel> found;
  for (const auto sum : {sumByBlocks, sumByChains})
    found.emplace_back([rows = matrix.size(0), columns = matrix.size(1), sum](const Operands& from, float* to) { sum(rows, columns, from[0], to); });
  return found;
}

// Of rows, which is what losses of classifiers take.
bool isOfRows(const Arguments& arguments) {
  const at::Tensor& result = arguments.result;
  if (!hasLogSoftmax() || result.dim() != 2 || result.numel() == 0 || result.numel() > kMostLogSoftmax) return false;
  if (!arguments.isNumber(0, 1) && !arguments.isNumber(0, -1)) return false;
  for (size_t i = 0; i < arguments.tensors.size(); ++i)
    if (!arguments.isLikeResult(i)) return false;
  return true;
}

std::vector<Kernel> logSoftmaxes(const Arguments& arguments, bool differentiates) {
  if (!isOfRows(arguments)) return {};
  std::vector<Kernel> found;
  for (const Lanes lanes : {Lanes::Sixteen, Lanes::Eight})
    found.emplace_back([rows = arguments.result.size(0), columns = arguments.result.size(1), lanes, differentiates](const Operands& from, float* to) {
      differentiates ? differentiateLogSoftmax(lanes, rows, columns, from[0], from[1], to) : logSoftmax(lanes, rows, columns, from[0], to);
    });
  return found;
}

std::vector<Kernel> kernelsOf(const std::string& name, const Arguments& arguments) {
  const int64_t elements = arguments.result.numel();
  if (name == "aten::mm" || name == "aten::addmm") return products(arguments, name == "aten::addmm");
  if (name == "aten::sum.dim_IntList") return sumsOfRows(arguments);
  if (name == "aten::_log_softmax" || name == "aten::_log_softmax_backward_data") return logSoftmaxes(arguments, name == "aten::_log_softmax_backward_data");
  if (name == "aten::relu" && arguments.isLikeResult(0)) return {[elements](const Operands& from, float* to) { rectify(elements, from[0], to); }};
  if (name == "aten::threshold_backward" && arguments.isNumber(0, 0) && arguments.isLikeResult(0) && arguments.isLikeResult(1))
    return {[elements](const Operands& from, float* to) { differentiateRectified(elements, from[0], from[1], to); }};
  return {};
}

}  // namespace

Shortcut::Shortcut(std::vector<Slot> operands, Slot result, const Frame& frame, Kernel kernel)
    : operands_(std::move(operands)), result_(result), sizes_(frame[result].sizes().vec()), kernel_(std::move(kernel)) {}

void Shortcut::run(Frame& frame) const {
  static thread_local Operands operands;
  operands.clear();
  for (Slot slot : operands_) operands.push_back(static_cast<const float*>(frame[slot].const_data_ptr()));
  at::Tensor& result = frame[result_];
  if (!result.defined()) result = at::empty(sizes_, at::kFloat);
  kernel_(operands, static_cast<float*>(result.mutable_data_ptr()));
}

std::vector<Shortcut> Shortcut::candidates(const Instruction& instruction, const Frame& frame) {
  const bool givesOne = instruction.ownsResults && instruction.results.size() == 1;
  if (!givesOne || !isPlain(frame[instruction.results[0].slots[0]])) return {};
  const Slot result = instruction.results[0].slots[0];
  Arguments arguments{{}, {}, frame[result]};
  std::vector<Slot> operands;
  for (const auto& [place, last] : instruction.arguments) {
    if (place.kind == Place::Kind::Value) {
      arguments.values.push_back(&place.value);
    } else if (place.kind == Place::Kind::Tensor && place.slots[0] != kNoSlot) {
      operands.push_back(place.slots[0]);
      arguments.tensors.push_back(&frame[place.slots[0]]);
    } else {
      return {};
    }
  }
  std::vector<Shortcut> found;
  for (Kernel& kernel : kernelsOf(instruction.name, arguments)) found.push_back(Shortcut(operands, result, frame, std::move(kernel)));
  return found;
}

}  // namespace dgsam::capture
