#include "descend.h"

#include <ATen/Functions.h>
#include <ATen/MemoryOverlap.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include <array>
#include <utility>
#include <vector>

#include "rows.h"

namespace dgsam::ops {
namespace {

struct StateList {
  const char* name;
  at::TensorList tensors;
};

template <size_t N>
using StateLists = std::array<StateList, N>;

// What one call of a fused kernel takes: tensors of one dtype and device.
template <size_t N>
struct Batch {
  std::vector<at::Tensor> params;
  // Parameters with gaps in their memory, each with the copy that is updated in its place.
  std::vector<std::pair<at::Tensor, at::Tensor>> copies;
  std::vector<at::Tensor> grads;
  std::array<std::vector<at::Tensor>, N> states;
  std::vector<at::Tensor> steps;
};

// The kernels walk all tensors of a parameter as flat memory: they must lie in its order.
bool isFlatLike(const at::Tensor& tensor, const at::Tensor& param) {
  return sameOrder(tensor, param) && !tensor.is_neg() && !tensor.is_conj() && !tensor._is_zerotensor();
}

at::Tensor alignedGradient(const at::Tensor& grad, const at::Tensor& param) {
  return isFlatLike(grad, param) ? grad : at::empty_like(param).copy_(grad);
}

// The kernels walk the memory of a parameter from end to end: one with gaps is updated by way of a copy.
at::Tensor withoutGaps(const at::Tensor& param) {
  return param.is_non_overlapping_and_dense() ? param : at::empty_like(param).copy_(param);
}

at::Tensor asReal(const at::Tensor& tensor) { return tensor.is_complex() ? at::view_as_real(tensor) : tensor; }

template <size_t N>
void checkState(const char* name, size_t index, const at::Tensor& param, const StateLists<N>& states) {
  for (const StateList& list : states) {
    if (list.tensors.empty()) continue;
    checkCompanion(name, list.name, index, list.tensors[index], param);
    TORCH_CHECK(isFlatLike(list.tensors[index], param), "dgsam::", name, ": ", list.name, "[", index,
                "]: expected strides ", param.strides(), " as its parameter, got ", list.tensors[index].strides());
  }
}

void checkStep(const char* name, size_t index, const at::Tensor& step) {
  TORCH_CHECK(step.defined() && step.scalar_type() == at::kFloat && step.numel() == 1, "dgsam::", name, ": steps[", index,
              "]: expected a float32 scalar, got ", step.scalar_type(), " of shape ", step.sizes());
}

// Everything is checked before anything is changed.
template <size_t N>
std::vector<Batch<N>> makeBatches(const char* name, at::TensorList params, const StateLists<N>& states, at::TensorList steps) {
  for (const StateList& list : states)
    if (!list.tensors.empty()) checkLength(name, list.name, list.tensors.size(), params.size());
  std::vector<Batch<N>> batches;
  for (size_t i = 0; i < params.size(); ++i) {
    const at::Tensor& param = params[i];
    checkFloating(name, "params", i, param);
    if (!param.grad().defined()) continue;
    TORCH_CHECK(at::has_internal_overlap(param) != at::MemOverlap::Yes, "dgsam::", name, ": params[", i,
                "]: expected elements of their own, got strides ", param.strides(), " over shape ", param.sizes());
    checkCompanion(name, "gradients of params", i, param.grad(), param);
    const at::Tensor dense = withoutGaps(param);
    checkState(name, i, dense, states);
    if (!steps.empty()) checkStep(name, i, steps[i]);
    const at::Tensor real = asReal(dense);
    Batch<N>* batch = nullptr;
    for (Batch<N>& each : batches)
      if (each.params.front().scalar_type() == real.scalar_type() && each.params.front().device() == real.device()) batch = &each;
    if (batch == nullptr) batch = &batches.emplace_back();
    batch->params.push_back(real);
    if (!dense.is_same(param)) batch->copies.emplace_back(param, dense);
    batch->grads.push_back(asReal(alignedGradient(param.grad(), dense)));
    for (size_t list = 0; list < N; ++list)
      if (!states[list].tensors.empty()) batch->states[list].push_back(asReal(states[list].tensors[i]));
    if (!steps.empty()) batch->steps.push_back(steps[i]);
  }
  return batches;
}

// The fused CPU kernels open a parallel region for every tensor, however small. For a small network the regions take
// longer than the update, and on a busy machine each may wait for a thread. While this lives, the calling thread computes
// alone if the tensors are small on average.
class AloneIfSmall {
 public:
  explicit AloneIfSmall(const std::vector<at::Tensor>& tensors) {
#ifdef _OPENMP
    int64_t elements = 0;
    for (const at::Tensor& each : tensors) elements += each.numel();
    if (elements >= kWorthARegion * static_cast<int64_t>(tensors.size())) return;
    threadsBefore_ = at::get_num_threads();
    // What at::parallel_for asks, for this thread; at::set_num_threads would also drop oneDNN's cache.
    omp_set_num_threads(1);
#endif
  }
  ~AloneIfSmall() {
#ifdef _OPENMP
    if (threadsBefore_ > 0) omp_set_num_threads(threadsBefore_);
#endif
  }
  AloneIfSmall(const AloneIfSmall&) = delete;
  AloneIfSmall& operator=(const AloneIfSmall&) = delete;

