// Where the memory of CPU tensors comes from.
//
// Two costs of the C library's allocator show up in training. Big blocks: glibc hands them back to the kernel at each
// free, and the page faults of getting them again cost up to 30% of a convolution net's step. Small blocks: an aligned
// allocation and its free cost as much as a quarter of a small operator. So the allocator's thresholds are raised, and
// blocks up to 1 KB are recycled in free lists, one set per thread.
//
// Process-wide and set once, when the first environment loads the addon. DGSAM_MALLOC=system leaves everything alone.
#pragma once

namespace dgsam {

void installCpuAllocator();

}  // namespace dgsam
