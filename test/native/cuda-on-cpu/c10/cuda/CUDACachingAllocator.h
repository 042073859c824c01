// In place of LibTorch's, for graph.cc of this folder.
#pragma once
#include <c10/core/Device.h>

#include "../../runtime.h"

namespace c10::cuda::CUDACachingAllocator {
inline void emptyCache() { emulated::disturb(); }
inline void endAllocateToPool(c10::DeviceIndex, emulated::PoolId) {}
inline void releasePool(c10::DeviceIndex, emulated::PoolId id) { emulated::releasePool(id); }
}  // namespace c10::cuda::CUDACachingAllocator
