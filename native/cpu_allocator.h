// Where the memory of CPU tensors comes from.
//
// Three costs of the C library's allocator show up in training. Big blocks: glibc hands them back to the kernel at each
// free, and the page faults of getting them again cost up to 30% of a convolution net's step. Small blocks: an aligned
// allocation and its free cost as much as a quarter of a small operator. Blocks between others: glibc's aligned allocation
// does not reuse the holes. So the allocator's thresholds are raised, blocks up to 1 KB are recycled in free lists, one
// set per thread, and alignment is done here.
//
// Process-wide and set once, when the first environment loads the addon. DGSAM_MALLOC=system leaves everything alone.
#pragma once

#include <cstddef>
#include <unordered_map>

namespace dgsam {

void installCpuAllocator();

// While it lives, notes how much memory this thread asks for and where it gets that: for what trusts a file's word about it.
class AllocationLog {
 public:
  AllocationLog();
  ~AllocationLog();
  AllocationLog(const AllocationLog&) = delete;
  AllocationLog& operator=(const AllocationLog&) = delete;

  // Whether memory at `data` has less than so many bytes. Of what did not come from here nothing is known: false.
  bool isShorter(const void* data, size_t bytes) const;

  void note(const void* data, size_t bytes) { sizes_[data] = bytes; }

 private:
  std::unordered_map<const void*, size_t> sizes_;
  AllocationLog* const outer_;
};

}  // namespace dgsam
