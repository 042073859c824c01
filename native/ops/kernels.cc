#include "kernels.h"

// A cached build must run on another processor, so no flag of the build names one: the loops are compiled for three
// instruction sets and the best that the running processor has is taken.

namespace dgsam::ops {
namespace {

#if defined(__x86_64__) && defined(__GNUC__)
#define DGSAM_X86 1
#endif

namespace baseline {
#include "loops.inc"
}  // namespace baseline

#ifdef DGSAM_X86

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
namespace avx2 {
#include "loops.inc"
}  // namespace avx2
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f")
#endif
namespace avx512 {
#include "loops.inc"
}  // namespace avx512
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // DGSAM_X86

template <typename T>
Kernels<T> choose() {
#ifdef DGSAM_X86
  if (__builtin_cpu_supports("avx512f")) return avx512::makeKernels<T>();
  if (__builtin_cpu_supports("avx2")) return avx2::makeKernels<T>();
#endif
  return baseline::makeKernels<T>();
}

}  // namespace

template <typename T>
const Kernels<T>& kernels() {
  static const Kernels<T> chosen = choose<T>();
  return chosen;
}

template const Kernels<float>& kernels<float>();
template const Kernels<double>& kernels<double>();

}  // namespace dgsam::ops
