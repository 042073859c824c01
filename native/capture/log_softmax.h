// log_softmax over the rows of small matrices and its differentiation: the order of sums and the exponentials are LibTorch's, whose
// loops over rows shorter than a register take longer than the arithmetic.
#pragma once

#include <cstdint>

namespace dgsam::capture {

// Floats in one of the processor's registers, as LibTorch's kernels see them.
enum class Lanes : int64_t { Eight = 8, Sixteen = 16 };

// Whether LibTorch's own exponentials and logarithms of several floats at a time can be called.
bool hasLogSoftmax();

// The most numbers that a matrix may have.
constexpr int64_t kMostLogSoftmax = 4096;

// `results` [rows, columns] <- log(softmax(numbers)) of each row.
void logSoftmax(Lanes lanes, int64_t rows, int64_t columns, const float* numbers, float* results);

// `results` [rows, columns] <- gradients - exp(outputs) * the sum of the row's gradients, rounded once.
void differentiateLogSoftmax(Lanes lanes, int64_t rows, int64_t columns, const float* gradients, const float* outputs, float* results);

}  // namespace dgsam::capture
