// The kernels of descents.h. A step is two launches: one thread for each parameter counts and forms the factors that depend on the count, in float64;
// then blocks of threads sweep pieces of spans. Each product, sum and quotient is rounded where foreach functions round it, but
// 16-bit numbers only when they are stored.
#pragma once

#include "blocks.cuh"
#include "descents.h"

namespace dgsam::ops::cuda {

template <int kCount>
struct CounterPack {
  float* step[kCount];
  float* product[kCount];
  int count;
};

static_assert(sizeof(Pack<64>) + sizeof(Descent) <= 4096, "a pack and the step must fit into the arguments of a kernel");

__device__ inline bool isStopped(const Descent& how) { return how.stopped != nullptr && *how.stopped == 1; }

// --- Factors ------------------------------------------------------------------------------------------------------------

// RAdam's, 0 where the variance is not tractable yet.
__device__ inline double rectification(double beta2, double t) {
  const double limit = 2 / (1 - beta2) - 1;
  const double power = pow(beta2, t);
  const double length = limit - 2 * t * power / (1 - power);
  return length > 5 ? sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)) : 0;
}

// One block. The last factor is what decoupled weight decay takes off, as a share: in float32 one less it would lose most of its digits.
template <int kCount>
__global__ void __launch_bounds__(kThreads) advance(const __grid_constant__ CounterPack<kCount> pack, Descent how, double* factors) {
  if (isStopped(how)) return;
  const double lr = how.lrOnDevice == nullptr ? how.lr : *how.lrOnDevice;
  for (int i = static_cast<int>(threadIdx.x); i < pack.count; i += kThreads) {
    double* const own = factors + i * kFactors;
    const float count = *pack.step[i] + 1;
    *pack.step[i] = count;
    const double t = count;
    own[0] = lr;
    own[1] = own[2] = 0;
    own[3] = lr * how.weightDecay;
    switch (how.rule) {
      case Rule::Adam:
        own[0] = lr / (1 - pow(how.beta1, t));
        own[1] = sqrt(1 - pow(how.beta2, t));
        break;
      case Rule::Adagrad:
        own[0] = lr / (1 + (t - 1) * how.extra);
        break;
      case Rule::Adamax:
        own[0] = lr / (1 - pow(how.beta1, t));
        break;
      case Rule::RAdam: {
        const double rectified = rectification(how.beta2, t);
        own[0] = lr / (1 - pow(how.beta1, t));
        own[1] = rectified == 0 ? 0 : own[0] * rectified * sqrt(1 - pow(how.beta2, t));
        break;
      }
      case Rule::NAdam: {
        const double mu = how.beta1 * (1 - 0.5 * pow(0.96, t * how.extra)), next = how.beta1 * (1 - 0.5 * pow(0.96, (t + 1) * how.extra));
        // Rounded to float32 as PyTorch keeps it, and used so.
        const float product = *pack.product[i] * static_cast<float>(mu);
        *pack.product[i] = product;
        own[0] = lr * (1 - mu) / (1 - static_cast<double>(product));
        own[1] = lr * next / (1 - static_cast<double>(product) * next);
        own[2] = 1 - pow(how.beta2, t);
        break;
      }
      default:
        break;
    }
  }
}

// --- Rules --------------------------------------------------------------------------------------------------------------

// One element of a parameter with what is remembered of it.
template <typename Wide>
struct Element {
  Wide param;
  Wide grad;
  Wide first;
  Wide second;
  Wide third;
};

// A step's numbers as elements are computed with.
template <typename Wide>
struct StepNumbers {
  __device__ StepNumbers(const Descent& how, const double* factors)
      : beta1(static_cast<Wide>(how.beta1)), ofGrad(static_cast<Wide>(1 - how.beta1)), beta2(static_cast<Wide>(how.beta2)), ofSquare(static_cast<Wide>(1 - how.beta2)),
        eps(static_cast<Wide>(how.eps)), weightDecay(static_cast<Wide>(how.weightDecay)), extra(static_cast<Wide>(how.extra)) {
    for (int i = 0; i < kFactors; ++i) factor[i] = static_cast<Wide>(factors[i]);
  }

