// The vector kernels of image augmentation, chosen for the processor at run time as those of kernels.h are.
//
// They know no tensor: pointers are to rows or planes of contiguous elements. All instruction sets give the same bits.
#pragma once

namespace dgsam::ops {

enum class JitterKind { Brightness, Contrast, Saturation, Hue, Grey };

struct JitterStep {
  JitterKind kind;
  // Of hue: sixths of the circle, from -3 to 3.
  float factor;
  // 1 - factor, rounded once.
  float rest;
  // Of contrast: the mean grey value of the image as it comes to this step.
  float mean;
};

// Weights of whole numbers are in units of 2^-22.
constexpr int kWeightBits = 22;

struct ImageKernels {
  // By whether the source is float32 (1) or uint8 (0):  row <- sum_k weights[k] * (row k of source, `stride` elements apart).
  void (*weighRows[2])(const void* source, long stride, const float* weights, long taps, float* row, long n);
  // to[x] <- sum_k weights[k * n + x] * row[first[x] + k], for `first` in order, up or down; reads up to 2 * 16 elements beyond the row.
  void (*weighColumns)(const float* row, const int* first, const float* weights, long taps, float* to, long n);
  // The steps in order, in place, on values from 0 to 1;  returns the sum of the grey values that come out.
  double (*jitter)(float* red, float* green, float* blue, long n, const JitterStep* steps, long count);
  // By whether the source is float32 (1) or uint8 (0):  to <- (scale * source - mean) / deviation
  void (*standardise[2])(const void* source, float* to, float scale, float mean, float deviation, long n);
  // Rounded sums of whole numbers, the weights not negative and of sum 1. A row of three bytes a pixel to the rows of three planes:
  // red[x], green[x], blue[x] <- sum_k weights[x * taps + k] * (pixel first[x] + k of row);  reads a byte beyond the last of these pixels.
  void (*weighPixels)(const unsigned char* row, const int* first, const int* weights, long taps, unsigned char* red, unsigned char* green,
                      unsigned char* blue, long n);
  // to[x] <- sum_k weights[k] * rows[k * stride + x]
  void (*weighByteRows)(const unsigned char* rows, long stride, const int* weights, long taps, unsigned char* to, long n);
};

const ImageKernels& imageKernels();

}  // namespace dgsam::ops
