#include "batches.h"

#include <ATen/Functions.h>
#include <ATen/MemoryOverlap.h>

#include "rows.h"

namespace dgsam::ops {
namespace {

// The functions walk all tensors of a parameter as flat memory: they must lie in its order.
bool isFlatLike(const at::Tensor& tensor, const at::Tensor& param) {
  return sameOrder(tensor, param) && !tensor.is_neg() && !tensor.is_conj() && !tensor._is_zerotensor();
}

at::Tensor alignedGradient(const at::Tensor& grad, const at::Tensor& param) {
  return isFlatLike(grad, param) ? grad : at::empty_like(param).copy_(grad);
}

// The fused kernels walk the memory of a parameter from end to end: one with gaps is updated by way of a copy.
at::Tensor withoutGaps(const at::Tensor& param) {
  return param.is_non_overlapping_and_dense() ? param : at::empty_like(param).copy_(param);
}

at::Tensor asReal(const at::Tensor& tensor) { return tensor.is_complex() ? at::view_as_real(tensor) : tensor; }

void checkState(const char* name, const StateList& list, size_t index, const at::Tensor& param) {
  const at::Tensor& tensor = list.tensors[index];
  checkCompanion(name, list.name, index, tensor, param);
  TORCH_CHECK(isFlatLike(tensor, param), "dgsam::", name, ": ", list.name, "[", index, "]: expected strides ", param.strides(),
              " as its parameter, got ", tensor.strides());
}

void checkScalar(const char* name, const StateList& list, size_t index) {
  const at::Tensor& tensor = list.tensors[index];
  TORCH_CHECK(tensor.defined() && tensor.scalar_type() == at::kFloat && tensor.numel() == 1, "dgsam::", name, ": ", list.name, "[",
              index, "]: expected a float32 scalar, got ", tensor.scalar_type(), " of shape ", tensor.sizes());
}

float valueOf(const at::Tensor& scalar) {
  return scalar.is_cpu() ? *static_cast<const float*>(scalar.const_data_ptr()) : scalar.item<float>();
}

bool belongs(const Batch& batch, const at::Tensor& param, const std::vector<float>& values) {
  const at::Tensor& first = batch.params.front();
  return first.scalar_type() == param.scalar_type() && first.device() == param.device() && batch.values == values;
}

}  // namespace

std::vector<Batch> makeBatches(const char* name, at::TensorList params, StateLists states, StateLists scalars, Scalars values) {
  for (const StateLists& lists : {states, scalars})
    for (const StateList& list : lists)
      if (!list.optional || !list.tensors.empty()) checkLength(name, list.name, list.tensors.size(), params.size());
  std::vector<Batch> batches;
  for (size_t i = 0; i < params.size(); ++i) {
    const at::Tensor& param = params[i];
    checkFloating(name, "params", i, param);
    if (!param.grad().defined()) continue;
    TORCH_CHECK(at::has_internal_overlap(param) != at::MemOverlap::Yes, "dgsam::", name, ": params[", i,
                "]: expected elements of their own, got strides ", param.strides(), " over shape ", param.sizes());
    checkCompanion(name, "gradients of params", i, param.grad(), param);
    const at::Tensor dense = withoutGaps(param);
    for (const StateList& list : states)
      if (!list.tensors.empty()) checkState(name, list, i, dense);
    std::vector<float> held;
    for (const StateList& list : scalars) {
      checkScalar(name, list, i);
      if (values == Scalars::Equal) held.push_back(valueOf(list.tensors[i]));
    }
    const at::Tensor real = asReal(dense);
    Batch* batch = nullptr;
    for (Batch& each : batches)
      if (belongs(each, real, held)) batch = &each;
    if (batch == nullptr) {
      batch = &batches.emplace_back();
      batch->states.resize(states.size());
      batch->scalars.resize(scalars.size());
      batch->values = held;
    }
    batch->params.push_back(real);
    if (!dense.is_same(param)) batch->copies.emplace_back(param, dense);
    batch->grads.push_back(asReal(alignedGradient(param.grad(), dense)));
    for (size_t list = 0; list < states.size(); ++list)
      if (!states.begin()[list].tensors.empty()) batch->states[list].push_back(asReal(states.begin()[list].tensors[i]));
    for (size_t list = 0; list < scalars.size(); ++list) batch->scalars[list].push_back(scalars.begin()[list].tensors[i]);
  }
  return batches;
}

void checkStates(at::TensorList params, at::TensorList states) {
  checkLength("check_states", "states", states.size(), params.size());
  for (size_t i = 0; i < params.size(); ++i) {
    checkFloating("check_states", "params", i, params[i]);
    if (!params[i].grad().defined()) continue;
    checkCompanion("check_states", "gradients of params", i, params[i].grad(), params[i]);
    checkCompanion("check_states", "states", i, states[i], params[i]);
  }
}

void advance(const std::vector<at::Tensor>& steps) {
  std::vector<at::Tensor> others;
  for (const at::Tensor& step : steps) {
    if (step.is_cpu())
      ++*static_cast<float*>(step.mutable_data_ptr());
    else
      others.push_back(step);
  }
  if (!others.empty()) at::_foreach_add_(others, 1);
}

void store(const std::vector<at::Tensor>& scalars, float value) {
  std::vector<at::Tensor> others;
  for (const at::Tensor& scalar : scalars) {
    if (scalar.is_cpu())
      *static_cast<float*>(scalar.mutable_data_ptr()) = value;
    else
      others.push_back(scalar);
  }
  if (!others.empty()) at::_foreach_copy_(others, std::vector<at::Tensor>(others.size(), at::full({}, value, others.front().options())));
}

void finish(const Batch& batch) {
  for (const auto& [param, dense] : batch.copies) param.copy_(dense);
  for (const at::Tensor& each : batch.params) bump(each);
}

}  // namespace dgsam::ops
