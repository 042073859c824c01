// Steps as CUDA graphs, by LibTorch's own: its allocator and its default generator take part.
#include "../capture/graph.h"

#include <ATen/Functions.h>
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#include <torch/version.h>

#include <algorithm>
#include <array>
#include <limits>
#include <mutex>
#include <optional>
#include <vector>

namespace dgsam::capture {
namespace {

// What other threads do, such as transfers of batches, does not disturb it.
constexpr cudaStreamCaptureMode kMode = cudaStreamCaptureModeThreadLocal;

// Held while a graph of the device is launched, captured or destroyed: up to LibTorch 2.12 the default generator keeps a list of them that it does not
// guard, and the beginning of a capture writes to the state that launches read.
std::mutex& launchTurn(c10::DeviceIndex device) {
  static std::array<std::mutex, std::numeric_limits<c10::DeviceIndex>::max() + 1> all;
  return all.at(static_cast<size_t>(device));
}

// A stream for one graph at a time. LibTorch keeps BLAS's memory by stream: 2.13 frees it when a graph that was captured there goes, whoever
// else was, and earlier versions never do. So it is none of LibTorch's own streams, which all take turns with, and is used again.
class CaptureStream {
 public:
  explicit CaptureStream(c10::DeviceIndex device) : stream_(take(device)) {}
  ~CaptureStream() {
    const std::lock_guard<std::mutex> lock(mutex());
    idle().push_back(stream_);
  }
  CaptureStream(const CaptureStream&) = delete;
  CaptureStream& operator=(const CaptureStream&) = delete;

  c10::cuda::CUDAStream get() const { return stream_; }

 private:
  static std::mutex& mutex() {
    static std::mutex it;
    return it;
  }
  static std::vector<c10::cuda::CUDAStream>& idle() {
    // Never destroyed: graphs may outlive it.
    static auto* const it = new std::vector<c10::cuda::CUDAStream>();
    return *it;
  }
  static c10::cuda::CUDAStream take(c10::DeviceIndex device) {
    const std::lock_guard<std::mutex> lock(mutex());
    const auto found = std::find_if(idle().begin(), idle().end(), [&](const c10::cuda::CUDAStream& each) { return each.device_index() == device; });
    if (found != idle().end()) {
      const c10::cuda::CUDAStream stream = *found;
      idle().erase(found);
      return stream;
    }
    const c10::cuda::CUDAGuard onDevice(device);
    cudaStream_t made = nullptr;
    const cudaError_t error = cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking);
    TORCH_CHECK(error == cudaSuccess, "no stream to capture on: ", cudaGetErrorString(error));
    return c10::cuda::getStreamFromExternal(made, device);
  }

  c10::cuda::CUDAStream stream_;
};

// Memory for graphs that never run at the same time.
struct Pool {
  const at::cuda::MempoolId_t id = at::cuda::graph_pool_handle();
  // Whether a capture in it failed: what the allocators think of it is not known then, and no other one begins in it.
  bool isSpoilt = false;
};

uint64_t offsetOf(at::Generator generator) {
  const std::lock_guard<std::mutex> lock(generator.mutex());
  return generator.get_offset();
}

void setOffset(at::Generator generator, uint64_t offset) {
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_offset(offset);
}

template <typename Body>
bool attempt(Body body) noexcept {
  try {
    body();
    return true;
  } catch (...) {
    // Whatever led here is what there is to tell.
    return false;
  }
}

// Lets a stream of the same device wait for what was put into another one until now.
void follow(const c10::cuda::CUDAStream& stream, const c10::cuda::CUDAStream& other) {
  const c10::cuda::CUDAGuard onDevice(stream.device_index());
  cudaEvent_t event = nullptr;
  if (cudaEventCreateWithFlags(&event, cudaEventDisableTiming) == cudaSuccess) {
    (void)cudaEventRecord(event, other);
    (void)cudaStreamWaitEvent(stream, event, 0);
    (void)cudaEventDestroy(event);
  }
  (void)cudaGetLastError();
}

class CudaCaptured : public Captured {
 public:
  CudaCaptured(c10::Device itsDevice, std::shared_ptr<Pool> itsPool) : device(itsDevice), pool(std::move(itsPool)), stream(itsDevice.index()) { graph.emplace(); }
  ~CudaCaptured() override {
    const std::lock_guard<std::mutex> turn(launchTurn(device.index()));
    // Its last launch may still run. What gives its memory back waits for the stream that it was captured on, and that for the launch.
    attempt([this] {
      if (launchedOn.has_value()) follow(stream.get(), *launchedOn);
    });
    graph.reset();
  }
  CudaCaptured(const CudaCaptured&) = delete;
  CudaCaptured& operator=(const CudaCaptured&) = delete;

