#include "fused.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include <algorithm>
#include <vector>

#include "batches.h"
#include "foreach.h"

namespace dgsam::ops {
namespace {

// The fused CPU kernels open a parallel region for every tensor, however small. For a small network the regions take
// longer than the update, and on a busy machine each may wait for a thread. While this lives, the calling thread computes
// alone if the tensors are small on average.
class AloneIfSmall {
 public:
  explicit AloneIfSmall([[maybe_unused]] const std::vector<at::Tensor>& tensors) {
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

// The fused SGD of the CPU (seen in LibTorch 2.13) computes new parameters of 16 bits in whole vectors and does not store them.
bool losesSixteenBits(const at::Tensor& tensor) { return tensor.is_cpu() && at::isReducedFloatingType(tensor.scalar_type()); }

// Of LibTorch's fused optimizers Adagrad's is the one that not every device has. It reads counts beside their parameters.
bool isForFusedAdagrad(const Batch& batch) {
  static const c10::OperatorHandle adagrad = c10::Dispatcher::singleton().findSchemaOrThrow("aten::_fused_adagrad_", "");
  const at::Tensor& first = batch.params.front();
  const auto isThere = [&](const at::Tensor& count) { return count.device() == first.device(); };
  return adagrad.hasKernelForDispatchKey(c10::legacyExtractDispatchKey(first.key_set())) && std::all_of(batch.scalars[0].begin(), batch.scalars[0].end(), isThere);
}

// Where the kernels of a batch read it.
std::optional<at::Tensor> flagFor(const Batch& batch, const std::optional<at::Tensor>& foundInf) {
  return isGiven(foundInf) ? std::optional(foundInf->to(batch.params.front().device())) : std::nullopt;
}

double rateFor(const Batch&, double lr) { return lr; }
// Where the kernels of a batch read it. Those of CUDA take it for float32 whatever it is.
at::Tensor rateFor(const Batch& batch, const at::Tensor& lr) {
  const at::Tensor& param = batch.params.front();
  return lr.to(param.device(), param.is_cpu() ? at::kDouble : at::kFloat);
}

double numberOf(double lr) { return lr; }
double numberOf(const at::Tensor& lr) { return lr.item<double>(); }

// Counts of steps by operators, so that a graph has them.
void advanceByCalls(const std::vector<at::Tensor>& counts) { at::_foreach_add_(counts, 1); }

// Counts of steps that were left out.
void takeBack(const std::vector<at::Tensor>& counts, const at::Tensor& foundInf) {
  at::_foreach_sub_(counts, std::vector<at::Tensor>(counts.size(), foundInf));
}

// Calls LibTorch's kernels for a batch. For hundreds of tensors, looking for autograd takes a third of such a call: finish() tells it.
template <typename Calls>
void belowAutograd(Calls calls) {
  const at::AutoDispatchBelowADInplaceOrView below;
  calls();
}

template <typename Rate>
void descendSgd(at::TensorList params, at::TensorList momentumBuffers, const Rate& lr, double momentum, double dampening, double weightDecay,
                bool nesterov, bool maximize, bool first, const std::optional<at::Tensor>& foundInf) {
  const at::NoGradGuard noGrad;
  TORCH_CHECK(momentum == 0 || !momentumBuffers.empty() || params.empty(), "dgsam::sgd_: a momentum needs 'momentum_buffers'");
  for (Batch& batch : makeBatches("sgd_", params, {{"momentum_buffers", momentumBuffers, true}}, {}, Scalars::Any)) {
    if (losesSixteenBits(batch.params.front())) {
      if (isGiven(foundInf) && foundInf->item<float>() == 1) continue;
      foreachSgd(batch, numberOf(lr), momentum, dampening, weightDecay, nesterov, maximize, first);
      finish(batch);
      continue;
    }
    const std::optional<at::Tensor> flag = flagFor(batch, foundInf);
    const AloneIfSmall alone(batch.params);
    belowAutograd([&] {
      at::_fused_sgd_(batch.params, batch.grads, batch.states[0], weightDecay, momentum, rateFor(batch, lr), dampening, nesterov, maximize, first, {}, flag);
    });
    finish(batch);
  }
}

template <typename Rate>
void descendAdam(at::TensorList params, at::TensorList expAvgs, at::TensorList expAvgSqs, at::TensorList maxExpAvgSqs, at::TensorList steps, const Rate& lr,
                 double beta1, double beta2, double eps, double weightDecay, bool maximize, bool decoupled, const std::optional<at::Tensor>& foundInf) {
  const at::NoGradGuard noGrad;
  const bool amsgrad = !maxExpAvgSqs.empty();
  const StateLists states{{"exp_avgs", expAvgs}, {"exp_avg_sqs", expAvgSqs}, {"max_exp_avg_sqs", maxExpAvgSqs, true}};
  for (Batch& batch : makeBatches("adam_", params, states, {{"steps", steps}}, Scalars::Any)) {
    const std::optional<at::Tensor> flag = flagFor(batch, foundInf);
    const AloneIfSmall alone(batch.params);
    const std::vector<at::Tensor>& counts = batch.scalars[0];
    if (!flag.has_value()) advance(counts);
    const auto &averages = batch.states[0], &squares = batch.states[1], &largest = batch.states[2];
    belowAutograd([&] {
      if (flag.has_value()) advanceByCalls(counts);
      const auto rate = rateFor(batch, lr);
      if (decoupled)
        at::_fused_adamw_(batch.params, batch.grads, averages, squares, largest, counts, rate, beta1, beta2, weightDecay, eps, amsgrad, maximize, {}, flag);
      else
        at::_fused_adam_(batch.params, batch.grads, averages, squares, largest, counts, rate, beta1, beta2, weightDecay, eps, amsgrad, maximize, {}, flag);
      if (flag.has_value()) takeBack(counts, *flag);
    });
    finish(batch);
  }
}

}  // namespace

void sgd(at::TensorList params, at::TensorList momentumBuffers, double lr, double momentum, double dampening, double weightDecay,
         bool nesterov, bool maximize, bool first, const std::optional<at::Tensor>& foundInf) {
  descendSgd(params, momentumBuffers, lr, momentum, dampening, weightDecay, nesterov, maximize, first, foundInf);
}

void sgdLate(at::TensorList params, at::TensorList momentumBuffers, const at::Tensor& lr, double momentum, double dampening, double weightDecay,
             bool nesterov, bool maximize, bool first, const at::Tensor& foundInf) {
  checkRate("sgd_", "lr", lr);
  descendSgd(params, momentumBuffers, lr, momentum, dampening, weightDecay, nesterov, maximize, first, foundInf);
}

void adam(at::TensorList params, at::TensorList expAvgs, at::TensorList expAvgSqs, at::TensorList maxExpAvgSqs, at::TensorList steps,
          double lr, double beta1, double beta2, double eps, double weightDecay, bool maximize, bool decoupled, const std::optional<at::Tensor>& foundInf) {
  descendAdam(params, expAvgs, expAvgSqs, maxExpAvgSqs, steps, lr, beta1, beta2, eps, weightDecay, maximize, decoupled, foundInf);
}

void adamLate(at::TensorList params, at::TensorList expAvgs, at::TensorList expAvgSqs, at::TensorList maxExpAvgSqs, at::TensorList steps,
              const at::Tensor& lr, double beta1, double beta2, double eps, double weightDecay, bool maximize, bool decoupled, const at::Tensor& foundInf) {
  checkRate("adam_", "lr", lr);
  descendAdam(params, expAvgs, expAvgSqs, maxExpAvgSqs, steps, lr, beta1, beta2, eps, weightDecay, maximize, decoupled, foundInf);
}

void adagrad(at::TensorList params, at::TensorList sums, at::TensorList steps, double hostRate, double lrDecay, double eps, double weightDecay,
             bool maximize, const OptionalTensor& rate, const OptionalTensor& foundInf) {
  const at::NoGradGuard noGrad;
  if (isLeftOut("adagrad_", foundInf)) return;
  const double lr = rateOf("adagrad_", hostRate, rate);
  for (Batch& batch : makeBatches("adagrad_", params, {{"sums", sums}}, {{"steps", steps}}, Scalars::Any)) {
    advance(batch.scalars[0]);
    if (isForFusedAdagrad(batch)) {
      const AloneIfSmall alone(batch.params);
      at::_fused_adagrad_(batch.params, batch.grads, batch.states[0], batch.scalars[0], lr, lrDecay, weightDecay, eps, maximize);
    } else {
      foreachAdagrad(batch, lr, lrDecay, eps, weightDecay, maximize);
    }
    finish(batch);
  }
}

}  // namespace dgsam::ops
