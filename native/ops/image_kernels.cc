#include "image_kernels.h"

#include <ATen/Version.h>

#include <string>

// Compiled for three instruction sets, as kernels.cc says.

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

#define DGSAM_INLINE inline __attribute__((always_inline))
#define DGSAM_INLINE_LAMBDA __attribute__((always_inline))

namespace dgsam::ops {
namespace {

#if defined(__x86_64__) && defined(__GNUC__)
#define DGSAM_X86 1
#endif

namespace baseline {
#define DGSAM_VECTOR_BYTES 16
#include "images.inc"
#undef DGSAM_VECTOR_BYTES
}  // namespace baseline

#ifdef DGSAM_X86

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
namespace avx2 {
#define DGSAM_VECTOR_BYTES 32
#include "images.inc"
#undef DGSAM_VECTOR_BYTES
}  // namespace avx2
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl")
#endif
namespace avx512 {
#define DGSAM_VECTOR_BYTES 64
#include "images.inc"
#undef DGSAM_VECTOR_BYTES
}  // namespace avx512
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // DGSAM_X86

ImageKernels makeImageKernels() {
#ifdef DGSAM_X86
  const std::string capability = at::get_cpu_capability();
  if (capability == "AVX512") return avx512::imageKernelsOf();
  if (capability == "AVX2") return avx2::imageKernelsOf();
#endif
  return baseline::imageKernelsOf();
}

}  // namespace

const ImageKernels& imageKernels() {
  static const ImageKernels kernels = makeImageKernels();
  return kernels;
}

}  // namespace dgsam::ops
