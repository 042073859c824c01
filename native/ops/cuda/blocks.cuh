// What a block of threads of a sweep does: it takes one piece of one span, 16 bytes at a time where all of the span's memory is aligned to that.
#pragma once

#include "elements.cuh"
#include "packs.cuh"

namespace dgsam::ops::cuda {

constexpr int kThreads = 256;

// The piece of a block of threads.
struct Piece {
  int span;
  int64_t start;
  int size;
};

template <int kSize = kPiece, int kSpans>
__device__ Piece pieceOf(const Pack<kSpans>& pack) {
  int low = 0;
  for (int high = pack.spans - 1; low < high;) {
    const int middle = (low + high + 1) / 2;
    if (pack.firstBlock[middle] <= blockIdx.x)
      low = middle;
    else
      high = middle - 1;
  }
  const int64_t start = static_cast<int64_t>(blockIdx.x - pack.firstBlock[low]) * kSize;
  const int64_t left = pack.count[low] - start;
  return {low, start, static_cast<int>(left < kSize ? left : kSize)};
}

template <typename T>
__device__ T* in(const Piece& piece, void* data) {
  return data == nullptr ? nullptr : static_cast<T*>(data) + piece.start;
}

// Null counts as aligned.
__device__ inline bool aligned(const void* a, const void* b = nullptr, const void* c = nullptr, const void* d = nullptr) {
  return (reinterpret_cast<size_t>(a) | reinterpret_cast<size_t>(b) | reinterpret_cast<size_t>(c) | reinterpret_cast<size_t>(d)) % 16 == 0;
}

// Calls `body(place)` for all places of a piece, each in one thread.
template <typename T, typename Body>
__device__ void sweep(int size, bool isAligned, const Body& body) {
  constexpr int kLanes = 16 / sizeof(T);
  const int whole = size / kLanes * kLanes;
  if (isAligned) {
#pragma unroll 2
    for (int i = threadIdx.x * kLanes; i < whole; i += kThreads * kLanes) body(Place<T, kLanes>{i});
  } else {
    // Each thread has the same elements: sums depend on sizes alone.
    for (int i = threadIdx.x * kLanes; i < whole; i += kThreads * kLanes)
      for (int lane = 0; lane < kLanes; ++lane) body(Place<T, 1>{i + lane});
  }
  for (int i = whole + threadIdx.x; i < size; i += kThreads) body(Place<T, 1>{i});
}

}  // namespace dgsam::ops::cuda