 private:
  // Elements per tensor from which a second thread saves more than its region costs.
  static constexpr int64_t kWorthARegion = 8192;

  int threadsBefore_ = 0;
};

void advance(const std::vector<at::Tensor>& steps) {
  for (const at::Tensor& step : steps) {
    if (step.is_cpu())
      ++*static_cast<float*>(step.mutable_data_ptr());
    else
      step.add_(1);
  }
}

// The kernels change data without telling autograd: a stale graph would give wrong gradients in silence.
template <size_t N>
void finish(const Batch<N>& batch) {
  for (const auto& [param, dense] : batch.copies) param.copy_(dense);
  for (const at::Tensor& each : batch.params) bump(each);
}

}  // namespace

void sgd(at::TensorList params, at::TensorList momentumBuffers, double lr, double momentum, double dampening, double weightDecay,
         bool nesterov, bool maximize, bool first) {
  const at::NoGradGuard noGrad;
  TORCH_CHECK(momentum == 0 || !momentumBuffers.empty() || params.empty(), "dgsam::sgd_: a momentum needs 'momentum_buffers'");
  for (Batch<1>& batch : makeBatches<1>("sgd_", params, {{{"momentum_buffers", momentumBuffers}}}, {})) {
    const AloneIfSmall alone(batch.params);
    at::_fused_sgd_(batch.params, batch.grads, batch.states[0], weightDecay, momentum, lr, dampening, nesterov, maximize, first);
    finish(batch);
  }
}

void adam(at::TensorList params, at::TensorList expAvgs, at::TensorList expAvgSqs, at::TensorList maxExpAvgSqs, at::TensorList steps,
          double lr, double beta1, double beta2, double eps, double weightDecay, bool maximize, bool decoupled) {
  const at::NoGradGuard noGrad;
  checkLength("adam_", "exp_avgs", expAvgs.size(), params.size());
  checkLength("adam_", "exp_avg_sqs", expAvgSqs.size(), params.size());
  checkLength("adam_", "steps", steps.size(), params.size());
  const bool amsgrad = !maxExpAvgSqs.empty();
  const StateLists<3> states{{{"exp_avgs", expAvgs}, {"exp_avg_sqs", expAvgSqs}, {"max_exp_avg_sqs", maxExpAvgSqs}}};
  for (Batch<3>& batch : makeBatches<3>("adam_", params, states, steps)) {
    const AloneIfSmall alone(batch.params);
    advance(batch.steps);
    auto& [averages, squares, largest] = batch.states;
    if (decoupled)
      at::_fused_adamw_(batch.params, batch.grads, averages, squares, largest, batch.steps, lr, beta1, beta2, weightDecay, eps, amsgrad, maximize);
    else
      at::_fused_adam_(batch.params, batch.grads, averages, squares, largest, batch.steps, lr, beta1, beta2, weightDecay, eps, amsgrad, maximize);
    finish(batch);
  }
}

}  // namespace dgsam::ops
