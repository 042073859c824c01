// How many threads kernels have.
#pragma once

#include <cstddef>
#include <functional>

namespace dgsam::capture {

// While it lives, the calling thread works alone.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int threads_;
  int threadsOfProducts_;
};

// Calls `job` with every number below `count`, on as many of LibTorch's threads as it has, each job on one. Throws what one of
// them threw.
void sideBySide(size_t count, const std::function<void(size_t)>& job);

}  // namespace dgsam::capture
