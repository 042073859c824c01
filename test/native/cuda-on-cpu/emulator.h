// As much of CUDA as our kernels use, on the CPU: blocks one after the other, the threads of a block as fibers that a barrier
// switches between. A barrier that not all threads of a block reach ends the process, and so does an unaligned access under
// -fsanitize=alignment. What depends on the order of threads between barriers, or of blocks, shows when `backwards` changes.
#pragma once

#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#define __global__
#define __device__
#define __grid_constant__
#define __launch_bounds__(...)
// One block at a time, and all fibers in one thread.
#define __shared__ static
#define __syncthreads() ::emulator::barrier(__LINE__)

namespace emulator {

struct Index {
  unsigned x;
};

inline Index thread, block;
inline bool backwards = false;
inline long launches = 0;

[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "emulator: %s in thread %u of block %u\n", what, thread.x, block.x);
  std::exit(3);
}

struct Fiber {
  enum { Ready, Waiting, Done } state;
  int line;
  ucontext_t context;
  std::unique_ptr<char[]> stack;
};

inline constexpr size_t kStack = 64 << 10;
inline std::vector<Fiber> fibers;
inline ucontext_t scheduler;
inline std::function<void()> kernel;

inline void barrier(int line) {
  Fiber& fiber = fibers[thread.x];
  fiber.state = Fiber::Waiting;
  fiber.line = line;
  swapcontext(&fiber.context, &scheduler);
}

inline void begin() {
  kernel();
  fibers[thread.x].state = Fiber::Done;
}

inline void make(Fiber& fiber) {
  fiber.state = Fiber::Ready;
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = kStack;
  fiber.context.uc_link = &scheduler;
  makecontext(&fiber.context, &begin, 0);
}

inline void runBlock(unsigned threads) {
  for (unsigned i = 0; i < threads; ++i) make(fibers[i]);
  for (unsigned waiting = threads; waiting > 0;) {
    waiting = 0;
    int line = 0;
    for (unsigned i = 0; i < threads; ++i) {
      thread.x = backwards ? threads - 1 - i : i;
      Fiber& fiber = fibers[thread.x];
      if (fiber.state == Fiber::Done) continue;
      swapcontext(&scheduler, &fiber.context);
      if (fiber.state == Fiber::Done) continue;
      if (waiting++ > 0 && line != fiber.line) fail("a barrier that others do not wait at");
      line = fiber.line;
    }
    if (waiting != 0 && waiting != threads) fail("a barrier that others do not reach");
  }
}

// A launcher, as Sweeps (sweeps.cuh) wants it.
struct Launch {
  template <typename... Parameters, typename... Arguments>
  void operator()(void (*function)(Parameters...), unsigned blocks, int threads, const Arguments&... arguments) const {
    ++launches;
    while (fibers.size() < static_cast<size_t>(threads)) fibers.push_back({Fiber::Done, 0, {}, std::make_unique<char[]>(kStack)});
    kernel = [&] { function(arguments...); };
    for (unsigned i = 0; i < blocks; ++i) {
      block.x = backwards ? blocks - 1 - i : i;
      runBlock(static_cast<unsigned>(threads));
    }
  }
};

}  // namespace emulator

#define threadIdx ::emulator::thread
#define blockIdx ::emulator::block

// --- Arithmetic ---------------------------------------------------------------------------------------------------------
// Compiled with -ffp-contract=off.

inline float __fmul_rn(float left, float right) { return left * right; }
inline double __dmul_rn(double left, double right) { return left * right; }
inline float __fadd_rn(float left, float right) { return left + right; }
inline double __dadd_rn(double left, double right) { return left + right; }

struct __half {
  uint16_t bits;
};
struct __nv_bfloat16 {
  uint16_t bits;
};

inline float __half2float(__half value) {
  const int exponent = value.bits >> 10 & 31, fraction = value.bits & 1023;
  float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24) : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  if (exponent == 31) magnitude = fraction == 0 ? INFINITY : NAN;
  return value.bits & 0x8000 ? -magnitude : magnitude;
}

inline __half __float2half_rn(float value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const float magnitude = std::fabs(value);
  if (std::isnan(value)) return {0x7fff};
  // Halfway to what would be the next number after the largest.
  if (magnitude >= 65520) return {static_cast<uint16_t>(sign | 0x7c00)};
  const int exponent = std::max(magnitude == 0 ? -14 : std::ilogb(magnitude), -14);
  const int steps = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 10 - exponent)));
  // A normal number's leading one counts the exponent up by one, and so does rounding up to the next power.
  return {static_cast<uint16_t>(sign | (((exponent + 14) << 10) + steps))};
}

inline float __bfloat162float(__nv_bfloat16 value) {
  const uint32_t bits = static_cast<uint32_t>(value.bits) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}

inline __nv_bfloat16 __float2bfloat16_rn(float value) {
  if (std::isnan(value)) return {0x7fff};
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  const uint32_t rest = bits & 0xffff, upper = bits >> 16;
  return {static_cast<uint16_t>(upper + (rest > 0x8000 || (rest == 0x8000 && (upper & 1))))};
}
