#include "gradients.h"

#include <ATen/Functions.h>
#include <ATen/ScalarOps.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <tuple>

namespace dgsam {

double valueOf(const at::Tensor& scalar) {
  if (scalar.is_cpu() && !scalar.is_neg() && !scalar._is_zerotensor()) {
    if (scalar.scalar_type() == at::kFloat) return *scalar.const_data_ptr<float>();
    if (scalar.scalar_type() == at::kDouble) return *scalar.const_data_ptr<double>();
  }
  return scalar.item<double>();
}

at::Tensor scalarLike(const at::Tensor& scalar, double value) {
  // Without the dispatcher.
  if (scalar.is_cpu() && scalar.dim() == 0) return at::detail::scalar_tensor_static(value, scalar.scalar_type(), scalar.device());
  return at::full_like(scalar, value);
}

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
