#include "foreach.h"

#include <ATen/Functions.h>
#include <ATen/ScalarOps.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

namespace dgsam::ops {
namespace {

// A stretch of a batch.
struct Part {
  size_t start;
  at::TensorList params;
  at::TensorList grads;
  std::vector<at::TensorList> states;
};

// Where a stretch ends that starts at `start`. The CPU's foreach functions are loops of single calls: of a long list each
// call would fetch tensors from memory that the call before it had in the cache. Elsewhere a call is a kernel launch, and
// the longer its list the better.
size_t stretchEnd(const std::vector<at::Tensor>& params, size_t start) {
  if (!params.front().is_cpu()) return params.size();
  constexpr int64_t kElements = 16384;
  int64_t elements = params[start].numel();
  size_t end = start + 1;
  while (end < params.size() && (elements += params[end].numel()) <= kElements) ++end;
  return end;
}

// Calls `rule(part)` for all of a batch, with gradients that have their sign and their weight decay.
template <typename Rule>
void update(const Batch& batch, double weightDecay, bool maximize, Rule rule) {
  // The many calls need not look for autograd one by one: finish() tells it.
  const at::AutoDispatchBelowADInplaceOrView belowAutograd;
  for (size_t start = 0, end; start < batch.params.size(); start = end) {
    end = stretchEnd(batch.params, start);
    const auto cut = [&](const std::vector<at::Tensor>& list) { return at::TensorList(list).slice(start, end - start); };
    Part part{start, cut(batch.params), cut(batch.grads), {}};
    for (const std::vector<at::Tensor>& list : batch.states) part.states.push_back(list.empty() ? at::TensorList() : cut(list));
    std::vector<at::Tensor> grads;
    if (maximize) part.grads = grads = at::_foreach_neg(part.grads);
    if (weightDecay != 0) part.grads = grads = at::_foreach_add(part.grads, part.params, weightDecay);
    rule(part);
  }
}

// With a plain number the CPU's in-place product rounds it to the tensors' dtype: a decay of 0.999 would be 1 in bfloat16.
void scale(at::TensorList tensors, double factor) {
  if (tensors.front().is_cpu())
    at::_foreach_mul_(tensors, at::native::wrapped_scalar_tensor(factor));
  else
    at::_foreach_mul_(tensors, factor);
}

// m <- m + (1 - beta1) (g - m)
void average(at::TensorList averages, at::TensorList grads, double beta) { at::_foreach_lerp_(averages, grads, 1 - beta); }

// v <- beta v + (1 - beta) g^2
void averageSquares(at::TensorList squares, at::TensorList grads, double beta) {
  scale(squares, beta);
  at::_foreach_addcmul_(squares, grads, grads, 1 - beta);
}

void decay(at::TensorList params, double lr, double weightDecay) {
  if (weightDecay != 0) scale(params, 1 - lr * weightDecay);
}

// RAdam's rectification of an adaptive step at step t, 0 where the variance is not tractable yet.
double rectification(double beta2, double t) {
  const double limit = 2 / (1 - beta2) - 1;
  const double power = std::pow(beta2, t);
  const double length = limit - 2 * t * power / (1 - power);
  return length > 5 ? std::sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)) : 0;
}

}  // namespace

void rmsprop(at::TensorList params, at::TensorList squareAvgs, at::TensorList momentumBuffers, at::TensorList gradAvgs,
             at::TensorList steps, double hostRate, double alpha, double eps, double weightDecay, double momentum, bool maximize,
             const OptionalTensor& rate, const OptionalTensor& foundInf) {
  const at::NoGradGuard noGrad;
  if (isLeftOut("rmsprop_", foundInf)) return;
  const double lr = rateOf("rmsprop_", hostRate, rate);
  TORCH_CHECK(momentum == 0 || !momentumBuffers.empty() || params.empty(), "dgsam::rmsprop_: a momentum needs 'momentum_buffers'");
  const StateLists states{{"square_avgs", squareAvgs}, {"momentum_buffers", momentumBuffers, true}, {"grad_avgs", gradAvgs, true}};
  for (const Batch& batch : makeBatches("rmsprop_", params, states, {{"steps", steps}}, Scalars::Any)) {
    advance(batch.scalars[0]);
    update(batch, weightDecay, maximize, [&](const Part& part) {
      const at::TensorList squares = part.states[0], buffers = part.states[1], averages = part.states[2];
      averageSquares(squares, part.grads, alpha);
      std::vector<at::Tensor> divisors;
      if (averages.empty()) {
        divisors = at::_foreach_sqrt(squares);
      } else {
        average(averages, part.grads, alpha);
        divisors = at::_foreach_addcmul(squares, averages, averages, -1);
        at::_foreach_sqrt_(divisors);
      }
      at::_foreach_add_(divisors, eps);
      if (buffers.empty()) {
        at::_foreach_addcdiv_(part.params, part.grads, divisors, -lr);
      } else {
        scale(buffers, momentum);
        at::_foreach_addcdiv_(buffers, part.grads, divisors);
        at::_foreach_add_(part.params, buffers, -lr);
      }
    });
    finish(batch);
  }
}

