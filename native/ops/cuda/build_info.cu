#include "build_info.h"

#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>

#include <array>
#include <atomic>

namespace dgsam::ops::cuda {
namespace {

enum class Answer : int8_t { kUnknown, kNo, kYes };
std::array<std::atomic<Answer>, C10_COMPILE_TIME_MAX_GPUS> answers{};

__global__ void nothing() {}

Answer askDriver(c10::DeviceIndex device) {
  const c10::cuda::CUDAGuard guard(device);
  cudaFuncAttributes attributes;
  const cudaError_t error = cudaFuncGetAttributes(&attributes, nothing);
  if (error == cudaSuccess) return Answer::kYes;
  // Otherwise the next check of LibTorch's would find it.
  (void)cudaGetLastError();
  switch (error) {
    case cudaErrorNoKernelImageForDevice:
    // What some drivers say for the first.
    case cudaErrorInvalidDeviceFunction:
    // PTX of an nvcc that is newer than the driver, and a driver that compiles none.
    case cudaErrorUnsupportedPtxVersion:
    case cudaErrorInvalidPtx:
    case cudaErrorJitCompilerNotFound:
    case cudaErrorJitCompilationDisabled:
      return Answer::kNo;
    default:
      C10_CUDA_CHECK(error);
  }
  return Answer::kNo;
}

}  // namespace

const char* architectures() { return DGSAM_CUDA_ARCHS; }

bool serves(c10::DeviceIndex device) {
  std::atomic<Answer>& answer = answers.at(device);
  if (answer.load(std::memory_order_relaxed) == Answer::kUnknown) answer.store(askDriver(device), std::memory_order_relaxed);
  return answer.load(std::memory_order_relaxed) == Answer::kYes;
}

}  // namespace dgsam::ops::cuda
