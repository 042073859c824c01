// In place of LibTorch's, for graph.cc of this folder.
#pragma once
#include <c10/core/Device.h>

#include "../../runtime.h"

namespace at::cuda::detail {
inline const at::Generator& getDefaultCUDAGenerator(c10::DeviceIndex) { return emulated::generator(); }
}  // namespace at::cuda::detail
