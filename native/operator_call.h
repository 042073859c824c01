// A call of an operator as it lies in the frame.
#pragma once

#include <cstdint>
#include <vector>

#include "dispatch_schema.h"
#include "environment.h"
#include "frame.h"

namespace dgsam {

// Whether a tensor's sizes and strides stay inside its memory.
bool fitsItsStorage(const at::Tensor& tensor);

class OperatorCall {
 public:
  // Frame: operator index, number of arguments given, one value each. Trailing arguments take their defaults. The arguments
  // are pushed onto the stack. Throws UsageError when they do not fit.
  OperatorCall(Environment& environment, FrameReader& reader, std::vector<c10::IValue>& stack);

  // Puts results in the place of the arguments. The frame must be what it was.
  void run(std::vector<c10::IValue>& stack) const;

  const BoundOperator& bound() const { return *bound_; }
  // Whether a return that is aliased to an argument can be handed back by its number.
  bool isReturnable(int argument) const { return argument >= 0 && argument < 64 && (returnable_ >> argument & 1) != 0; }

 private:
  void repairWritten() const;
  static void checkResults(const std::vector<c10::IValue>& results);

  const BoundOperator* bound_;
  double given_;
  // Where the arguments begin.
  FrameReader arguments_;
  // Which of them came as tensors or lists.
  uint64_t returnable_ = 0;
};

}  // namespace dgsam
