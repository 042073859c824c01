// The optimizers of foreach.h, Adam and Adagrad on CUDA devices: two launches for up to kCapacity parameters of one dtype. Where the kernels were not
// compiled for the device, or counters lie elsewhere, LibTorch's functions serve.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <torch/library.h>

#include "../batches.h"
#include "../casts.h"
#include "../foreach.h"
#include "../fused.h"
#include "../rates.h"
#include "../rows.h"
#include "build_info.h"
#include "descents.h"

namespace dgsam::ops::cuda {
namespace {

bool kernelsServe(at::TensorList params, StateLists counters) {
  for (size_t i = 0; i < params.size(); ++i) {
    const at::Tensor& param = params[i];
    // What is wrong with it, makeBatches() says.
    if (!param.defined() || !param.grad().defined()) continue;
    if (!param.is_cuda() || !serves(param.device().index()) || !elementOf(c10::toRealValueType(param.scalar_type())).has_value()) return false;
    for (const StateList& list : counters)
      if (i < list.tensors.size() && list.tensors[i].defined() && list.tensors[i].device() != param.device()) return false;
  }
  return true;
}

float* counterOf(const at::Tensor& counter) { return static_cast<float*>(counter.mutable_data_ptr()); }

// Of the state at a place among those of a batch, for one parameter.
void* stateOf(const Batch& batch, size_t place, size_t index) {
  return place >= batch.states.size() || batch.states[place].empty() ? nullptr : batch.states[place][index].mutable_data_ptr();
}

// `factors`: memory for what the parameters are multiplied by.
void descendBatch(const Batch& batch, const at::Tensor& factors, const Descent& how) {
  const at::Tensor& first = batch.params.front();
  const c10::cuda::CUDAGuard guard(first.device());
  const Stream stream = c10::cuda::getCurrentCUDAStream();
  const size_t count = batch.params.size();
  std::vector<Counters> counters;
  std::vector<Span> spans;
  for (size_t i = 0; i < count; ++i) {
    counters.push_back({counterOf(batch.scalars[0][i]), batch.scalars.size() > 1 ? counterOf(batch.scalars[1][i]) : nullptr});
    spans.push_back({batch.params[i].mutable_data_ptr(), const_cast<void*>(batch.grads[i].const_data_ptr()), stateOf(batch, 0, i), stateOf(batch, 1, i),
                     batch.params[i].numel(), factors.const_data_ptr<double>() + i * kFactors, false, stateOf(batch, 2, i)});
  }
  advance(stream, counters, how, factors.mutable_data_ptr<double>());
  descend(stream, static_cast<int>(*elementOf(first.scalar_type())), spans, how);
}

void descendAll(const char* name, at::TensorList params, StateLists states, StateLists counters, Descent how, const OptionalTensor& rate,
                const OptionalTensor& foundInf) {
  const at::NoGradGuard noGrad;
  if (isGiven(rate)) checkRate(name, "rate", *rate);
  if (isGiven(foundInf)) checkFlag(name, "found_inf", *foundInf);
  const std::vector<Batch> batches = makeBatches(name, params, states, counters, Scalars::Any);
  // All the memory that is needed, before anything changes: it may run out.
  std::vector<at::Tensor> factors;
  for (const Batch& batch : batches)
    factors.push_back(at::empty({static_cast<int64_t>(batch.params.size()) * kFactors}, batch.params.front().options().dtype(at::kDouble)));
  for (size_t i = 0; i < batches.size(); ++i) {
    const Batch& batch = batches[i];
    const at::Device device = batch.params.front().device();
    at::Tensor rateThere, foundInfThere;
    if (isGiven(rate)) how.lrOnDevice = (rateThere = rate->to(device)).const_data_ptr<double>();
    if (isGiven(foundInf)) how.stopped = (foundInfThere = foundInf->to(device)).const_data_ptr<float>();
    descendBatch(batch, factors[i], how);
    finish(batch);
  }
}

// With what of late steps is on the device left out.
Descent stepBy(Rule rule, double beta1, double beta2, double eps, double weightDecay, double extra, bool maximize, bool decoupled, double lr) {
  return {rule, beta1, beta2, eps, weightDecay, extra, maximize, decoupled, lr, nullptr, nullptr};
}

void adam(at::TensorList params, at::TensorList expAvgs, at::TensorList expAvgSqs, at::TensorList maxExpAvgSqs, at::TensorList steps, double lr, double beta1,
          double beta2, double eps, double weightDecay, bool maximize, bool decoupled, const OptionalTensor& foundInf) {
  if (!kernelsServe(params, {{"steps", steps}}))
    return ops::adam(params, expAvgs, expAvgSqs, maxExpAvgSqs, steps, lr, beta1, beta2, eps, weightDecay, maximize, decoupled, foundInf);
  descendAll("adam_", params, {{"exp_avgs", expAvgs}, {"exp_avg_sqs", expAvgSqs}, {"max_exp_avg_sqs", maxExpAvgSqs, true}}, {{"steps", steps}},
             stepBy(Rule::Adam, beta1, beta2, eps, weightDecay, 0, maximize, decoupled, lr), std::nullopt, foundInf);
}

void adamLate(at::TensorList params, at::TensorList expAvgs, at::TensorList expAvgSqs, at::TensorList maxExpAvgSqs, at::TensorList steps, const at::Tensor& lr,
              double beta1, double beta2, double eps, double weightDecay, bool maximize, bool decoupled, const at::Tensor& foundInf) {
  if (!kernelsServe(params, {{"steps", steps}}))
    return ops::adamLate(params, expAvgs, expAvgSqs, maxExpAvgSqs, steps, lr, beta1, beta2, eps, weightDecay, maximize, decoupled, foundInf);
  checkRate("adam_", "lr", lr);
  descendAll("adam_", params, {{"exp_avgs", expAvgs}, {"exp_avg_sqs", expAvgSqs}, {"max_exp_avg_sqs", maxExpAvgSqs, true}}, {{"steps", steps}},
             stepBy(Rule::Adam, beta1, beta2, eps, weightDecay, 0, maximize, decoupled, 0), lr, foundInf);
}

void rmsprop(at::TensorList params, at::TensorList squareAvgs, at::TensorList momentumBuffers, at::TensorList gradAvgs, at::TensorList steps, double lr,
             double alpha, double eps, double weightDecay, double momentum, bool maximize, const OptionalTensor& rate, const OptionalTensor& foundInf) {
  // A momentum without buffers is refused there.
  if (!kernelsServe(params, {{"steps", steps}}) || (momentum != 0 && momentumBuffers.empty()))
    return ops::rmsprop(params, squareAvgs, momentumBuffers, gradAvgs, steps, lr, alpha, eps, weightDecay, momentum, maximize, rate, foundInf);
  descendAll("rmsprop_", params, {{"square_avgs", squareAvgs}, {"momentum_buffers", momentumBuffers, true}, {"grad_avgs", gradAvgs, true}}, {{"steps", steps}},
             stepBy(Rule::RMSprop, 0, alpha, eps, weightDecay, momentum, maximize, false, lr), rate, foundInf);
}

void adagrad(at::TensorList params, at::TensorList sums, at::TensorList steps, double lr, double lrDecay, double eps, double weightDecay, bool maximize,
             const OptionalTensor& rate, const OptionalTensor& foundInf) {
  if (!kernelsServe(params, {{"steps", steps}})) return ops::adagrad(params, sums, steps, lr, lrDecay, eps, weightDecay, maximize, rate, foundInf);
  descendAll("adagrad_", params, {{"sums", sums}}, {{"steps", steps}}, stepBy(Rule::Adagrad, 0, 0, eps, weightDecay, lrDecay, maximize, false, lr), rate, foundInf);
}

void adadelta(at::TensorList params, at::TensorList squareAvgs, at::TensorList accDeltas, at::TensorList steps, double lr, double rho, double eps,
              double weightDecay, bool maximize, const OptionalTensor& rate, const OptionalTensor& foundInf) {
  if (!kernelsServe(params, {{"steps", steps}})) return ops::adadelta(params, squareAvgs, accDeltas, steps, lr, rho, eps, weightDecay, maximize, rate, foundInf);
  descendAll("adadelta_", params, {{"square_avgs", squareAvgs}, {"acc_deltas", accDeltas}}, {{"steps", steps}},
             stepBy(Rule::Adadelta, 0, rho, eps, weightDecay, 0, maximize, false, lr), rate, foundInf);
}

void nadam(at::TensorList params, at::TensorList expAvgs, at::TensorList expAvgSqs, at::TensorList muProducts, at::TensorList steps, double lr, double beta1,
           double beta2, double eps, double weightDecay, double momentumDecay, bool maximize, bool decoupled, const OptionalTensor& rate,
           const OptionalTensor& foundInf) {
  if (!kernelsServe(params, {{"steps", steps}, {"mu_products", muProducts}}))
    return ops::nadam(params, expAvgs, expAvgSqs, muProducts, steps, lr, beta1, beta2, eps, weightDecay, momentumDecay, maximize, decoupled, rate, foundInf);
  descendAll("nadam_", params, {{"exp_avgs", expAvgs}, {"exp_avg_sqs", expAvgSqs}}, {{"steps", steps}, {"mu_products", muProducts}},
             stepBy(Rule::NAdam, beta1, beta2, eps, weightDecay, momentumDecay, maximize, decoupled, lr), rate, foundInf);
}

void radam(at::TensorList params, at::TensorList expAvgs, at::TensorList expAvgSqs, at::TensorList steps, double lr, double beta1, double beta2, double eps,
           double weightDecay, bool maximize, bool decoupled, const OptionalTensor& rate, const OptionalTensor& foundInf) {
  if (!kernelsServe(params, {{"steps", steps}}))
    return ops::radam(params, expAvgs, expAvgSqs, steps, lr, beta1, beta2, eps, weightDecay, maximize, decoupled, rate, foundInf);
  descendAll("radam_", params, {{"exp_avgs", expAvgs}, {"exp_avg_sqs", expAvgSqs}}, {{"steps", steps}},
             stepBy(Rule::RAdam, beta1, beta2, eps, weightDecay, 0, maximize, decoupled, lr), rate, foundInf);
}

void adamax(at::TensorList params, at::TensorList expAvgs, at::TensorList expInfs, at::TensorList steps, double lr, double beta1, double beta2, double eps,
            double weightDecay, bool maximize, const OptionalTensor& rate, const OptionalTensor& foundInf) {
  if (!kernelsServe(params, {{"steps", steps}}))
    return ops::adamax(params, expAvgs, expInfs, steps, lr, beta1, beta2, eps, weightDecay, maximize, rate, foundInf);
  descendAll("adamax_", params, {{"exp_avgs", expAvgs}, {"exp_infs", expInfs}}, {{"steps", steps}},
             stepBy(Rule::Adamax, beta1, beta2, eps, weightDecay, 0, maximize, false, lr), rate, foundInf);
}

TORCH_LIBRARY_IMPL(dgsam, CUDA, m) {
  m.impl("adam_", TORCH_FN(Moving<&adam>::call));
  m.impl("adam_.late", TORCH_FN(Moving<&adamLate>::call));
  m.impl("rmsprop_", TORCH_FN(Moving<&rmsprop>::call));
  m.impl("adagrad_", TORCH_FN(Moving<&adagrad>::call));
  m.impl("adadelta_", TORCH_FN(Moving<&adadelta>::call));
  m.impl("nadam_", TORCH_FN(Moving<&nadam>::call));
  m.impl("radam_", TORCH_FN(Moving<&radam>::call));
  m.impl("adamax_", TORCH_FN(Moving<&adamax>::call));
}

}  // namespace
}  // namespace dgsam::ops::cuda
