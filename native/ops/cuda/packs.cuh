// Spans as an argument of a kernel: no copy to the device that a launch would have to wait for, and that a graph would have
// to keep.
#pragma once

#include <cstddef>

#include "spans.h"

namespace dgsam::ops::cuda {

// Arguments may take 4 KiB, or 32 KiB where CUDA 13 is: neither its drivers nor its GPUs know the older limit.
#if defined(CUDART_VERSION) && CUDART_VERSION >= 13000
constexpr int kCapacity = 256;
#else
constexpr int kCapacity = 64;
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

// Calls `launch(pack, blocks)` until all spans are served; empty ones are left out. Returns the number of pieces so far.
template <int kSpans, int kSize = kPiece, typename Launch>
int64_t forEachPack(const std::vector<Span>& spans, int64_t piecesBefore, Launch launch) {
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

struct Numbers {
  const void* data[kMaxNumbers];
  unsigned char element[kMaxNumbers];
  int count;
};

}  // namespace dgsam::ops::cuda
