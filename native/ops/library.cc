// The dispatcher library dgsam::, loaded by the addon and by Python's torch.ops.load_library alike.

#include <torch/library.h>

#include "climb.h"
#include "foreach.h"
#include "fused.h"

namespace {

TORCH_LIBRARY(dgsam, m) {
  m.def("global_norm(Tensor?[] tensors) -> Tensor");
  m.def(
      "climb_(Tensor(a!)[] params, Tensor(b!)[] saved, Tensor(c!)[] sums, float[] rho, bool first, bool adaptive=False) "
      "-> (float norm, int gradients)");
  m.def("accumulate_(Tensor[] params, Tensor(a!)[] sums, bool first) -> (float norm, int gradients)");
  m.def("gather_(Tensor(a!)[] params, Tensor[] saved, Tensor[] sums, float scale) -> (float norm, float gathered_norm, int gradients)");
  m.def("restore_(Tensor(a!)[] params, Tensor[] saved) -> ()");
  m.def(
      "sgd_(Tensor(a!)[] params, Tensor(b!)[] momentum_buffers, float lr, float momentum, float dampening, float weight_decay, "
      "bool nesterov, bool maximize, bool first) -> ()");
  m.def(
      "adam_(Tensor(a!)[] params, Tensor(b!)[] exp_avgs, Tensor(c!)[] exp_avg_sqs, Tensor(d!)[] max_exp_avg_sqs, Tensor(e!)[] steps, "
      "float lr, float beta1, float beta2, float eps, float weight_decay, bool maximize, bool decoupled) -> ()");
  m.def(
      "adagrad_(Tensor(a!)[] params, Tensor(b!)[] sums, Tensor(c!)[] steps, float lr, float lr_decay, float eps, float weight_decay, "
      "bool maximize) -> ()");
  m.def(
      "rmsprop_(Tensor(a!)[] params, Tensor(b!)[] square_avgs, Tensor(c!)[] momentum_buffers, Tensor(d!)[] grad_avgs, Tensor(e!)[] steps, "
      "float lr, float alpha, float eps, float weight_decay, float momentum, bool maximize) -> ()");
  m.def(
      "adadelta_(Tensor(a!)[] params, Tensor(b!)[] square_avgs, Tensor(c!)[] acc_deltas, Tensor(d!)[] steps, float lr, float rho, "
      "float eps, float weight_decay, bool maximize) -> ()");
  m.def(
      "nadam_(Tensor(a!)[] params, Tensor(b!)[] exp_avgs, Tensor(c!)[] exp_avg_sqs, Tensor(d!)[] mu_products, Tensor(e!)[] steps, "
      "float lr, float beta1, float beta2, float eps, float weight_decay, float momentum_decay, bool maximize, bool decoupled) -> ()");
  m.def(
      "radam_(Tensor(a!)[] params, Tensor(b!)[] exp_avgs, Tensor(c!)[] exp_avg_sqs, Tensor(d!)[] steps, float lr, float beta1, "
      "float beta2, float eps, float weight_decay, bool maximize, bool decoupled) -> ()");
  m.def(
      "adamax_(Tensor(a!)[] params, Tensor(b!)[] exp_avgs, Tensor(c!)[] exp_infs, Tensor(d!)[] steps, float lr, float beta1, "
      "float beta2, float eps, float weight_decay, bool maximize) -> ()");
}

// One implementation for every device: CPU memory is swept by our kernels, other tensors go through LibTorch's operators.
TORCH_LIBRARY_IMPL(dgsam, CompositeExplicitAutograd, m) {
  m.impl("global_norm", TORCH_FN(dgsam::ops::globalNorm));
  m.impl("climb_", TORCH_FN(dgsam::ops::climb));
  m.impl("accumulate_", TORCH_FN(dgsam::ops::accumulate));
  m.impl("gather_", TORCH_FN(dgsam::ops::gather));
  m.impl("restore_", TORCH_FN(dgsam::ops::restore));
  m.impl("sgd_", TORCH_FN(dgsam::ops::sgd));
  m.impl("adam_", TORCH_FN(dgsam::ops::adam));
  m.impl("adagrad_", TORCH_FN(dgsam::ops::adagrad));
  m.impl("rmsprop_", TORCH_FN(dgsam::ops::rmsprop));
  m.impl("adadelta_", TORCH_FN(dgsam::ops::adadelta));
  m.impl("nadam_", TORCH_FN(dgsam::ops::nadam));
  m.impl("radam_", TORCH_FN(dgsam::ops::radam));
  m.impl("adamax_", TORCH_FN(dgsam::ops::adamax));
}

// Parameters require gradients, but neither climb nor descent is ever differentiated: autograd lets them through.
TORCH_LIBRARY_IMPL(dgsam, Autograd, m) {
  for (const char* name : {"global_norm", "climb_", "accumulate_", "gather_", "restore_", "sgd_", "adam_", "adagrad_", "rmsprop_",
                           "adadelta_", "nadam_", "radam_", "adamax_"})
    m.impl(name, torch::CppFunction::makeFallthrough());
}

}  // namespace
