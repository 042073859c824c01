// Launches on a CUDA stream.
#pragma once

#include <c10/cuda/CUDAException.h>

namespace dgsam::ops::cuda {

// `launch(kernel, blocks, threads, arguments...)` as Sweeps and Descents want it. A launch that fails throws c10::Error.
struct OnStream {
  cudaStream_t stream;

  template <typename... Parameters, typename... Arguments>
  void operator()(void (*kernel)(Parameters...), unsigned blocks, int threads, const Arguments&... arguments) const {
    kernel<<<blocks, threads, 0, stream>>>(arguments...);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  }
};

}  // namespace dgsam::ops::cuda
