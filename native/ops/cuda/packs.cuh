// Spans as an argument of a kernel: no copy to the device that a launch would have to wait for, and that a graph would have
// to keep.
#pragma once

#include <cstddef>
#include <type_traits>

#include "spans.h"

namespace dgsam::ops::cuda {

// Arguments may take 4 KiB, or 32 KiB where CUDA 13 is: neither its drivers nor its GPUs know the older limit. They go with a launch as
// a whole, however much of them is used, so that few spans get a pack of less.
constexpr int kFewSpans = 64;
#if defined(CUDART_VERSION) && CUDART_VERSION >= 13000
constexpr int kCapacity = 256;
#else
constexpr int kCapacity = kFewSpans;
#endif

template <int kSpans>
struct Pack {
  void* param[kSpans];
  void* grad[kSpans];
  void* saved[kSpans];
  void* sum[kSpans];
  int64_t count[kSpans];
  const double* rho[kSpans];
  void* third[kSpans];
  // The span's first block of threads.
  unsigned firstBlock[kSpans];
  bool weighted[kSpans];
  int spans;
  // In packs before this one.
  int64_t piecesBefore;
};

static_assert(sizeof(Pack<64>) < 3950 && sizeof(Pack<256>) < 16000, "a pack and a kernel's other arguments must fit");

// How many spans there is room for in a pack.
template <typename Reference>
constexpr int kSpansOf = std::extent_v<decltype(std::remove_cvref_t<Reference>::weighted)>;

// Calls `launch(pack, blocks)` until all spans are served; empty ones are left out. Returns the number of pieces so far.
template <int kSpans, int kSize = kPiece, typename Launch>
int64_t forEachPack(const std::vector<Span>& spans, int64_t piecesBefore, Launch launch) {
  if constexpr (kSpans > kFewSpans) {
    if (spans.size() <= kFewSpans) return forEachPack<kFewSpans, kSize>(spans, piecesBefore, launch);
  }
  // Blocks are counted in 31 bits.
  constexpr int64_t kMaxBlocks = 0x7fffffff;
  Pack<kSpans> pack{};
  pack.piecesBefore = piecesBefore;
  int64_t blocks = 0;
  const auto flush = [&] {
    if (pack.spans == 0) return;
    launch(pack, static_cast<unsigned>(blocks));
    pack.piecesBefore += blocks;
    pack.spans = 0;
    blocks = 0;
  };
  for (const Span& span : spans) {
    if (span.count == 0) continue;
    if (pack.spans == kSpans || blocks + piecesOf(span, kSize) > kMaxBlocks) flush();
    const int i = pack.spans++;
    pack.param[i] = span.param;
    pack.grad[i] = span.grad;
    pack.saved[i] = span.saved;
    pack.sum[i] = span.sum;
    pack.count[i] = span.count;
    pack.rho[i] = span.rho;
    pack.weighted[i] = span.weighted;
    pack.third[i] = span.third;
    pack.firstBlock[i] = static_cast<unsigned>(blocks);
    blocks += piecesOf(span, kSize);
  }
  flush();
  return pack.piecesBefore;
}

template <int kCount>
struct Numbers {
  const void* data[kCount];
  unsigned char element[kCount];
  int count;

  // At most so many.
  explicit Numbers(const std::vector<Number>& values) : count(static_cast<int>(values.size())) {
    for (int i = 0; i < count; ++i) {
      data[i] = values[i].data;
      element[i] = static_cast<unsigned char>(values[i].element);
    }
  }
};

using Losses = Numbers<kMaxLosses>;

static_assert(sizeof(Pack<64>) + sizeof(Ascent) + sizeof(Sums) + sizeof(Losses) + 8 <= 4096, "the arguments of the kernel with most of them must fit");

}  // namespace dgsam::ops::cuda
