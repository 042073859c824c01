// The flat rows of a call, as the kernels get them: pointers and sizes alone.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace dgsam::ops::cuda {

// One row (rows.h): `count` elements each, null where there is none.
struct Span {
  void* param;
  void* grad;
  void* saved;
  void* sum;
  int64_t count;
  // On the device.
  const double* rho;
  bool weighted;
  // Of optimizers alone.
  void* third = nullptr;
};

// By element type, in the order of dgsam::ops::Element.
using Spans = std::array<std::vector<Span>, 4>;

// A block of threads sweeps so many elements of one span. Sums are formed piece by piece, so this size is part of a norm's
// last bit.
constexpr int kPiece = 8192;

// Of what is copied byte by byte.
constexpr int kBytePiece = 16 * kPiece;

inline int64_t piecesOf(const Span& span, int size = kPiece) { return (span.count + size - 1) / size; }

inline int64_t piecesOf(const Spans& spans) {
  int64_t pieces = 0;
  for (const std::vector<Span>& list : spans)
    for (const Span& span : list) pieces += piecesOf(span);
  return pieces;
}

// Memory on the device for the sums of all pieces, and where their total goes.
struct Sums {
  // Two for each piece.
  double* partials;
  int64_t pieces;
  // What rows add that are no spans, or null: to the first sum and to the second.
  const double* others[2];
  // A number for what comes after the sums.
  double* number;
  // See late.h: what is noted first comes to `at`, be it losses or a norm.
  double* ledger;
  int64_t at;
  // 1 where the step has stopped, else 0; or null.
  float* flag;
};

// What an ascent does: see climb.h.
struct Ascent {
  bool first;
  bool firstSum;
  bool adaptive;
  double eta;
  double shift;
  // Whether one that stops saves and sums nothing either, as climb_ has it. Late steps go on, and find the parameters in what was saved.
  bool wholly = false;
};

struct Gathering {
  // Otherwise gradients are only read.
  bool writes;
  double sumScale;
  double gradScale;
  // Where it is not null, on the device, it replaces gradScale.
  const double* gradScaleOnDevice;
};

// Scalars on the device of one of the four element types each.
struct Number {
  const void* data;
  int element;
};

// How many can be noted at once: by a kernel of their own, and by one of a climb, whose arguments a pack fills.
constexpr int kMaxNumbers = 64;
constexpr int kMaxLosses = 4;

}  // namespace dgsam::ops::cuda
