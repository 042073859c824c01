#include "gradients.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <tuple>

namespace dgsam {

double stampOf(const std::vector<at::Tensor>& tensors) {
  double stamp = 0;
  for (const at::Tensor& each : tensors) {
    const at::Tensor& gradient = each.grad();
    if (gradient.defined()) stamp += gradient.is_inference() ? 1 : 1 + gradient._version();
  }
  return stamp;
}

double gradientNorm(at::TensorList parameters) {
  using Gather = std::tuple<double, double, int64_t>(at::TensorList, at::TensorList, at::TensorList, double, double);
  static const auto gather = c10::Dispatcher::singleton().findSchemaOrThrow("dgsam::gather_", "").typed<Gather>();
  // Without anything to gather it only reads.
  return std::get<0>(gather.call(parameters, {}, {}, 0, 1));
}

}  // namespace dgsam
