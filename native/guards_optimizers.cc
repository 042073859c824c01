#include <c10/util/StringUtil.h>

#include "guard_rooms.h"

namespace dgsam {
namespace {

bool sameStrides(const at::Tensor& a, const at::Tensor& b) {
  for (int64_t i = 0; i < a.dim(); ++i)
    if (a.size(i) > 1 && a.stride(i) != b.stride(i)) return false;
  return true;
}

// One tensor for each parameter, of its shape, dtype, device and memory order: the kernels walk all of them as flat memory.
void likeParameters(const Arguments& arguments, const std::vector<at::Tensor>& parameters, const char* name, bool mayBeEmpty) {
  if (!arguments.has(name)) return;
  const std::vector<at::Tensor> list = arguments.tensors(name);
  if (list.empty() && mayBeEmpty) return;
  if (list.size() != parameters.size())
    arguments.refuse("ERR_ARGUMENT", name, c10::str("expected ", parameters.size(), " tensors, one for each in 'self', got ", list.size()));
  for (size_t i = 0; i < list.size(); ++i) {
    const at::Tensor& parameter = parameters[i];
    const at::Tensor& each = list[i];
    const auto wrong = [&](const char* code, const char* what) {
      arguments.refuse(code, name, c10::str("expected each tensor to have the ", what, " of its parameter; number ", i, " is ",
                                            describe(each), ", its parameter ", describe(parameter)));
    };
    if (each.sizes() != parameter.sizes()) wrong("ERR_SHAPE", "shape");
    if (each.scalar_type() != parameter.scalar_type()) wrong("ERR_DTYPE", "dtype");
    if (each.device() != parameter.device()) wrong("ERR_DEVICE", "device");
    if (each.layout() != at::kStrided) wrong("ERR_ARGUMENT", "strided layout");
    if (!sameStrides(each, parameter)) wrong("ERR_ARGUMENT", "order in memory");
  }
}

void fusedOptimizer(const Arguments& arguments) {
  const std::vector<at::Tensor> parameters = arguments.tensors("self");
  for (const at::Tensor& each : parameters) {
    if (each.layout() != at::kStrided || !each.is_non_overlapping_and_dense())
      arguments.refuse("ERR_ARGUMENT", "self", "expected dense tensors without gaps or overlap in memory, got " + describe(each));
    if (!each.is_floating_point()) arguments.refuse("ERR_DTYPE", "self", "expected a floating-point dtype, got " + describe(each));
  }
  for (const char* name : {"grads", "exp_avgs", "exp_avg_sqs", "state_sums"}) likeParameters(arguments, parameters, name, false);
  likeParameters(arguments, parameters, "max_exp_avg_sqs", !arguments.flag("amsgrad"));
  const c10::IValue* momentum = arguments.find("momentum");
  likeParameters(arguments, parameters, "momentum_buffer_list", momentum != nullptr && momentum->toDouble() == 0);

  if (arguments.has("state_steps")) {
    const std::vector<at::Tensor> steps = arguments.tensors("state_steps");
    if (steps.size() != parameters.size())
      arguments.refuse("ERR_ARGUMENT", "state_steps", c10::str("expected ", parameters.size(), " tensors, one for each in 'self', got ", steps.size()));
    for (const at::Tensor& step : steps)
      if (step.scalar_type() != at::kFloat || step.numel() != 1)
        arguments.refuse(step.numel() != 1 ? "ERR_SHAPE" : "ERR_DTYPE", "state_steps", "expected float32 tensors of one element, got " + describe(step));
  }
  for (const char* name : {"lr", "grad_scale", "found_inf"}) {
    arguments.numel(name, 1);
    if (std::string(name) != "lr") arguments.dtype(name, at::kFloat);
  }
}

// Copies of other layouts are views without the memory that the copy then writes to.
void densePairs(const Arguments& arguments) {
  const size_t self = arguments.tensors("self").size();
  if (const size_t source = arguments.tensors("src").size(); source != self)
    arguments.refuse("ERR_ARGUMENT", "src", c10::str("expected ", self, " tensors, one for each in 'self', got ", source));
  for (const at::Tensor& each : arguments.tensors("self"))
    if (each.layout() != at::kStrided)
      arguments.refuse("ERR_ARGUMENT", "self", c10::str("expected dense tensors, got one of layout ", each.layout()));
}

}  // namespace

std::vector<Guard> optimizerGuards() {
  return {
      {"_fused_adam _fused_adam_ _fused_adamw _fused_adamw_ _fused_sgd _fused_sgd_ _fused_adagrad _fused_adagrad_",
       "every list has a tensor for each parameter, of its shape, dtype, device and memory order; steps are float32 scalars",
       fusedOptimizer},
      {"_foreach_copy", "both lists have the same length, targets are dense", densePairs},
  };
}

}  // namespace dgsam
