#include "threads.h"

#include <ATen/Parallel.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include <algorithm>
#include <atomic>
#include <vector>

#if defined(__linux__)
// MKL's number of threads for the calling thread, 0 for none of its own; returns what it was. It is part of some builds of
// LibTorch.
extern "C" __attribute__((weak)) int MKL_Set_Num_Threads_Local(int count);
#endif

namespace dgsam::capture {
namespace {

int setThreadsOfProducts(int count) {
#if defined(__linux__)
  if (MKL_Set_Num_Threads_Local != nullptr) return MKL_Set_Num_Threads_Local(count);
#endif
  return count;
}

// What at::parallel_for asks, for this thread; at::set_num_threads would change other threads', too.
void setThreads([[maybe_unused]] int count) {
#ifdef _OPENMP
  omp_set_num_threads(count);
#endif
}

}  // namespace

OneThread::OneThread() : threads_(at::get_num_threads()), threadsOfProducts_(setThreadsOfProducts(1)) { setThreads(1); }

OneThread::~OneThread() {
  setThreads(threads_);
  setThreadsOfProducts(threadsOfProducts_);
}

void sideBySide(size_t count, const std::function<void(size_t)>& job) {
  std::vector<std::atomic<bool>> isTaken(count);
  const auto threads = std::min<int64_t>(at::get_num_threads(), static_cast<int64_t>(count));
  at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t) {
    const OneThread alone;
    // Kernels keep a sum for each of their threads, by its number.
    const at::internal::ThreadIdGuard first(0);
    // Each begins with another one, the same in every step: what its last run left is in its core's cache. Whoever comes late
    // finds nothing to do.
    for (size_t i = 0; i < count; ++i) {
      const size_t next = (static_cast<size_t>(begin) + i) % count;
      if (!isTaken[next].exchange(true)) job(next);
    }
  });
}

}  // namespace dgsam::capture
