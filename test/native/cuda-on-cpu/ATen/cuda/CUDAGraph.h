// In place of LibTorch's, for graph.cc of this folder: it fails as that does, and forgets what that forgets.
#pragma once
#include <cuda_runtime_api.h>

#include "../../c10/cuda/CUDAStream.h"
#include "../../runtime.h"

namespace at::cuda {

using MempoolId_t = emulated::PoolId;

inline MempoolId_t graph_pool_handle() {
  static std::atomic<unsigned long long> next = 1;
  return {0, next++};
}

class CUDAGraph {
 public:
  CUDAGraph() = default;
  CUDAGraph(const CUDAGraph&) = delete;
  ~CUDAGraph() {
    if (ended_) emulated::releasePool(pool_);
  }

  void capture_begin(MempoolId_t pool, cudaStreamCaptureMode mode) {
    TORCH_CHECK(mode == cudaStreamCaptureModeThreadLocal, "what other threads do would break the capture");
    TORCH_CHECK(c10::cuda::getCurrentCUDAStream() != nullptr, "the default stream cannot be captured");
    TORCH_CHECK(emulated::underway == 0, "a capture is underway");
    pool_ = pool.second == 0 ? graph_pool_handle() : pool;
    emulated::usePool(pool_);
    ++emulated::pinned;
    brokenBefore_ = emulated::broken;
    // LibTorch has told its allocator by then, and leaves it so.
    if (emulated::fails(emulated::Fault::Begin)) TORCH_CHECK(false, "the capture does not begin");
    ++emulated::underway;
    emulated::unsettled = c10::cuda::getCurrentCUDAStream();
    begun_ = true;
  }

  void capture_end() {
    TORCH_CHECK(begun_, "no capture has begun");
    begun_ = false;
    --emulated::underway;
    TORCH_CHECK(emulated::broken == brokenBefore_ && !emulated::fails(emulated::Fault::End), "operation failed due to a previous error during capture");
    --emulated::pinned;
    ended_ = true;
  }

  MempoolId_t pool() {
    TORCH_CHECK(ended_, "called CUDAGraph::pool() without a preceding successful capture.");
    return pool_;
  }

  void replay() {
    TORCH_CHECK(ended_, "called CUDAGraph::replay without a preceding successful capture.");
    TORCH_CHECK(emulated::unsettled == nullptr, "the beginning of a capture writes to the generator's state after the launch");
    at::Generator all = emulated::generator();
    all.set_offset(all.get_offset() + emulated::kDraws);
    TORCH_CHECK(!emulated::fails(emulated::Fault::Launch), "the launch failed");
    ++emulated::launches;
  }

 private:
  MempoolId_t pool_{0, 0};
  int brokenBefore_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace at::cuda
