// Files that lie in memory without being read first: the system reads a page when it is first used.
//
// A page that the file has lost since, because somebody cut it short or the disk fails, would end the process where it is used (SIGBUS), whoever
// uses it. Here it reads as zeros from then on, and the call that used it throws.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Allocator.h>

#include <atomic>
#include <cstddef>
#include <string>

namespace dgsam {

// The first bytes of a file as a uint8 tensor. What is written to it goes to the file where it is `shared`, else nowhere.
// Throws UsageError `ERR_DATA`.
at::Tensor mapFile(const std::string& path, size_t bytes, bool shared);

// Whether the memory is a file's that what is written to it goes to: the system can have its bytes back at any time.
bool isSharedMapping(const c10::DataPtr& data);

// How many pages were lost that no call has told of.
inline std::atomic<long> untoldLosses{0};

void tellOfLosses();

// Throws UsageError `ERR_DATA` when pages were lost since the last time. A call that may have read mapped memory ends with it: it costs a load.
inline void checkMappedFiles() {
  if (untoldLosses.load(std::memory_order_relaxed) > 0) tellOfLosses();
}

}  // namespace dgsam
