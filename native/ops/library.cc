// The dispatcher library dgsam::, loaded by the addon and by Python's torch.ops.load_library alike.

#include <torch/library.h>

#include "batches.h"
#include "casts.h"
#include "climb.h"
#include "directions.h"
#include "foreach.h"
#include "fused.h"
#include "gradients.h"
#include "images.h"
#include "late.h"
#include "resize.h"

namespace {

using dgsam::ops::Moving;

TORCH_LIBRARY(dgsam, m) {
  m.def("global_norm(Tensor?[] tensors) -> Tensor");
  m.def(
      "climb_(Tensor(a!)[] params, Tensor(b!)[] saved, Tensor(c!)[] sums, float[] rho, bool first, bool adaptive=False, float? eta=None, float shift=0, "
      "bool? first_sum=None) "
      "-> (float norm, int gradients)");
  m.def(
      "climb_.late(Tensor(a!)[] params, Tensor(b!)[] saved, Tensor(c!)[] sums, Tensor[] rho, bool first, bool adaptive, float? eta, float shift, "
      "bool? first_sum, Tensor(d!) ledger, int at, Tensor[]? losses=None) -> int");
  m.def("accumulate_.late(Tensor[] params, Tensor(a!)[] sums, bool first, Tensor(b!) ledger, int at, Tensor[]? losses=None) -> int");
  m.def(
      "gather_.late(Tensor(a!)[] params, Tensor[] saved, Tensor[] sums, float sum_scale, float grad_scale, Tensor(b!) ledger, int at, "
      "Tensor[]? losses=None, Tensor(c!)? flag=None) -> int");
  m.def(
      "gather_orthogonal_.late(Tensor(a!)[] params, Tensor[] saved, Tensor[] sums, float alpha, float loss_scale, Tensor(b!) ledger, int at) "
      "-> int");
  m.def("project_.late(Tensor[] params, Tensor(a!)[] sums, float loss_scale, Tensor(b!) ledger, int at) -> int");
  m.def("gather_along_.late(Tensor[] params, Tensor[] directions, float alpha, float loss_scale, Tensor(a!) ledger, int at) -> int");
  m.def("note_(Tensor[] values, Tensor(a!) ledger, int at) -> ()");
  m.def("revert_(Tensor(a!)[] tensors, Tensor[] saved, Tensor ledger) -> ()");
  m.def("stopped(Tensor ledger) -> Tensor");
  m.def("stopped_(Tensor(a!) flag, Tensor ledger) -> ()");
  m.def("accumulate_(Tensor[] params, Tensor(a!)[] sums, bool first) -> (float norm, int gradients)");
  m.def("combine_(Tensor[] params, Tensor(a!)[] sums, float sum_scale, float grad_scale) -> float");
  m.def("products(Tensor[] params, Tensor[] sums) -> (float product, float sum_norm, float grad_norm)");
  m.def(
      "gather_(Tensor(a!)[] params, Tensor[] saved, Tensor[] sums, float sum_scale, float grad_scale) "
      "-> (float norm, float gathered_norm, int gradients)");
  m.def(
      "gather_orthogonal_(Tensor(a!)[] params, Tensor[] saved, Tensor[] sums, float alpha, float loss_scale=1.) "
      "-> (float norm, float gathered_norm, int gradients)");
  m.def("project_(Tensor[] params, Tensor(a!)[] sums, float loss_scale=1.) -> (float norm, float direction_norm)");
  m.def(
      "gather_along_(Tensor(a!)[] params, Tensor[] directions, float direction_norm, float alpha, float loss_scale=1.) "
      "-> (float norm, float gathered_norm, int gradients)");
  m.def("restore_(Tensor(a!)[] params, Tensor[] saved) -> ()");
  m.def(
      "sgd_(Tensor(a!)[] params, Tensor(b!)[] momentum_buffers, float lr, float momentum, float dampening, float weight_decay, "
      "bool nesterov, bool maximize, bool first, Tensor? found_inf=None) -> ()");
  m.def(
      "sgd_.late(Tensor(a!)[] params, Tensor(b!)[] momentum_buffers, Tensor lr, float momentum, float dampening, float weight_decay, "
      "bool nesterov, bool maximize, bool first, Tensor found_inf) -> ()");
  m.def(
      "adam_(Tensor(a!)[] params, Tensor(b!)[] exp_avgs, Tensor(c!)[] exp_avg_sqs, Tensor(d!)[] max_exp_avg_sqs, Tensor(e!)[] steps, "
      "float lr, float beta1, float beta2, float eps, float weight_decay, bool maximize, bool decoupled, Tensor? found_inf=None) -> ()");
  m.def(
      "adam_.late(Tensor(a!)[] params, Tensor(b!)[] exp_avgs, Tensor(c!)[] exp_avg_sqs, Tensor(d!)[] max_exp_avg_sqs, Tensor(e!)[] steps, "
      "Tensor lr, float beta1, float beta2, float eps, float weight_decay, bool maximize, bool decoupled, Tensor found_inf) -> ()");
  m.def(
      "adagrad_(Tensor(a!)[] params, Tensor(b!)[] sums, Tensor(c!)[] steps, float lr, float lr_decay, float eps, float weight_decay, "
      "bool maximize, Tensor? rate=None, Tensor? found_inf=None) -> ()");
  m.def(
      "rmsprop_(Tensor(a!)[] params, Tensor(b!)[] square_avgs, Tensor(c!)[] momentum_buffers, Tensor(d!)[] grad_avgs, Tensor(e!)[] steps, "
      "float lr, float alpha, float eps, float weight_decay, float momentum, bool maximize, Tensor? rate=None, Tensor? found_inf=None) -> ()");
  m.def(
      "adadelta_(Tensor(a!)[] params, Tensor(b!)[] square_avgs, Tensor(c!)[] acc_deltas, Tensor(d!)[] steps, float lr, float rho, "
      "float eps, float weight_decay, bool maximize, Tensor? rate=None, Tensor? found_inf=None) -> ()");
  m.def(
      "nadam_(Tensor(a!)[] params, Tensor(b!)[] exp_avgs, Tensor(c!)[] exp_avg_sqs, Tensor(d!)[] mu_products, Tensor(e!)[] steps, "
      "float lr, float beta1, float beta2, float eps, float weight_decay, float momentum_decay, bool maximize, bool decoupled, Tensor? rate=None, Tensor? found_inf=None) -> ()");
  m.def(
      "radam_(Tensor(a!)[] params, Tensor(b!)[] exp_avgs, Tensor(c!)[] exp_avg_sqs, Tensor(d!)[] steps, float lr, float beta1, "
      "float beta2, float eps, float weight_decay, bool maximize, bool decoupled, Tensor? rate=None, Tensor? found_inf=None) -> ()");
  m.def(
      "adamax_(Tensor(a!)[] params, Tensor(b!)[] exp_avgs, Tensor(c!)[] exp_infs, Tensor(d!)[] steps, float lr, float beta1, "
      "float beta2, float eps, float weight_decay, bool maximize, Tensor? rate=None, Tensor? found_inf=None) -> ()");
  m.def("check_states(Tensor[] params, Tensor[] states) -> ()");
  // These change the parameters' gradients, which no schema can say.
  m.def("grad_norm(Tensor[] params, float norm_type=2.) -> float");
  m.def("clip_grad_norm_(Tensor[] params, float max_norm, float norm_type=2., bool skip_nonfinite=False) -> float");
  m.def("clip_grad_norm_.late(Tensor[] params, float max_norm, Tensor(a!) ledger, int at) -> int");
  m.def("clip_grad_value_(Tensor[] params, float clip_value) -> ()");
  m.def("unscale_grad_(Tensor[] params, Tensor(a!) found_inf, Tensor inverse_scale) -> int");
  m.def("resized_crop(Tensor images, int[] boxes, int[] flips, int height, int width, float scale=1.) -> Tensor");
  m.def("color_jitter_(Tensor(a!) images, int[] kinds, float[] factors) -> ()");
  m.def("normalize_images(Tensor images, float[] mean, float[] std, float scale=1.) -> Tensor");
  m.def("training_images(Tensor images, int[] indices, int[] boxes, int[] flips, int height, int width, int[] kinds, float[] factors, float[] mean, "
        "float[] std) -> Tensor");
  m.def("resize_pixels(Tensor pixels, int[] box, int height, int width) -> Tensor");
}

// One implementation for every device: CPU memory is swept by our kernels, other tensors go through LibTorch's operators. Those that
// wait for nothing, three that wait, and all optimizers but SGD have another one for CUDA in builds with nvcc (cuda/late.cc, now.cc, optimizers.cc).
TORCH_LIBRARY_IMPL(dgsam, CompositeExplicitAutograd, m) {
  m.impl("global_norm", TORCH_FN(dgsam::ops::globalNorm));
  m.impl("climb_", TORCH_FN(Moving<&dgsam::ops::climb>::call));
  m.impl("accumulate_", TORCH_FN(dgsam::ops::accumulate));
  m.impl("combine_", TORCH_FN(dgsam::ops::combine));
  m.impl("products", TORCH_FN(dgsam::ops::products));
  m.impl("gather_", TORCH_FN(Moving<&dgsam::ops::gather>::call));
  m.impl("gather_orthogonal_", TORCH_FN(Moving<&dgsam::ops::gatherOrthogonal>::call));
  m.impl("project_", TORCH_FN(dgsam::ops::project));
  m.impl("gather_along_", TORCH_FN(Moving<&dgsam::ops::gatherAlong>::call));
  m.impl("climb_.late", TORCH_FN(Moving<&dgsam::ops::climbLate>::call));
  m.impl("accumulate_.late", TORCH_FN(dgsam::ops::accumulateLate));
  m.impl("gather_.late", TORCH_FN(Moving<&dgsam::ops::gatherLate>::call));
  m.impl("gather_orthogonal_.late", TORCH_FN(Moving<&dgsam::ops::gatherOrthogonalLate>::call));
  m.impl("project_.late", TORCH_FN(dgsam::ops::projectLate));
  m.impl("gather_along_.late", TORCH_FN(dgsam::ops::gatherAlongLate));
  m.impl("note_", TORCH_FN(dgsam::ops::noteLate));
  m.impl("revert_", TORCH_FN(Moving<&dgsam::ops::revertLate>::call));
  m.impl("stopped", TORCH_FN(dgsam::ops::stopped));
  m.impl("stopped_", TORCH_FN(dgsam::ops::noteStopped));
  m.impl("restore_", TORCH_FN(Moving<&dgsam::ops::restore>::call));
  m.impl("sgd_", TORCH_FN(Moving<&dgsam::ops::sgd>::call));
  m.impl("adam_", TORCH_FN(Moving<&dgsam::ops::adam>::call));
  m.impl("sgd_.late", TORCH_FN(Moving<&dgsam::ops::sgdLate>::call));
  m.impl("adam_.late", TORCH_FN(Moving<&dgsam::ops::adamLate>::call));
  m.impl("adagrad_", TORCH_FN(Moving<&dgsam::ops::adagrad>::call));
  m.impl("rmsprop_", TORCH_FN(Moving<&dgsam::ops::rmsprop>::call));
  m.impl("adadelta_", TORCH_FN(Moving<&dgsam::ops::adadelta>::call));
  m.impl("nadam_", TORCH_FN(Moving<&dgsam::ops::nadam>::call));
  m.impl("radam_", TORCH_FN(Moving<&dgsam::ops::radam>::call));
  m.impl("adamax_", TORCH_FN(Moving<&dgsam::ops::adamax>::call));
  m.impl("check_states", TORCH_FN(dgsam::ops::checkStates));
  m.impl("grad_norm", TORCH_FN(dgsam::ops::gradNorm));
  m.impl("clip_grad_norm_", TORCH_FN(dgsam::ops::clipGradNorm));
  m.impl("clip_grad_norm_.late", TORCH_FN(dgsam::ops::clipGradNormLate));
  m.impl("clip_grad_value_", TORCH_FN(dgsam::ops::clipGradValue));
  m.impl("unscale_grad_", TORCH_FN(dgsam::ops::unscaleGrad));
}

// On other devices plain operators do the same (lib/data/images/augment).
TORCH_LIBRARY_IMPL(dgsam, CPU, m) {
  m.impl("resized_crop", TORCH_FN(dgsam::ops::resizedCrop));
  m.impl("color_jitter_", TORCH_FN(dgsam::ops::colorJitter));
  m.impl("normalize_images", TORCH_FN(dgsam::ops::normalizeImages));
  m.impl("training_images", TORCH_FN(dgsam::ops::trainingImages));
  m.impl("resize_pixels", TORCH_FN(dgsam::ops::resizePixels));
}

// Parameters require gradients, but none of this is ever differentiated: autograd lets them through.
TORCH_LIBRARY_IMPL(dgsam, Autograd, m) {
  for (const char* name : {"climb_.late", "accumulate_.late", "gather_.late", "gather_orthogonal_.late", "project_.late", "gather_along_.late",
                           "clip_grad_norm_.late", "note_", "revert_", "stopped", "stopped_", "sgd_.late", "adam_.late", "global_norm", "climb_", "accumulate_",
                           "products", "combine_", "gather_", "gather_orthogonal_", "project_", "gather_along_", "restore_", "sgd_", "adam_", "adagrad_",
                           "rmsprop_", "adadelta_", "nadam_", "radam_", "adamax_", "check_states", "grad_norm", "clip_grad_norm_", "clip_grad_value_",
                           "unscale_grad_", "resized_crop", "color_jitter_", "normalize_images",
                           "training_images", "resize_pixels"})
    m.impl(name, torch::CppFunction::makeFallthrough());
}

}  // namespace
