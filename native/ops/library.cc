// The dispatcher library dgsam::, loaded by the addon and by Python's torch.ops.load_library alike.

#include <torch/library.h>

#include "climb.h"

namespace {

using dgsam::ops::OptionalTensors;

TORCH_LIBRARY(dgsam, m) {
  m.def("global_norm(Tensor?[] tensors) -> Tensor");
  m.def("adaptive_norm(Tensor[] params, Tensor?[] grads) -> Tensor");
  m.def(
      "ascend_(Tensor(a!)[] params, Tensor?[] grads, Tensor(b!)[] saved, Tensor(c!)[] sums, Tensor norm, float[] rho, *, "
      "bool first, bool adaptive=False) -> ()");
  m.def("accumulate_(Tensor(a!)[] sums, Tensor?[] grads, *, bool first) -> ()");
  m.def("gather_(Tensor(a!)[] params, Tensor[] saved, Tensor?[] grads, Tensor[] sums, float scale) -> Tensor");
  m.def("restore_(Tensor(a!)[] params, Tensor[] saved) -> ()");
  m.def("bump_version_(Tensor(a!)[] tensors) -> ()");
}

// One implementation for every device: CPU memory is swept by our kernels, other tensors go through LibTorch's operators.
TORCH_LIBRARY_IMPL(dgsam, CompositeExplicitAutograd, m) {
  m.impl("global_norm", TORCH_FN(dgsam::ops::globalNorm));
  m.impl("adaptive_norm", TORCH_FN(dgsam::ops::adaptiveNorm));
  m.impl("ascend_", TORCH_FN(dgsam::ops::ascend));
  m.impl("accumulate_", TORCH_FN(dgsam::ops::accumulate));
  m.impl("gather_", TORCH_FN(dgsam::ops::gather));
  m.impl("restore_", TORCH_FN(dgsam::ops::restore));
  m.impl("bump_version_", TORCH_FN(dgsam::ops::bumpVersion));
}

// Parameters require gradients, but a climb is never differentiated: autograd lets it through.
TORCH_LIBRARY_IMPL(dgsam, Autograd, m) {
  for (const char* name : {"global_norm", "adaptive_norm", "ascend_", "accumulate_", "gather_", "restore_", "bump_version_"})
    m.impl(name, torch::CppFunction::makeFallthrough());
}

}  // namespace
