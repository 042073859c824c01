// Parameters with gradients, as the lists that LibTorch's fused and foreach functions take.
//
// Gradients are the parameters' own `grad`; parameters without one are left alone, their state too. What those functions
// leave to their callers happens here: lists of one dtype and device, complex numbers as pairs, gradients in their
// parameters' memory order, parameters with gaps in their memory, step counts, autograd's version counters.
#pragma once

#include <ATen/core/Tensor.h>

#include <initializer_list>
#include <utility>
#include <vector>

namespace dgsam::ops {

// Tensors that accompany the parameters, one each. An optional list may be empty.
struct StateList {
  const char* name;
  at::TensorList tensors;
  bool optional = false;
};

using StateLists = std::initializer_list<StateList>;

struct Batch {
  std::vector<at::Tensor> params;
  // Parameters with gaps in their memory, each with the copy that is updated in its place.
  std::vector<std::pair<at::Tensor, at::Tensor>> copies;
  std::vector<at::Tensor> grads;
  // In the order of the lists given, empty where those are.
  std::vector<std::vector<at::Tensor>> states;
  // Step counts and their kin, float32 scalars.
  std::vector<std::vector<at::Tensor>> scalars;
  // What the scalars hold, where batches are made by it.
  std::vector<float> values;
};

// Whether all parameters of a batch share the values of their scalars, as factors that depend on the step count need it.
enum class Scalars { Any, Equal };

// Everything is checked before anything is changed: throws c10::Error naming operator, list and index.
std::vector<Batch> makeBatches(const char* name, at::TensorList params, StateLists states, StateLists scalars, Scalars values);

// Throws c10::Error unless every state, of the parameter at its place, and that parameter's gradient would pass makeBatches:
// for optimizers of several groups, which change one after the other. Parameters without a gradient are not looked at.
void checkStates(at::TensorList params, at::TensorList states);

// Raises step counts by one.
void advance(const std::vector<at::Tensor>& steps);

// Stores one value in all scalars.
void store(const std::vector<at::Tensor>& scalars, float value);

// Tells autograd that the parameters changed. Neither the fused kernels do, nor foreach functions called below autograd: a
// stale graph would give wrong gradients in silence.
void finish(const Batch& batch);

}  // namespace dgsam::ops
