// The climb's kernels.
//
// Sums are float64, where squares of float32 neither overflow nor vanish, and in an order that depends on sizes alone.
#pragma once

#include "blocks.cuh"
#include "totals.cuh"

namespace dgsam::ops::cuda {

// Threads of the one block that adds the sums of all pieces up.
constexpr int kFinishThreads = 1024;

// As dgsam::ops::kNormEpsilon.
constexpr double kEpsilon = 1e-12;

template <int kSpans>
__device__ void store(Total<kThreads> total, const Pack<kSpans>& pack, double* partials, int64_t pieces) {
  total.reduce();
  if (threadIdx.x != 0) return;
  partials[pack.piecesBefore + blockIdx.x] = total.first;
  partials[pieces + pack.piecesBefore + blockIdx.x] = total.second;
}

__device__ inline double square(double value) { return value * value; }

// --- Kernels ----------------------------------------------------------------------------------------------------------

// What is summed beside g^2: the same again, (T g)^2 with T = |p| + eta where the span is weighted, or sum * g.
enum class Second { Same, Weighted, Product };

template <typename T, Second kSecond, int kSpans>
__global__ void __launch_bounds__(kThreads) measure(const __grid_constant__ Pack<kSpans> pack, double eta, double* partials, int64_t pieces) {
  using Wide = typename Arithmetic<T>::Wide;
  const Piece piece = pieceOf(pack);
  const T* const g = in<T>(piece, pack.grad[piece.span]);
  const T* const p = in<T>(piece, pack.param[piece.span]);
  const T* const a = in<T>(piece, pack.sum[piece.span]);
  const bool weighted = pack.weighted[piece.span];
  const Wide offset = static_cast<Wide>(eta);
  Total<kThreads> total;
  const T* const other = kSecond == Second::Weighted ? p : kSecond == Second::Product ? a : nullptr;
  if (g != nullptr) {
    sweep<T>(piece.size, aligned(g, other), [&](auto place) {
      const auto gradient = place.load(g);
      for (int i = 0; i < place.kLanes; ++i) total.first += square(gradient[i]);
      if constexpr (kSecond == Second::Weighted) {
        if (weighted) {
          const auto param = place.load(p);
          for (int i = 0; i < place.kLanes; ++i)
            total.second += square(static_cast<double>(gradient[i]) * static_cast<double>(plus(magnitude(param[i]), offset)));
        }
      }
      if constexpr (kSecond == Second::Product) {
        const auto sum = place.load(a);
        for (int i = 0; i < place.kLanes; ++i) total.second += static_cast<double>(sum[i]) * static_cast<double>(gradient[i]);
      }
    });
  }
  if (kSecond == Second::Same || (kSecond == Second::Weighted && !weighted)) total.second = total.first;
  store(total, pack, partials, pieces);
}

// When `first`: saved <- p. The sum by `firstSum`. p <- p + scale * g, or p + scale * T^2 g where the span is weighted, with
// scale = rho / (norm + epsilon) + shift, unless the step has stopped: then nothing moves, and `wholly` nothing is saved or summed either. `norm` and
// `moves` are read of thread 0 alone.
template <typename T, int kSpans>
__device__ void ascendPiece(const Pack<kSpans>& pack, const Ascent& how, double norm, bool moves) {
  using Wide = typename Arithmetic<T>::Wide;
  const Piece piece = pieceOf(pack);
  T* const p = in<T>(piece, pack.param[piece.span]);
  const T* const g = in<T>(piece, pack.grad[piece.span]);
  T* const s = how.first ? in<T>(piece, pack.saved[piece.span]) : nullptr;
  T* const a = in<T>(piece, pack.sum[piece.span]);
  const bool isAligned = aligned(p, g, s, a);
  const bool weighted = pack.weighted[piece.span];
  // One division for a block.
  __shared__ Wide factor;
  __shared__ bool goesOn;
  if (threadIdx.x == 0) {
    factor = static_cast<Wide>(*pack.rho[piece.span] / (norm + kEpsilon) + how.shift);
    goesOn = moves;
  }
  __syncthreads();
  const Wide scale = factor;
  const bool isMoved = goesOn;
  if (!isMoved && how.wholly) return;
  if (g == nullptr) {
    sweep<T>(piece.size, isAligned, [&](auto place) {
      if (s != nullptr) place.store(s, place.load(p));
      if (a != nullptr && how.firstSum) place.store(a, {});
    });
    return;
  }
  const Wide offset = static_cast<Wide>(how.eta);
  sweep<T>(piece.size, isAligned, [&](auto place) {
    const auto gradient = place.load(g);
    auto param = place.load(p);
    if (a != nullptr) {
      auto sum = gradient;
      if (!how.firstSum) {
        sum = place.load(a);
        for (int i = 0; i < place.kLanes; ++i) sum.set(i, plus(sum[i], gradient[i]));
      }
      place.store(a, sum);
    }
    if (s != nullptr) place.store(s, param);
    if (!isMoved) return;
    for (int i = 0; i < place.kLanes; ++i) {
      const Wide weight = plus(magnitude(param[i]), offset);
      const Wide direction = weighted ? times(times(weight, weight), gradient[i]) : gradient[i];
      param.set(i, plus(param[i], times(scale, direction)));
    }
    place.store(p, param);
  });
}

// sum <- g, or sum + g unless `first`.
template <typename T, int kSpans>
__global__ void __launch_bounds__(kThreads) accumulate(const __grid_constant__ Pack<kSpans> pack, bool first, double* partials, int64_t pieces) {
  const Piece piece = pieceOf(pack);
  const T* const g = in<T>(piece, pack.grad[piece.span]);
  T* const a = in<T>(piece, pack.sum[piece.span]);
  Total<kThreads> total;
  if (g != nullptr || first) {
    sweep<T>(piece.size, aligned(g, a), [&](auto place) {
      if (g == nullptr) return place.store(a, {});
      const auto gradient = place.load(g);
      auto sum = gradient;
      if (!first) sum = place.load(a);
      for (int i = 0; i < place.kLanes; ++i) {
        total.first += square(gradient[i]);
        if (!first) sum.set(i, plus(sum[i], gradient[i]));
      }
      place.store(a, sum);
    });
  }
  total.second = total.first;
  store(total, pack, partials, pieces);
}

// p <- saved, bit for bit;  g <- sumScale * sum + gradScale * g, without what is null. The sums are of g^2 as it came and as
// it was stored.
template <typename T, int kSpans>
__global__ void __launch_bounds__(kThreads) gather(const __grid_constant__ Pack<kSpans> pack, Gathering how, double* partials, int64_t pieces) {
  using Wide = typename Arithmetic<T>::Wide;
  const Piece piece = pieceOf(pack);
  T* const p = in<T>(piece, pack.param[piece.span]);
  T* const g = in<T>(piece, pack.grad[piece.span]);
  const T* const s = in<T>(piece, pack.saved[piece.span]);
  const T* const a = in<T>(piece, pack.sum[piece.span]);
  const Wide sumScale = static_cast<Wide>(how.sumScale);
  const Wide gradScale = static_cast<Wide>(how.gradScaleOnDevice == nullptr ? how.gradScale : *how.gradScaleOnDevice);
  Total<kThreads> total;
  sweep<T>(piece.size, aligned(s == nullptr ? nullptr : p, g, s, a), [&](auto place) {
    if (s != nullptr) place.store(p, place.load(s));
    if (g == nullptr) return;
    const auto gradient = place.load(g);
    for (int i = 0; i < place.kLanes; ++i) total.first += square(gradient[i]);
    if (!how.writes) return;
    auto made = gradient;
    if (a != nullptr) made = place.load(a);
    for (int i = 0; i < place.kLanes; ++i) {
      const Wide scaled = times(gradScale, gradient[i]);
      made.set(i, a == nullptr ? scaled : plus(times(sumScale, made[i]), scaled));
      // As stored: rounding may overflow.
      total.second += square(made[i]);
    }
    place.store(g, made);
  });
  if (!how.writes) total.second = total.first;
  store(total, pack, partials, pieces);
}

// tensor <- saved, bit for bit, where the step has stopped, or without a ledger. Counts are bytes.
template <int kSpans>
__global__ void __launch_bounds__(kThreads) revert(const __grid_constant__ Pack<kSpans> pack, const double* ledger) {
  if (ledger != nullptr && *ledger == 0) return;
  using Byte = unsigned char;
  const Piece piece = pieceOf<kBytePiece>(pack);
  Byte* const p = in<Byte>(piece, pack.param[piece.span]);
  const Byte* const s = in<Byte>(piece, pack.saved[piece.span]);
  sweep<Byte>(piece.size, aligned(p, s), [&](auto place) { place.store(p, place.load(s)); });
}

// --- The end of a sum ---------------------------------------------------------------------------------------------------

__device__ inline bool finite(double number) { return number - number == 0; }

__device__ inline void noteNumber(double* ledger, int64_t at, double number) {
  ledger[at] = number;
  if (ledger[0] == 0 && !finite(number)) ledger[0] = static_cast<double>(at);
}

__device__ inline void writeStop(const double* ledger, float* flag) { *flag = *ledger == 0 ? 0 : 1; }

// The norms of g and of what divides; notes the one that is not finite, if one is.
struct NoteClimb {
  __device__ static void end(const Sums& sums, double first, double second, double, double) {
    const double plain = sqrt(first);
    const double norm = sqrt(second);
    *sums.number = norm;
    noteNumber(sums.ledger, sums.at, finite(norm) ? plain : norm);
  }
};

struct NoteFirst {
  __device__ static void end(const Sums& sums, double first, double, double, double) { noteNumber(sums.ledger, sums.at, sqrt(first)); }
};

struct NoteBoth {
  __device__ static void end(const Sums& sums, double first, double second, double, double) {
    noteNumber(sums.ledger, sums.at, sqrt(first));
    noteNumber(sums.ledger, sums.at + 1, sqrt(second));
    if (sums.flag != nullptr) writeStop(sums.ledger, sums.flag);
  }
};

// (1 + alpha c) / lossScale with c = <s, g> / ||g||^2. No direction is orthogonal to a zero gradient.
struct OrthogonalScale {
  __device__ static void end(const Sums& sums, double square, double product, double alpha, double lossScale) {
    *sums.number = (1 + alpha * (square == 0 ? 0 : product / square)) / lossScale;
  }
};

template <int kCount>
__device__ double mean(const Numbers<kCount>& numbers) {
  double sum = 0;
  for (int i = 0; i < numbers.count; ++i) {
    const void* const data = numbers.data[i];
    switch (numbers.element[i]) {
      case 0:
        sum += *static_cast<const float*>(data);
        break;
      case 1:
        sum += *static_cast<const double*>(data);
        break;
      case 2:
        sum += __bfloat162float(*static_cast<const __nv_bfloat16*>(data));
        break;
      default:
        sum += __half2float(*static_cast<const __half*>(data));
    }
  }
  return sum / numbers.count;
}

// The losses, where there are any, and what is made of the sums.
template <typename End>
__device__ void note(Sums sums, const Losses& losses, double first, double second, double alpha = 0, double lossScale = 1) {
  if (losses.count > 0) noteNumber(sums.ledger, sums.at++, mean(losses));
  End::end(sums, first, second, alpha, lossScale);
}

// One block.
template <typename End>
__global__ void __launch_bounds__(kFinishThreads) finish(Sums sums, Losses losses, double alpha, double lossScale) {
  Total<kFinishThreads> total;
#pragma unroll 4
  for (int64_t i = threadIdx.x; i < sums.pieces; i += kFinishThreads) {
    total.first += sums.partials[i];
    total.second += sums.partials[sums.pieces + i];
  }
  total.reduce();
  if (threadIdx.x != 0) return;
  if (sums.others[0] != nullptr) total.first += *sums.others[0];
  if (sums.others[1] != nullptr) total.second += *sums.others[1];
  note<End>(sums, losses, total.first, total.second, alpha, lossScale);
}

// --- Ascents ------------------------------------------------------------------------------------------------------------

// After finish<NoteClimb>.
template <typename T, int kSpans>
__global__ void __launch_bounds__(kThreads) ascend(const __grid_constant__ Pack<kSpans> pack, Ascent how, const double* norm, const double* ledger) {
  ascendPiece<T>(pack, how, *norm, *ledger == 0);
}

// Instead of it, where there are no more pieces than threads and nothing is added to the sums: each block adds them up, in the same
// order. The first block of the first launch notes what they come to; whether another block reads the ledger before or after, it finds the same.
template <typename T, int kSpans>
__global__ void __launch_bounds__(kThreads) ascendAfterSums(const __grid_constant__ Pack<kSpans> pack, Ascent how, Sums sums, Losses losses, bool notes) {
  Total<kThreads> total;
  if (threadIdx.x < sums.pieces) {
    total.first = sums.partials[threadIdx.x];
    total.second = sums.partials[sums.pieces + threadIdx.x];
  }
  total.reduce();
  double norm = 0;
  bool moves = false;
  if (threadIdx.x == 0) {
    norm = sqrt(total.second);
    moves = *sums.ledger == 0 && (losses.count == 0 || finite(mean(losses))) && finite(sqrt(total.first)) && finite(norm);
    if (notes && blockIdx.x == 0) note<NoteClimb>(sums, losses, total.first, total.second);
  }
  ascendPiece<T>(pack, how, norm, moves);
}

// --- Small ones ---------------------------------------------------------------------------------------------------------

// One thread.
static __global__ void storeStop(const double* ledger, float* flag) { writeStop(ledger, flag); }

// The mean. One thread.
static __global__ void noteMean(const __grid_constant__ Numbers<kMaxNumbers> numbers, double* ledger, int64_t at) { noteNumber(ledger, at, mean(numbers)); }

}  // namespace dgsam::ops::cuda
