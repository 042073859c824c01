// Calls of small programs that are made without the dispatcher, whose way to the kernel takes longer than the kernel: products of
// matrices by BLAS itself, activations and sums of rows by loops.
#pragma once

#include <functional>
#include <vector>

#include "instruction.h"

namespace dgsam::capture {

// To be run by one thread.
class Shortcut {
 public:
  // Those that there may be for an instruction with operands and results as the frame has them. Whether they give the bits that
  // the operator gives depends on how it was built, and is to be tried.
  static std::vector<Shortcut> candidates(const Instruction& instruction, const Frame& frame);

  // Writes over the result, or makes it where the frame has none.
  void run(Frame& frame) const;

  using Operands = std::vector<const float*>;
  using Kernel = std::function<void(const Operands& operands, float* result)>;

 private:
  Shortcut(std::vector<Slot> operands, Slot result, const Frame& frame, Kernel kernel);

  std::vector<Slot> operands_;
  Slot result_;
  std::vector<int64_t> sizes_;
  Kernel kernel_;
};

}  // namespace dgsam::capture
