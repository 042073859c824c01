// Tensors of the device and of the reference alike, somewhere in memory that must stay as it is around them.
#pragma once

#include <random>
#include <string>

#include "../../../native/ops/kernels.h"

using dgsam::ops::Element;

inline std::mt19937_64 randomNumbers;

inline int64_t between(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(randomNumbers); }
inline double uniform() { return std::uniform_real_distribution<>()(randomNumbers); }
inline bool chance(double probability) { return uniform() < probability; }
inline double normal() { return std::normal_distribution<>()(randomNumbers); }

inline long comparisons = 0;

[[noreturn]] inline void wrong(const std::string& what) {
  std::fprintf(stderr, "wrong: %s\n", what.c_str());
  std::exit(1);
}

inline void check(bool right, const std::string& what) {
  ++comparisons;
  if (!right) wrong(what);
}

inline void checkClose(double got, double expected, const std::string& what, double tolerance = 1e-13) {
  const bool same = got == expected || (std::isnan(got) && std::isnan(expected)) || std::fabs(got - expected) <= tolerance * std::fabs(expected);
  check(same, what + ": expected " + std::to_string(expected) + ", got " + std::to_string(got));
}

inline size_t sizeOf(Element element) { return element == Element::Double ? 8 : element == Element::Float ? 4 : 2; }

// An array of elements, a number of elements behind an address that is a multiple of 16.
class Array {
 public:
  Array() = default;
  Array(Element element, int64_t count, int64_t offset)
      : element_(element), start_(kGuard + static_cast<size_t>(offset) * sizeOf(element)), bytes_(static_cast<size_t>(count) * sizeOf(element)) {
    memory_.assign(start_ + bytes_ + kGuard, kGuardByte);
  }

  unsigned char* data() { return exists() ? memory_.data() + start_ : nullptr; }
  size_t bytes() const { return exists() ? bytes_ : 0; }
  bool exists() const { return bytes_ != SIZE_MAX; }
  Element element() const { return element_; }

  void set(int64_t i, double value) {
    unsigned char* const at = data() + static_cast<size_t>(i) * sizeOf(element_);
    const auto put = [&](auto stored) { std::memcpy(at, &stored, sizeof(stored)); };
    switch (element_) {
      case Element::Float: return put(static_cast<float>(value));
      case Element::Double: return put(value);
      case Element::BFloat16: return put(__float2bfloat16_rn(static_cast<float>(value)));
      case Element::Half: return put(__float2half_rn(static_cast<float>(value)));
    }
  }

  double get(int64_t i) {
    const unsigned char* const at = data() + static_cast<size_t>(i) * sizeOf(element_);
    const auto take = [&](auto stored) {
      std::memcpy(&stored, at, sizeof(stored));
      return stored;
    };
    switch (element_) {
      case Element::Float: return take(float{});
      case Element::Double: return take(double{});
      case Element::BFloat16: return __bfloat162float(take(__nv_bfloat16{}));
      default: return __half2float(take(__half{}));
    }
  }

  // Moves all of it by one element, or back: what was aligned no longer is.
  void displace() {
    if (!exists()) return;
    const std::vector<unsigned char> values(data(), data() + bytes_);
    start_ = kGuard + (start_ == kGuard ? sizeOf(element_) : 0);
    memory_.assign(start_ + bytes_ + kGuard, kGuardByte);
    std::copy(values.begin(), values.end(), data());
  }

  // The same bits; NaNs are alike.
  void checkSame(Array& expected, const std::string& what) {
    if (!exists()) return;
    ++comparisons;
    if (std::memcmp(data(), expected.data(), bytes_) != 0) {
      for (int64_t i = 0; i < static_cast<int64_t>(bytes_ / sizeOf(element_)); ++i) {
        const double got = get(i), wanted = expected.get(i);
        if (!(got == wanted && std::signbit(got) == std::signbit(wanted)) && !(std::isnan(got) && std::isnan(wanted)))
          wrong(what + "[" + std::to_string(i) + "]: expected " + std::to_string(wanted) + ", got " + std::to_string(got));
      }
    }
    for (size_t i = 0; i < kGuard; ++i)
      if (data()[-static_cast<ptrdiff_t>(i) - 1] != kGuardByte || data()[bytes_ + i] != kGuardByte) wrong(what + ": written beyond its ends");
  }

 private:
  static_assert(__STDCPP_DEFAULT_NEW_ALIGNMENT__ >= 16);
  static constexpr size_t kGuard = 64;
  static constexpr unsigned char kGuardByte = 0xa5;

  Element element_ = Element::Float;
  size_t start_ = 0;
  size_t bytes_ = SIZE_MAX;
  std::vector<unsigned char> memory_;
};
