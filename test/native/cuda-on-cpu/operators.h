// What the programs share that compile operators for CUDA with tensors of the CPU: first this, then the sources themselves.
#pragma once
#include <ATen/ATen.h>
#include <torch/library.h>

#include <iostream>

#include "../../../native/ops/cuda/build_info.h"
#include "../../../native/ops/kernels.h"
#include "emulator.h"

// Who asks for a CUDA tensor gets one of the CPU, and nothing is registered.
#define is_cuda is_cpu
#undef TORCH_LIBRARY_IMPL
#define TORCH_LIBRARY_IMPL(library, key, m) [[maybe_unused]] void registerAll(torch::Library& m)

namespace dgsam::ops {

// Of rows of the CPU, which there are none of here.
const Kernels& kernels(Element) {
  static const Kernels none{};
  return none;
}

namespace cuda {

static bool served = true;
bool serves(c10::DeviceIndex) { return served; }

}  // namespace cuda
}  // namespace dgsam::ops

static long comparisons = 0;
static bool spoil = false;

static void check(bool right, const std::string& what) {
  ++comparisons;
  if (right) return;
  std::cerr << "wrong: " << what << "\n";
  std::exit(1);
}
