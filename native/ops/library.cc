// The dispatcher library dgsam::, loaded by the addon and by Python's torch.ops.load_library alike.

#include <torch/library.h>

#include "climb.h"

namespace {

TORCH_LIBRARY(dgsam, m) {
  m.def("global_norm(Tensor?[] tensors) -> Tensor");
  m.def(
      "climb_(Tensor(a!)[] params, Tensor(b!)[] saved, Tensor(c!)[] sums, float[] rho, *, bool first, bool adaptive=False) "
      "-> (Tensor norm, int gradients)");
  m.def("accumulate_(Tensor[] params, Tensor(a!)[] sums, *, bool first) -> (Tensor norm, int gradients)");
  m.def("gather_(Tensor(a!)[] params, Tensor[] saved, Tensor[] sums, float scale) -> (Tensor norm, int gradients)");
  m.def("restore_(Tensor(a!)[] params, Tensor[] saved) -> ()");
  m.def("bump_version_(Tensor(a!)[] tensors) -> ()");
  m.def("advance_steps_(Tensor(a!)[] steps) -> ()");
}

// One implementation for every device: CPU memory is swept by our kernels, other tensors go through LibTorch's operators.
TORCH_LIBRARY_IMPL(dgsam, CompositeExplicitAutograd, m) {
  m.impl("global_norm", TORCH_FN(dgsam::ops::globalNorm));
  m.impl("climb_", TORCH_FN(dgsam::ops::climb));
  m.impl("accumulate_", TORCH_FN(dgsam::ops::accumulate));
  m.impl("gather_", TORCH_FN(dgsam::ops::gather));
  m.impl("restore_", TORCH_FN(dgsam::ops::restore));
  m.impl("bump_version_", TORCH_FN(dgsam::ops::bumpVersion));
  m.impl("advance_steps_", TORCH_FN(dgsam::ops::advanceSteps));
}

// Parameters require gradients, but a climb is never differentiated: autograd lets it through.
TORCH_LIBRARY_IMPL(dgsam, Autograd, m) {
  for (const char* name : {"global_norm", "climb_", "accumulate_", "gather_", "restore_", "bump_version_", "advance_steps_"})
    m.impl(name, torch::CppFunction::makeFallthrough());
}

}  // namespace
