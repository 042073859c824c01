// CUDA devices by LibTorch's device-neutral interfaces: nothing of CUDA's own headers is needed, and on a CPU build of
// LibTorch there are simply none.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <optional>
#include <string>

namespace dgsam {

// How many CUDA devices there are: 0 with a CPU build of LibTorch and without a driver. Never throws.
int cudaDeviceCount() noexcept;

// The device that a text names, with an index: "cuda" is the current one. Throws ERR_DEVICE where it is no CUDA device, or
// none that there is.
c10::Device cudaDeviceNamed(const std::string& text);

// What LibTorch's caching allocator tells of one device: bytes, and counts since the process began.
struct AllocatorFigures {
  int64_t allocated, peakAllocated;
  int64_t reserved, peakReserved;
  int64_t active, peakActive;
  int64_t allocations, retries, failures;
};

// Nothing before the first use of CUDA, and with a LibTorch before 2.9, whose interface is CUDA's own.
std::optional<AllocatorFigures> allocatorFigures(c10::DeviceIndex device);
void resetAllocatorPeaks(c10::DeviceIndex device);
// Gives the memory that the allocator keeps and nobody uses back to the driver, on all devices, and pinned memory of the host's.
void emptyAllocatorCaches();

struct FreeBytes {
  int64_t free, total;
};

// What the driver tells of one device; nothing where the allocator tells nothing.
std::optional<FreeBytes> freeOnDevice(c10::DeviceIndex device);

}  // namespace dgsam
