#include "log_softmax.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

// Clang has other pragmas.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>
#define DGSAM_HAS_VECTOR_FUNCTIONS 1
#endif

namespace dgsam::capture {

#if defined(DGSAM_HAS_VECTOR_FUNCTIONS)

// The rest is built for processors that have these registers; hasLogSoftmax() asks.
#pragma GCC push_options
#pragma GCC target("avx2,fma")

// Sleef's, whose last bits are its own. Some builds of LibTorch do not export them.
extern "C" __attribute__((weak)) __m256 Sleef_expf8_u10(__m256);
extern "C" __attribute__((weak)) __m256 Sleef_logf8_u10(__m256);

namespace {

constexpr int64_t kWidth = 8;

template <typename Function>
void map(int64_t count, float* numbers, Function function) {
  int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) _mm256_storeu_ps(numbers + i, function(_mm256_loadu_ps(numbers + i)));
  if (i == count) return;
  std::array<float, kWidth> rest{};
  std::copy(numbers + i, numbers + count, rest.begin());
  _mm256_storeu_ps(rest.data(), function(_mm256_loadu_ps(rest.data())));
  std::copy(rest.begin(), rest.begin() + (count - i), numbers + i);
}

// The sum of a row in LibTorch's order: one after the other where the row is shorter than a register; else lane by lane, then the
// lanes by halves.
template <int64_t kLanes>
float sum(int64_t columns, const float* row) {
  if (columns < kLanes) {
    float total = row[0];
    for (int64_t i = 1; i < columns; ++i) total += row[i];
    return total;
  }
  std::array<float, kLanes> lanes;
  std::copy(row, row + kLanes, lanes.begin());
  int64_t first = kLanes;
  for (; first + kLanes <= columns; first += kLanes)
    for (int64_t i = 0; i < kLanes; ++i) lanes[i] += row[first + i];
  for (int64_t i = 0; first + i < columns; ++i) lanes[i] += row[first + i];
  for (int64_t half = kLanes / 2; half > 0; half /= 2)
    for (int64_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}

float greatest(int64_t columns, const float* row) {
  float most = row[0];
  bool isNumber = row[0] == row[0];
  for (int64_t i = 1; i < columns; ++i) {
    most = most < row[i] ? row[i] : most;
    isNumber = isNumber && row[i] == row[i];
  }
  if (isNumber) return most;
  // As LibTorch's comparisons give it.
  constexpr uint32_t kAllOnes = 0xffffffff;
  std::memcpy(&most, &kAllOnes, sizeof most);
  return most;
}

template <int64_t kLanes>
void logSoftmaxOf(int64_t rows, int64_t columns, const float* numbers, float* results) {
  std::array<float, kMostLogSoftmax> exponentials, logarithms;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t start = row * columns;
    const float most = greatest(columns, numbers + start);
    for (int64_t i = start; i < start + columns; ++i) exponentials[i] = results[i] = numbers[i] - most;
  }
  map(rows * columns, exponentials.data(), [](__m256 x) __attribute__((target("avx2,fma"))) { return Sleef_expf8_u10(x); });
  for (int64_t row = 0; row < rows; ++row) logarithms[row] = sum<kLanes>(columns, exponentials.data() + row * columns);
  map(rows, logarithms.data(), [](__m256 x) __attribute__((target("avx2,fma"))) { return Sleef_logf8_u10(x); });
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = row * columns; i < (row + 1) * columns; ++i) results[i] -= logarithms[row];
}

template <int64_t kLanes>
void differentiate(int64_t rows, int64_t columns, const float* gradients, const float* outputs, float* results) {
  std::array<float, kMostLogSoftmax> exponentials;
  std::copy(outputs, outputs + rows * columns, exponentials.begin());
  map(rows * columns, exponentials.data(), [](__m256 x) __attribute__((target("avx2,fma"))) { return Sleef_expf8_u10(x); });
  for (int64_t row = 0; row < rows; ++row) {
    const float total = sum<kLanes>(columns, gradients + row * columns);
    for (int64_t i = row * columns; i < (row + 1) * columns; ++i) results[i] = std::fma(-exponentials[i], total, gradients[i]);
  }
}

}  // namespace

void logSoftmax(Lanes lanes, int64_t rows, int64_t columns, const float* numbers, float* results) {
  lanes == Lanes::Sixteen ? logSoftmaxOf<16>(rows, columns, numbers, results) : logSoftmaxOf<8>(rows, columns, numbers, results);
}

void differentiateLogSoftmax(Lanes lanes, int64_t rows, int64_t columns, const float* gradients, const float* outputs, float* results) {
  lanes == Lanes::Sixteen ? differentiate<16>(rows, columns, gradients, outputs, results) : differentiate<8>(rows, columns, gradients, outputs, results);
}

#pragma GCC pop_options

bool hasLogSoftmax() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && Sleef_expf8_u10 != nullptr && Sleef_logf8_u10 != nullptr; }

#else

bool hasLogSoftmax() { return false; }
void logSoftmax(Lanes, int64_t, int64_t, const float*, float*) {}
void differentiateLogSoftmax(Lanes, int64_t, int64_t, const float*, const float*, float*) {}

#endif

}  // namespace dgsam::capture
