#pragma once
// What the kernels of this folder were compiled for.

#include <c10/core/Device.h>
#include <c10/macros/Export.h>

namespace dgsam::ops::cuda {

// As DGSAM_CUDA_ARCHS has them: "80,90,120+PTX".
C10_EXPORT const char* architectures();

// Whether the kernels run on a GPU: the driver finds a binary for it, or makes one from the PTX. Asked of the driver once for
// each GPU. Where they do not, LibTorch's kernels serve.
C10_EXPORT bool serves(c10::DeviceIndex device);

}  // namespace dgsam::ops::cuda
