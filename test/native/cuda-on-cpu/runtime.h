// What graph.cc of this folder has in place of CUDA's runtime and LibTorch's parts for it: a device on which one capture may go on at a time, and
// which notes whatever breaks one. LibTorch's names for it are in the headers beside this one, as far as native/cuda/graph.cc uses them.
#pragma once

#include <ATen/core/Generator.h>
#include <c10/util/Exception.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <set>
#include <utility>

namespace emulated {

using PoolId = std::pair<unsigned long long, unsigned long long>;

// What is to fail next.
enum class Fault { None, Begin, End, Launch };
inline std::atomic<Fault> fault = Fault::None;
inline bool fails(Fault which) {
  Fault expected = which;
  return fault.compare_exchange_strong(expected, Fault::None);
}

inline std::atomic<int> underway = 0;
// How often something was done that must not be done while another thread captures.
inline std::atomic<int> broken = 0;
inline std::atomic<long> waits = 0;
inline void disturb() {
  ++waits;
  if (underway > 0) ++broken;
}

// Pools that a capture uses, each as often as it is used.
inline std::mutex poolsMutex;
inline std::multiset<PoolId> pools;
inline size_t poolsInUse() {
  const std::lock_guard<std::mutex> lock(poolsMutex);
  return pools.size();
}
inline void usePool(PoolId id) {
  const std::lock_guard<std::mutex> lock(poolsMutex);
  pools.insert(id);
}
inline void releasePool(PoolId id) {
  const std::lock_guard<std::mutex> lock(poolsMutex);
  const auto found = pools.find(id);
  TORCH_CHECK(found != pools.end(), "a pool that nobody uses was released");
  pools.erase(found);
}

// Captures that take pinned memory.
inline std::atomic<int> pinned = 0;

// Launches so far.
inline std::atomic<long> launches = 0;

// Counts random numbers as the generator of a device does.
struct Generator final : c10::GeneratorImpl {
  Generator() : c10::GeneratorImpl(c10::Device(c10::kCPU), {}) {}
  void set_current_seed(uint64_t) override {}
  void set_offset(uint64_t offset) override { offset_ = offset; }
  uint64_t get_offset() const override { return offset_; }
  uint64_t current_seed() const override { return 0; }
  uint64_t seed() override { return 0; }
  void set_state(const c10::TensorImpl&) override {}
  c10::intrusive_ptr<c10::TensorImpl> get_state() const override { return {}; }
  Generator* clone_impl() const override { return new Generator(); }

 private:
  uint64_t offset_ = 0;
};
inline const at::Generator& generator() {
  static const at::Generator it = at::make_generator<Generator>();
  return it;
}

// How many numbers a graph draws.
constexpr uint64_t kDraws = 8;

}  // namespace emulated