  // On the current stream.
  void replay() override {
    // All graphs read the generator's state from one place: on this stream nobody writes there between this one's state and its launch.
    const std::lock_guard<std::mutex> turn(launchTurn(device.index()));
    const c10::cuda::CUDAGuard onDevice(device);
    // LibTorch counts the numbers that the graph will draw before it launches it.
    const at::Generator& generator = at::cuda::detail::getDefaultCUDAGenerator(device.index());
    const uint64_t offset = offsetOf(generator);
    try {
      launchedOn = c10::cuda::getCurrentCUDAStream(device.index());
      graph->replay();
    } catch (...) {
      setOffset(generator, offset);
      throw;
    }
  }

  const c10::Device device;
  const std::shared_ptr<Pool> pool;
  const CaptureStream stream;
  // There as long as this is.
  std::optional<at::cuda::CUDAGraph> graph;

 private:
  std::optional<c10::cuda::CUDAStream> launchedOn;
};

// Versions differ in whether pinned memory takes part in captures.
template <typename Allocator>
void endPinned(Allocator* allocator, at::cuda::MempoolId_t pool, bool begun) noexcept {
  if constexpr (requires { allocator->end_allocate_to_pool(pool); }) {
    const bool ended = attempt([&] { allocator->end_allocate_to_pool(pool); });
    if (begun || ended) attempt([&] { allocator->release_pool(pool); });
  }
}

// What a capture's beginning writes to the generator's state, on the capture's stream, comes before what launches write there, on any.
void settle(cudaStream_t stream) {
  const cudaError_t error = cudaStreamSynchronize(stream);
  TORCH_CHECK(error == cudaSuccess, "the capture's stream failed: ", cudaGetErrorString(error));
}

// Ends a capture in which something failed: stream, allocators and generator go on as if there had been none.
void abandon(CudaCaptured& captured, bool begun) noexcept {
  namespace allocator = c10::cuda::CUDACachingAllocator;
  const c10::DeviceIndex device = captured.device.index();
  const at::cuda::MempoolId_t pool = captured.pool->id;
  // Tells its pool where the capture itself ended well: the graph then gives back by itself what it took.
  const auto endedWell = [&] { return attempt([&] { captured.graph->pool(); }); };
  // Throws where the capture itself is broken, and gives nothing back then.
  if (!endedWell()) attempt([&] { captured.graph->capture_end(); });
  attempt([&] { settle(captured.stream.get()); });
  (void)cudaGetLastError();
  if (endedWell()) return;
  captured.pool->isSpoilt = true;
  const bool ended = attempt([&] { allocator::endAllocateToPool(device, pool); });
  if (begun || ended) attempt([&] { allocator::releasePool(device, pool); });
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 8
  attempt([&] { endPinned(at::getHostAllocator(at::kCUDA), pool, begun); });
#endif
  // Up to LibTorch 2.12 the generator goes on believing that it is captured, until a capture ends well.
  attempt([&] {
    at::cuda::CUDAGraph small;
    small.capture_begin({0, 0}, kMode);
    const at::Tensor some = at::zeros({1}, at::TensorOptions().device(captured.device));
    small.capture_end();
  });
  attempt([&] { settle(captured.stream.get()); });
  (void)cudaGetLastError();
}

}  // namespace

std::unique_ptr<Captured> captureOnCuda(c10::Device device, Captured* earlier, const std::function<void()>& body) {
  // What is done here before the capture would break another thread's.
  const std::lock_guard<std::mutex> turn(captureTurn());
  const c10::cuda::CUDAGuard onDevice(device);
  const auto* const before = dynamic_cast<const CudaCaptured*>(earlier);
  const bool shares = before != nullptr && !before->pool->isSpoilt && before->device == device;
  auto captured = std::make_unique<CudaCaptured>(device, shares ? before->pool : std::make_shared<Pool>());
  // Until the capture's end nobody launches a graph that would read the generator's state meanwhile.
  const std::lock_guard<std::mutex> noLaunch(launchTurn(device.index()));
  // What fails of what went before is no failure of the capture; and the memory that earlier steps left is needed for the graph's own.
  c10::cuda::device_synchronize();
  c10::cuda::CUDACachingAllocator::emptyCache();
  // The default stream cannot be captured.
  const c10::cuda::CUDAStreamGuard onStream(captured->stream.get());
  bool begun = false;
  try {
    captured->graph->capture_begin(captured->pool->id, kMode);
    begun = true;
    body();
    captured->graph->capture_end();
    settle(captured->stream.get());
  } catch (...) {
    abandon(*captured, begun);
    throw;
  }
  return captured;
}

}  // namespace dgsam::capture
