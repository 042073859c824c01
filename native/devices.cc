#include "devices.h"

#include <ATen/Context.h>
#include <ATen/core/CachingHostAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/version.h>

#include <utility>

#include "capture/graph.h"
#include "errors.h"

#if __has_include(<c10/core/CachingDeviceAllocator.h>)
#include <c10/core/CachingDeviceAllocator.h>
#endif

// LibTorch has it since 2.9.
namespace c10 {
struct DeviceAllocator;
}

namespace dgsam {
namespace {

// What a version of LibTorch has is asked of its headers here, and nowhere else.
template <typename T>
concept Defined = requires { sizeof(T); };

// Calls `use` with the allocator of CUDA devices once it has been used; else gives nothing. A template, so that what this
// LibTorch lacks is not compiled.
template <typename Result, typename Use, typename Allocator = c10::DeviceAllocator>
std::optional<Result> withAllocator(Use use) {
  if constexpr (Defined<Allocator>) {
    if (cudaDeviceCount() == 0) return std::nullopt;
    auto* allocator = dynamic_cast<Allocator*>(c10::GetAllocator(c10::DeviceType::CUDA));
    if (allocator != nullptr && allocator->initialized()) return use(*allocator);
  }
  return std::nullopt;
}

constexpr size_t kAll = 0;  // StatType::AGGREGATE

}  // namespace

int cudaDeviceCount() noexcept { return at::hasCUDA() ? static_cast<int>(at::getNumGPUs()) : 0; }

c10::Device cudaDeviceNamed(const std::string& text) {
  const c10::Device device(text);
  if (!device.is_cuda()) throw UsageError("ERR_DEVICE", "expected a CUDA device such as \"cuda:0\", got \"" + text + "\"");
  const int count = cudaDeviceCount();
  if (count == 0)
    throw UsageError("ERR_DEVICE", at::Context::hasCUDART() ? "there is no CUDA device: no driver, or none that LibTorch can use"
                                                            : "there is no CUDA device: this LibTorch was built without CUDA. npx dgsam doctor "
                                                              "tells what there is, and docs/install.md how to get one that has it");
  if (!device.has_index()) return c10::impl::VirtualGuardImpl(c10::DeviceType::CUDA).getDevice();
  if (device.index() >= count)
    throw UsageError("ERR_DEVICE", "there is no device \"" + text + "\": LibTorch sees " + std::to_string(count));
  return device;
}

std::optional<AllocatorFigures> allocatorFigures(c10::DeviceIndex device) {
  return withAllocator<AllocatorFigures>([&](auto& allocator) {
    const auto stats = allocator.getDeviceStats(device);
    return AllocatorFigures{stats.allocated_bytes[kAll].current, stats.allocated_bytes[kAll].peak, stats.reserved_bytes[kAll].current,
                            stats.reserved_bytes[kAll].peak, stats.active_bytes[kAll].current, stats.active_bytes[kAll].peak,
                            stats.allocation[kAll].allocated, stats.num_alloc_retries, stats.num_ooms};
  });
}

void resetAllocatorPeaks(c10::DeviceIndex device) {
  withAllocator<bool>([&](auto& allocator) {
    allocator.resetPeakStats(device);
    return true;
  });
}

void emptyAllocatorCaches() {
  const std::lock_guard<std::mutex> turn(capture::captureTurn());
  withAllocator<bool>([](auto& allocator) {
    allocator.emptyCache();
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 8
    // Pinned memory of the host's, which LibTorch keeps likewise.
    at::getHostAllocator(at::kCUDA)->empty_cache();
#endif
    return true;
  });
}

std::optional<FreeBytes> freeOnDevice(c10::DeviceIndex device) {
  const auto ask = [&](auto& allocator) -> std::optional<FreeBytes> {
    // Since 2.10.
    if constexpr (requires { allocator.getMemoryInfo(device); }) {
      const auto [free, total] = allocator.getMemoryInfo(device);
      return FreeBytes{static_cast<int64_t>(free), static_cast<int64_t>(total)};
    }
    return std::nullopt;
  };
  return withAllocator<std::optional<FreeBytes>>(ask).value_or(std::nullopt);
}

}  // namespace dgsam
