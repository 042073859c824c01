// What the process runs on: LibTorch's version and build, devices, threads, the C allocator.
#pragma once

#include "entry.h"

namespace dgsam {

// Throws when LibTorch at run time is not the version the addon was built against.
void checkLibTorchVersion();
// Keeps big blocks in the process; see the comment in the source. DGSAM_MALLOC=system leaves the allocator alone.
void tuneAllocator();
void registerRuntime(Napi::Object exports, Environment& environment);

}  // namespace dgsam
