// A call of a tape, ready to be made.
#pragma once

#include <string>
#include <vector>

#include "tape.h"

namespace dgsam::capture {

// The tensors of one run by slot. Those that belong to the program stay; all others are dropped at their last use.
using Frame = std::vector<at::Tensor>;

struct Instruction {
  struct Argument {
    Place place;
    // One of each slot: whether nobody needs the tensor after this.
    std::vector<bool> last;
  };
  c10::OperatorHandle handle;
  c10::DispatchKeySet keys;
  std::string name;
  std::vector<Argument> arguments;
  // What nobody needs has no slot.
  std::vector<Place> results;
  std::optional<View> view;

  // Takes its operands from the frame and leaves its results there.
  void execute(Frame& frame, torch::jit::Stack& stack) const;

 private:
  void makeView(Frame& frame) const;
  void push(const Argument& argument, Frame& frame, torch::jit::Stack& stack) const;
};

}  // namespace dgsam::capture
