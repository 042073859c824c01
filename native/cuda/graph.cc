// Steps as CUDA graphs, by LibTorch's own: its allocator and its default generator take part.
#include "../capture/graph.h"

#include <ATen/Functions.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

namespace dgsam::capture {
namespace {

// What other threads do, such as transfers of batches, does not disturb it.
constexpr cudaStreamCaptureMode kMode = cudaStreamCaptureModeThreadLocal;

class CudaCaptured : public Captured {
 public:
  CudaCaptured(c10::Device itsDevice, at::cuda::MempoolId_t itsPool) : device(itsDevice), pool(itsPool) {}

  // On the current stream.
  void replay() override {
    const c10::cuda::CUDAGuard onDevice(device);
    graph.replay();
  }

  const c10::Device device;
  const at::cuda::MempoolId_t pool;
  at::cuda::CUDAGraph graph;
};

template <typename Body>
bool attempt(Body body) noexcept {
  try {
    body();
    return true;
  } catch (...) {
    // The failure that led here is the one to tell.
    return false;
  }
}

// Ends a capture in which something failed: stream, allocator and generator go on as if there had been none.
void abandon(CudaCaptured& captured) noexcept {
  namespace allocator = c10::cuda::CUDACachingAllocator;
  const c10::DeviceIndex device = captured.device.index();
  // It throws where the capture itself is broken, and releases nothing then.
  const bool ended = attempt([&] { captured.graph.capture_end(); });
  if (ended) return;
  (void)cudaGetLastError();
  // Where that did not get so far.
  attempt([&] { allocator::endAllocateToPool(device, captured.pool); });
  attempt([&] { allocator::releasePool(device, captured.pool); });
  // Up to LibTorch 2.12 the generator goes on believing that it is captured, until a capture ends well.
  attempt([&] {
    at::cuda::CUDAGraph small;
    small.capture_begin({0, 0}, kMode);
    const at::Tensor some = at::zeros({1}, at::TensorOptions().device(captured.device));
    small.capture_end();
  });
  (void)cudaGetLastError();
}

}  // namespace

std::unique_ptr<Captured> captureOnCuda(c10::Device device, Captured* earlier, const std::function<void()>& body) {
  const c10::cuda::CUDAGuard onDevice(device);
  const auto* const sharing = static_cast<const CudaCaptured*>(earlier);
  auto captured = std::make_unique<CudaCaptured>(device, sharing == nullptr ? at::cuda::graph_pool_handle() : sharing->pool);
  // What fails of what went before is no failure of the capture; and the memory that earlier steps left is needed for the graph's own.
  c10::cuda::device_synchronize();
  c10::cuda::CUDACachingAllocator::emptyCache();
  // The default stream cannot be captured.
  const c10::cuda::CUDAStreamGuard onStream(c10::cuda::getStreamFromPool(false, device.index()));
  captured->graph.capture_begin(captured->pool, kMode);
  try {
    body();
  } catch (...) {
    abandon(*captured);
    throw;
  }
  try {
    captured->graph.capture_end();
  } catch (...) {
    abandon(*captured);
    throw;
  }
  return captured;
}

}  // namespace dgsam::capture
