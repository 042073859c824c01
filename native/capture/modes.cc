#include "modes.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

namespace dgsam::capture {

Modes currentModes() {
  const at::Context& context = at::globalContext();
  return {
      .grad = c10::GradMode::is_enabled(),
      .inference = c10::InferenceMode::is_enabled(),
      .autocastCpu = at::autocast::is_autocast_enabled(at::kCPU),
      .autocastCuda = at::autocast::is_autocast_enabled(at::kCUDA),
      .autocastCache = at::autocast::is_autocast_cache_enabled(),
      .autocastCpuDtype = at::autocast::get_autocast_dtype(at::kCPU),
      .autocastCudaDtype = at::autocast::get_autocast_dtype(at::kCUDA),
      .deterministic = context.deterministicAlgorithms(),
      .deterministicFill = context.deterministicFillUninitializedMemory(),
      .oneDnn = context.userEnabledMkldnn(),
      .cudnn = context.userEnabledCuDNN(),
      .cudnnBenchmark = context.benchmarkCuDNN(),
      .cudnnDeterministic = context.deterministicCuDNN(),
  };
}

}  // namespace dgsam::capture
