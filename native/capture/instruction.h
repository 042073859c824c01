// A call of a tape, ready to be made.
#pragma once

#include <optional>
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

  // Tensors that it writes to.
  std::vector<Slot> written;

  // Whether its results are all needed, nobody else's and written to by no other call: they may be written over in the next run.
  bool ownsResults = false;
  // The overload that writes such results into tensors it is given.
  std::optional<c10::OperatorHandle> into = {};

  // Takes its operands from the frame and leaves its results there. With `keeps` all operands stay, also those that nobody
  // needs when calls are made in their order.
  void execute(Frame& frame, torch::jit::Stack& stack, bool keeps = false) const;

  // Whether the frame has results of an earlier run.
  bool wasExecuted(const Frame& frame) const;
  // Writes the results over these; all operands stay.
  void executeOver(Frame& frame, torch::jit::Stack& stack) const;

 private:
  void makeView(Frame& frame, bool keeps) const;
  void push(const Argument& argument, Frame& frame, torch::jit::Stack& stack, bool keeps) const;
};

}  // namespace dgsam::capture
