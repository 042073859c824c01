// In place of LibTorch's, for late.cc and graph.cc of this folder.
#pragma once
#include <c10/core/Device.h>

struct CUstream_st;

namespace c10::cuda {

class CUDAStream {
 public:
  CUDAStream(CUstream_st* stream, c10::DeviceIndex device) : stream_(stream), device_(device) {}
  operator CUstream_st*() const { return stream_; }
  c10::DeviceIndex device_index() const { return device_; }

 private:
  CUstream_st* stream_;
  c10::DeviceIndex device_;
};

inline CUDAStream& currentStreamOfThread() {
  thread_local CUDAStream it(nullptr, -1);
  return it;
}

inline CUDAStream getCurrentCUDAStream(c10::DeviceIndex = -1) { return currentStreamOfThread(); }
inline CUDAStream getStreamFromExternal(CUstream_st* stream, c10::DeviceIndex device) { return {stream, device}; }

}  // namespace c10::cuda
