// The vector kernels of the climb over one stretch of contiguous memory, chosen for the processor at run time.
//
// They know no tensor. 16-bit elements are widened to float32, and rounded once, when they are stored.
#pragma once

namespace dgsam::ops {

enum class Element { Float, Double, BFloat16, Half };

// What a kernel does with the sum of gradients.
enum class SumMode { None, Overwrite, Add };

// Sums of squares of a gradient as it came, and of what was made of it.
struct Squares {
  double plain;
  double made;
  Squares& operator+=(const Squares& other) {
    plain += other.plain;
    made += other.made;
    return *this;
  }
};

// The inner product of a gradient with another one, and their sums of squares.
struct Products {
  double product;
  double sumSquares;
  double gradSquares;
  Products& operator+=(const Products& other) {
    product += other.product;
    sumSquares += other.sumSquares;
    gradSquares += other.gradSquares;
    return *this;
  }
};

// All pointers are to `n` elements of the kernel's type. Sums of squares are float64 and in an order that depends on `n` alone.
struct Kernels {
  // The sum of g^2.
  double (*sumOfSquares)(const void* g, long n);
  // The sums of g^2 and of (T g)^2, T = |p| + eta.
  Squares (*weightedSumOfSquares)(const void* g, const void* p, double eta, long n);
  // saved <- p unless null;  sum by mode;  p <- p + scale * g, or p + scale * T^2 g with T = |p| + eta when adaptive.
  void (*ascend)(void* p, const void* g, void* saved, void* sum, SumMode mode, double scale, bool adaptive, double eta, long n);
  // sum <- g, or sum + g by mode;  returns the sum of g^2.
  double (*accumulate)(const void* g, void* sum, SumMode mode, long n);
  // The sums of sum * g, sum^2 and g^2.
  Products (*products)(const void* g, const void* sum, long n);
  // g <- sumScale * sum + gradScale * g, without the sum where it is null;  returns the sums of g^2 as it came and as stored.
  Squares (*gather)(void* g, const void* sum, double sumScale, double gradScale, long n);
};

// The kernels of an element type, for the instruction set that LibTorch chose for its own: the environment variable
// ATEN_CPU_CAPABILITY=default|avx2|avx512 lowers both.
const Kernels& kernels(Element element);

}  // namespace dgsam::ops
