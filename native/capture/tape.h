// What a function of tensors did, as a list of dispatcher calls that can be made again without JavaScript and autograd.
//
// A tape names every tensor by a slot. The first slots are the inputs of the function; the others were met while it ran.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "geometry.h"

namespace dgsam::capture {

using Slot = uint32_t;
constexpr Slot kNoSlot = UINT32_MAX;

enum class Origin {
  Input,
  // What the gradient of an output begins with.
  Seed,
  // Lives outside of the function: a parameter, a buffer, whatever the function refers to.
  External,
  // Made by the function of values of JavaScript's, which are those of the recorded call for ever.
  Constant,
  // The result of a call.
  Made,
};

struct SlotInfo {
  Origin origin;
  // Tensors over the same memory have the same number.
  uint32_t memory;
  int64_t elements;
  at::ScalarType dtype;
  bool onCpu;
  // Of externals and constants; of seeds one that says how they lie in memory.
  at::Tensor tensor = {};
};

// An argument of a call or a result: a tensor, a list of tensors, or any other value.
struct Place {
  enum class Kind { Value, Tensor, Tensors, OptionalTensors };
  Kind kind = Kind::Value;
  // One of a tensor, one of each element of a list; kNoSlot for an undefined tensor, and of results nobody uses.
  std::vector<Slot> slots = {};
  c10::IValue value = {};
};

struct Call {
  c10::OperatorHandle handle;
  // What was left of the dispatch keys below the recorder.
  c10::DispatchKeySet keys;
  std::vector<Place> arguments = {};
  std::vector<Place> results = {};
  // Tensors that it writes to; of the first `declared` its schema says so.
  std::vector<Slot> written = {};
  size_t declared = 0;
  // Whether it draws random numbers.
  bool random = false;
  // Of a call that does nothing but look at its one tensor in another way.
  std::optional<View> view = {};
};

// Where gradients flow to: an input, or a tensor outside of the function.
struct Leaf {
  std::optional<size_t> input;
  at::Tensor variable;
};

// The differentiation of some of the outputs.
struct Backward {
  // One of each differentiable output: whether it has a seed.
  std::vector<bool> seeded;
  std::vector<Call> calls;
  // One of each leaf; kNoSlot where none reaches it.
  std::vector<Slot> gradients;
};

struct Tape {
  std::vector<SlotInfo> slots;
  size_t inputs = 0;
  uint32_t memories = 0;
  std::vector<Call> calls;
  std::vector<Slot> outputs;
  // The outputs that have a gradient, and its seeds.
  std::vector<size_t> differentiable;
  std::vector<Slot> seeds;
  std::vector<Leaf> leaves;
  std::vector<Backward> backwards;
};

template <typename Visit>
void forEachSlot(const std::vector<Place>& places, Visit visit) {
  for (const Place& place : places)
    for (Slot slot : place.slots)
      if (slot != kNoSlot) visit(slot);
}

}  // namespace dgsam::capture