void adadelta(at::TensorList params, at::TensorList squareAvgs, at::TensorList accDeltas, at::TensorList steps, double hostRate, double rho,
              double eps, double weightDecay, bool maximize,
              const OptionalTensor& rate, const OptionalTensor& foundInf) {
  const at::NoGradGuard noGrad;
  if (isLeftOut("adadelta_", foundInf)) return;
  const double lr = rateOf("adadelta_", hostRate, rate);
  const StateLists states{{"square_avgs", squareAvgs}, {"acc_deltas", accDeltas}};
  for (const Batch& batch : makeBatches("adadelta_", params, states, {{"steps", steps}}, Scalars::Any)) {
    advance(batch.scalars[0]);
    update(batch, weightDecay, maximize, [&](const Part& part) {
      const at::TensorList squares = part.states[0], accumulated = part.states[1];
      averageSquares(squares, part.grads, rho);
      const std::vector<at::Tensor> divisors = at::_foreach_add(squares, eps);
      at::_foreach_sqrt_(divisors);
      const std::vector<at::Tensor> deltas = at::_foreach_add(accumulated, eps);
      at::_foreach_sqrt_(deltas);
      at::_foreach_div_(deltas, divisors);
      at::_foreach_mul_(deltas, part.grads);
      averageSquares(accumulated, deltas, rho);
      at::_foreach_add_(part.params, deltas, -lr);
    });
    finish(batch);
  }
}

void nadam(at::TensorList params, at::TensorList expAvgs, at::TensorList expAvgSqs, at::TensorList muProducts, at::TensorList steps,
           double hostRate, double beta1, double beta2, double eps, double weightDecay, double momentumDecay, bool maximize, bool decoupled,
           const OptionalTensor& rate, const OptionalTensor& foundInf) {
  const at::NoGradGuard noGrad;
  if (isLeftOut("nadam_", foundInf)) return;
  const double lr = rateOf("nadam_", hostRate, rate);
  const StateLists states{{"exp_avgs", expAvgs}, {"exp_avg_sqs", expAvgSqs}};
  const StateLists scalars{{"steps", steps}, {"mu_products", muProducts}};
  const auto mu = [&](double step) { return beta1 * (1 - 0.5 * std::pow(0.96, step * momentumDecay)); };
  for (const Batch& batch : makeBatches("nadam_", params, states, scalars, Scalars::Equal)) {
    const float step = batch.values[0] + 1;
    // Rounded to float32 as PyTorch keeps it, and used so.
    const double product = batch.values[1] * static_cast<float>(mu(step));
    store(batch.scalars[0], step);
    store(batch.scalars[1], static_cast<float>(product));
    const double next = mu(step + 1.0);
    const double correction = 1 - std::pow(beta2, step);
    update(batch, decoupled ? 0 : weightDecay, maximize, [&](const Part& part) {
      const at::TensorList averages = part.states[0], squares = part.states[1];
      if (decoupled) decay(part.params, lr, weightDecay);
      average(averages, part.grads, beta1);
      averageSquares(squares, part.grads, beta2);
      const std::vector<at::Tensor> divisors = at::_foreach_div(squares, correction);
      at::_foreach_sqrt_(divisors);
      at::_foreach_add_(divisors, eps);
      at::_foreach_addcdiv_(part.params, part.grads, divisors, -lr * (1 - mu(step)) / (1 - product));
      at::_foreach_addcdiv_(part.params, averages, divisors, -lr * next / (1 - product * next));
    });
    finish(batch);
  }
}

