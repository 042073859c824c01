// All rows of a call as one list of pieces, so that one parallel region serves them all, be they few and big or many and
// small.
#pragma once

#include <ATen/Parallel.h>
#include <c10/util/SmallVector.h>

#include <algorithm>

#include "rows.h"

namespace dgsam::ops {

// A stretch of one row, in elements.
struct Piece {
  const Row* row;
  int64_t start;
  int64_t size;
  // Elements of all pieces before this one.
  int64_t offset;

  // The piece's part of one of the row's pointers; null stays null.
  char* in(char* data) const { return data == nullptr ? nullptr : data + start * row->elementSize; }
  int64_t bytes() const { return size * row->elementSize; }
};

class Pieces {
 public:
  void add(const Row& row) {
    for (int64_t start = 0; start < row.count; start += kSize) {
      const int64_t size = std::min(kSize, row.count - start);
      pieces_.push_back({&row, start, size, elements_});
      elements_ += size;
    }
  }

  size_t size() const { return pieces_.size(); }

  // Calls `body(piece, index)` for each piece. Threads get about as many elements each, not as many pieces.
  template <typename Body>
  void forEach(Body body) const {
    if (elements_ <= kAlone) {
      for (size_t i = 0; i < pieces_.size(); ++i) body(pieces_[i], i);
      return;
    }
    at::parallel_for(0, elements_, kSize, [&](int64_t begin, int64_t end) {
      const auto startsBefore = [](const Piece& piece, int64_t offset) { return piece.offset < offset; };
      for (auto piece = std::lower_bound(pieces_.begin(), pieces_.end(), begin, startsBefore);
           piece != pieces_.end() && piece->offset < end; ++piece)
        body(*piece, static_cast<size_t>(piece - pieces_.begin()));
    });
  }

  // The sum over all pieces of what `body(piece)` returns, in the order of the pieces: the same for any number of threads.
  template <typename Body>
  auto sum(Body body) const {
    using Part = decltype(body(pieces_[0]));
    c10::SmallVector<Part, 32> parts(pieces_.size(), Part{});
    forEach([&](const Piece& piece, size_t index) { parts[index] = body(piece); });
    Part total{};
    for (const Part& part : parts) total += part;
    return total;
  }

 private:
  // Sums are formed piece by piece, so this size is part of a norm's last bit.
  static constexpr int64_t kSize = 8192;
  // Up to here a second thread costs more than it saves.
  static constexpr int64_t kAlone = kSize;

  c10::SmallVector<Piece, 32> pieces_;
  int64_t elements_ = 0;
};

}  // namespace dgsam::ops
