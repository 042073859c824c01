#include "kernels.h"

#include <ATen/Version.h>

#include <string>

// A cached build must run on another processor, so no flag of the build names one: the loops are compiled for three
// instruction sets, and the one that LibTorch chose for its own kernels is taken.

#if defined(__GNUC__) && !defined(__clang__)
// Vectors passed by value would tie a function's calling convention to its instruction set; ours are local to a
// namespace each and inlined.
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

// Vectors must stay in registers from one helper to the next.
#define DGSAM_INLINE inline __attribute__((always_inline))
#define DGSAM_INLINE_LAMBDA __attribute__((always_inline))

namespace dgsam::ops {
namespace {

#if defined(__x86_64__) && defined(__GNUC__)
#define DGSAM_X86 1
#endif

namespace baseline {
#define DGSAM_VECTOR_BYTES 16
#include "loops.inc"
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
#include "loops.inc"
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
#include "loops.inc"
#undef DGSAM_VECTOR_BYTES
}  // namespace avx512
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif  // DGSAM_X86

struct Table {
  Kernels byElement[4];
};

Table makeTable() {
  Kernels (*make)(Element) = &baseline::kernelsOf;
#ifdef DGSAM_X86
  const std::string capability = at::get_cpu_capability();
  if (capability == "AVX2") make = &avx2::kernelsOf;
  if (capability == "AVX512") make = &avx512::kernelsOf;
#endif
  return {{make(Element::Float), make(Element::Double), make(Element::BFloat16), make(Element::Half)}};
}

}  // namespace

const Kernels& kernels(Element element) {
  static const Table table = makeTable();
  return table.byElement[static_cast<int>(element)];
}

}  // namespace dgsam::ops
