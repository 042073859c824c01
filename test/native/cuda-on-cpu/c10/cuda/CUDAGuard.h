// In place of LibTorch's, for late.cc and graph.cc of this folder.
#pragma once
#include <c10/core/Device.h>

#include <utility>

#include "CUDAStream.h"

namespace c10::cuda {

struct CUDAGuard {
  explicit CUDAGuard(c10::Device) {}
  explicit CUDAGuard(c10::DeviceIndex) {}
};

class CUDAStreamGuard {
 public:
  explicit CUDAStreamGuard(CUDAStream stream) : before_(std::exchange(currentStreamOfThread(), stream)) {}
  ~CUDAStreamGuard() { currentStreamOfThread() = before_; }

 private:
  CUDAStream before_;
};

}  // namespace c10::cuda
