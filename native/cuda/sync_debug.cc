#include <c10/cuda/CUDAFunctions.h>

#include "../streams.h"

namespace dgsam {

void setCudaSyncDebugMode(int mode) { c10::cuda::warning_state().set_sync_debug_mode(static_cast<c10::cuda::SyncDebugMode>(mode)); }

}  // namespace dgsam