void radam(at::TensorList params, at::TensorList expAvgs, at::TensorList expAvgSqs, at::TensorList steps, double hostRate, double beta1,
           double beta2, double eps, double weightDecay, bool maximize, bool decoupled,
           const OptionalTensor& rate, const OptionalTensor& foundInf) {
  const at::NoGradGuard noGrad;
  if (isLeftOut("radam_", foundInf)) return;
  const double lr = rateOf("radam_", hostRate, rate);
  const StateLists states{{"exp_avgs", expAvgs}, {"exp_avg_sqs", expAvgSqs}};
  for (const Batch& batch : makeBatches("radam_", params, states, {{"steps", steps}}, Scalars::Equal)) {
    const float step = batch.values[0] + 1;
    store(batch.scalars[0], step);
    const double stepSize = lr / (1 - std::pow(beta1, step));
    const double rectified = rectification(beta2, step);
    update(batch, decoupled ? 0 : weightDecay, maximize, [&](const Part& part) {
      const at::TensorList averages = part.states[0], squares = part.states[1];
      if (decoupled) decay(part.params, lr, weightDecay);
      average(averages, part.grads, beta1);
      averageSquares(squares, part.grads, beta2);
      if (rectified == 0) {
        at::_foreach_add_(part.params, averages, -stepSize);
      } else {
        const std::vector<at::Tensor> divisors = at::_foreach_sqrt(squares);
        at::_foreach_add_(divisors, eps);
        at::_foreach_addcdiv_(part.params, averages, divisors, -stepSize * rectified * std::sqrt(1 - std::pow(beta2, step)));
      }
    });
    finish(batch);
  }
}

void adamax(at::TensorList params, at::TensorList expAvgs, at::TensorList expInfs, at::TensorList steps, double hostRate, double beta1,
            double beta2, double eps, double weightDecay, bool maximize,
            const OptionalTensor& rate, const OptionalTensor& foundInf) {
  const at::NoGradGuard noGrad;
  if (isLeftOut("adamax_", foundInf)) return;
  const double lr = rateOf("adamax_", hostRate, rate);
  const StateLists states{{"exp_avgs", expAvgs}, {"exp_infs", expInfs}};
  for (const Batch& batch : makeBatches("adamax_", params, states, {{"steps", steps}}, Scalars::Equal)) {
    const float step = batch.values[0] + 1;
    store(batch.scalars[0], step);
    const double stepSize = lr / (1 - std::pow(beta1, step));
    update(batch, weightDecay, maximize, [&](const Part& part) {
      const at::TensorList averages = part.states[0], largest = part.states[1];
      average(averages, part.grads, beta1);
      scale(largest, beta2);
      const std::vector<at::Tensor> magnitudes = at::_foreach_abs(part.grads);
      at::_foreach_add_(magnitudes, eps);
      at::_foreach_maximum_(largest, magnitudes);
      at::_foreach_addcdiv_(part.params, averages, largest, -stepSize);
    });
    finish(batch);
  }
}

void foreachSgd(const Batch& batch, double lr, double momentum, double dampening, double weightDecay, bool nesterov, bool maximize,
                bool first) {
  update(batch, weightDecay, maximize, [&](const Part& part) {
    if (momentum == 0) return at::_foreach_add_(part.params, part.grads, -lr);
    const at::TensorList buffers = part.states[0];
    if (first) {
      at::_foreach_copy_(buffers, part.grads);
    } else {
      scale(buffers, momentum);
      at::_foreach_add_(buffers, part.grads, 1 - dampening);
    }
    if (!nesterov) return at::_foreach_add_(part.params, buffers, -lr);
    at::_foreach_add_(part.params, at::_foreach_add(part.grads, buffers, momentum), -lr);
  });
}

void foreachAdagrad(const Batch& batch, double lr, double lrDecay, double eps, double weightDecay, bool maximize) {
  // A step count on another device is waited for, so only where it matters.
  std::vector<at::Scalar> stepSizes;
  for (const at::Tensor& step : batch.scalars[0]) stepSizes.emplace_back(lrDecay == 0 ? -lr : -lr / (1 + (step.item<double>() - 1) * lrDecay));
  update(batch, weightDecay, maximize, [&](const Part& part) {
    const at::TensorList sums = part.states[0];
    at::_foreach_addcmul_(sums, part.grads, part.grads, 1);
    const std::vector<at::Tensor> divisors = at::_foreach_sqrt(sums);
    at::_foreach_add_(divisors, eps);
    const at::ArrayRef<at::Scalar> sizes(stepSizes);
    at::_foreach_addcdiv_(part.params, part.grads, divisors, sizes.slice(part.start, part.params.size()));
  });
}

}  // namespace dgsam::ops