  Wide beta1, ofGrad, beta2, ofSquare, eps, weightDecay, extra;
  Wide factor[kFactors];
};

__device__ inline float root(float value) { return sqrtf(value); }
__device__ inline double root(double value) { return sqrt(value); }

// As lerp: from the nearer end.
template <typename Wide>
__device__ Wide average(Wide mean, Wide value, Wide weight) {
  const Wide way = value - mean;
  return magnitude(weight) < Wide(0.5) ? plus(mean, times(weight, way)) : plus(value, -times(way, 1 - weight));
}

template <typename Wide>
__device__ Wide averageOfSquares(Wide mean, Wide value, Wide beta, Wide weight) {
  return plus(times(mean, beta), times(times(weight, value), value));
}

// A NaN goes on.
template <typename Wide>
__device__ Wide greater(Wide left, Wide right) {
  return left != left || left > right ? left : right;
}

// p - rate * direction / divisor
template <typename Wide>
__device__ Wide descended(Wide param, Wide rate, Wide direction, Wide divisor) {
  return plus(param, times(-rate, direction) / divisor);
}

template <Rule kRule, typename Wide>
__device__ void descendBy(Element<Wide>& e, const StepNumbers<Wide>& n, bool hasSecond, bool hasThird) {
  if constexpr (kRule == Rule::RMSprop) {
    e.first = averageOfSquares(e.first, e.grad, n.beta2, n.ofSquare);
    Wide variance = e.first;
    if (hasThird) {
      e.third = average(e.third, e.grad, n.ofSquare);
      variance = plus(variance, times(-e.third, e.third));
    }
    const Wide divisor = plus(root(variance), n.eps);
    if (hasSecond) {
      e.second = plus(times(e.second, n.extra), e.grad / divisor);
      e.param = plus(e.param, times(-n.factor[0], e.second));
    } else {
      e.param = descended(e.param, n.factor[0], e.grad, divisor);
    }
  } else if constexpr (kRule == Rule::Adagrad) {
    e.first = plus(e.first, times(e.grad, e.grad));
    e.param = descended(e.param, n.factor[0], e.grad, plus(root(e.first), n.eps));
  } else if constexpr (kRule == Rule::Adadelta) {
    e.first = averageOfSquares(e.first, e.grad, n.beta2, n.ofSquare);
    const Wide delta = times(root(plus(e.second, n.eps)) / root(plus(e.first, n.eps)), e.grad);
    e.second = averageOfSquares(e.second, delta, n.beta2, n.ofSquare);
    e.param = plus(e.param, times(-n.factor[0], delta));
  } else if constexpr (kRule == Rule::Adamax) {
    e.first = average(e.first, e.grad, n.ofGrad);
    e.second = greater(times(e.second, n.beta2), plus(magnitude(e.grad), n.eps));
    e.param = descended(e.param, n.factor[0], e.first, e.second);
  } else {
    e.first = average(e.first, e.grad, n.ofGrad);
    e.second = averageOfSquares(e.second, e.grad, n.beta2, n.ofSquare);
    if constexpr (kRule == Rule::Adam) {
      if (hasThird) e.third = greater(e.third, e.second);
      e.param = descended(e.param, n.factor[0], e.first, plus(root(hasThird ? e.third : e.second) / n.factor[1], n.eps));
    } else if constexpr (kRule == Rule::NAdam) {
      const Wide divisor = plus(root(e.second / n.factor[2]), n.eps);
      e.param = descended(descended(e.param, n.factor[0], e.grad, divisor), n.factor[1], e.first, divisor);
    } else {
      e.param = n.factor[1] == 0 ? plus(e.param, times(-n.factor[0], e.first)) : descended(e.param, n.factor[1], e.first, plus(root(e.second), n.eps));
    }
  }
}

