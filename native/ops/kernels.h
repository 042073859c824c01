// The vector kernels of the climb over one piece of contiguous memory, chosen for the processor at run time.
#pragma once

namespace dgsam::ops {

enum SumMode : int { kNone = 0, kOverwrite = 1, kAdd = 2 };

template <typename T>
struct Kernels {
  // (g, ignored, n) -> sum of g^2
  double (*sumOfSquares)(const T* g, const T* w, long n);
  // (g, w, n) -> sum of (w g)^2
  double (*weightedSumOfSquares)(const T* g, const T* w, long n);
  // saved <- p where saved is given;  sum by mode;  p <- p + scale * g (adaptive: scale * p^2 g)
  void (*ascend)(T* p, const T* g, T* saved, T* sum, int sumMode, T scale, bool adaptive, long n);
  // p <- saved;  g <- scale * (sum + g);  returns the sum of squares of g as it came
  double (*gather)(T* p, const T* saved, T* g, const T* sum, T scale, long n);
};

// T is float or double.
template <typename T>
const Kernels<T>& kernels();

}  // namespace dgsam::ops
