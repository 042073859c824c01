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

namespace dgsam {

void installCpuAllocator();

}  // namespace dgsam