template <typename T, Rule kRule, int kSpans>
__global__ void __launch_bounds__(kThreads) descend(const __grid_constant__ Pack<kSpans> pack, Descent how) {
  using Wide = typename Arithmetic<T>::Wide;
  if (isStopped(how)) return;
  const Piece piece = pieceOf(pack);
  T* const p = in<T>(piece, pack.param[piece.span]);
  const T* const g = in<T>(piece, pack.grad[piece.span]);
  T* const first = in<T>(piece, pack.saved[piece.span]);
  T* const second = in<T>(piece, pack.sum[piece.span]);
  T* const third = in<T>(piece, pack.third[piece.span]);
  const StepNumbers<Wide> numbers(how, pack.rho[piece.span]);
  const bool decays = how.weightDecay != 0;
  sweep<T>(piece.size, aligned(p, g, first, second) && aligned(third), [&](auto place) {
    auto params = place.load(p);
    const auto grads = place.load(g);
    // What is not there is computed with all the same, and goes nowhere.
    auto firsts = place.load(first), seconds = second == nullptr ? grads : place.load(second), thirds = third == nullptr ? grads : place.load(third);
    for (int i = 0; i < place.kLanes; ++i) {
      Element<Wide> e{params[i], how.maximize ? -grads[i] : grads[i], firsts[i], seconds[i], thirds[i]};
      if (decays && how.decoupled) e.param = plus(e.param, -times(numbers.factor[3], e.param));
      if (decays && !how.decoupled) e.grad = plus(e.grad, times(numbers.weightDecay, e.param));
      descendBy<kRule>(e, numbers, second != nullptr, third != nullptr);
      params.set(i, e.param);
      firsts.set(i, e.first);
      seconds.set(i, e.second);
      thirds.set(i, e.third);
    }
    place.store(p, params);
    place.store(first, firsts);
    if (second != nullptr) place.store(second, seconds);
    if (third != nullptr) place.store(third, thirds);
  });
}

// --- Launches -----------------------------------------------------------------------------------------------------------

// `launch` as Sweeps has it.
template <typename Launch, int kSpans = kCapacity>
class Descents {
 public:
  explicit Descents(Launch launch) : launch_(launch) {}

  void advance(const std::vector<Counters>& counters, const Descent& how, double* factors) {
    CounterPack<kSpans> pack{};
    for (size_t i = 0; i < counters.size(); ++i) {
      pack.step[pack.count] = counters[i].step;
      pack.product[pack.count++] = counters[i].product;
      if (pack.count < kSpans && i + 1 < counters.size()) continue;
      launch_(&cuda::advance<kSpans>, 1u, kThreads, pack, how, factors);
      factors += pack.count * kFactors;
      pack.count = 0;
    }
  }

  void descend(int element, const std::vector<Span>& spans, const Descent& how) {
    switch (element) {
      case 0:
        return descendIn<float>(spans, how);
      case 1:
        return descendIn<double>(spans, how);
      case 2:
        return descendIn<__nv_bfloat16>(spans, how);
      default:
        return descendIn<__half>(spans, how);
    }
  }

 private:
  template <typename T>
  void descendIn(const std::vector<Span>& spans, const Descent& how) {
    switch (how.rule) {
      case Rule::Adam:
        return descendBy<T, Rule::Adam>(spans, how);
      case Rule::RMSprop:
        return descendBy<T, Rule::RMSprop>(spans, how);
      case Rule::Adagrad:
        return descendBy<T, Rule::Adagrad>(spans, how);
      case Rule::Adadelta:
        return descendBy<T, Rule::Adadelta>(spans, how);
      case Rule::NAdam:
        return descendBy<T, Rule::NAdam>(spans, how);
      case Rule::RAdam:
        return descendBy<T, Rule::RAdam>(spans, how);
      case Rule::Adamax:
        return descendBy<T, Rule::Adamax>(spans, how);
    }
  }

  template <typename T, Rule kRule>
  void descendBy(const std::vector<Span>& spans, const Descent& how) {
    forEachPack<kSpans>(spans, 0, [&](const auto& pack, unsigned blocks) { launch_(&cuda::descend<T, kRule, kSpansOf<decltype(pack)>>, blocks, kThreads, pack, how); });
  }

  Launch launch_;
};

}  // namespace dgsam::ops::cuda
