// What stands for a CUDA graph on the CPU, in tests: every call of a step that reaches a kernel, with its arguments as they were, to be made again
// over the same memory. A number of the host's, or memory that is another in the next step, stays here what it was, as there, and a value that
// is read refuses the capture.
//
// Calls of dgsam:: are seen through: those that they make count. Whatever writes to memory without the dispatcher is missed, as by a graph what
// the host does.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <optional>
#include <string>
#include <vector>

#include "graph.h"

namespace dgsam::capture {

class CallTape : public Captured {
 public:
  // The one of this thread that hears of calls; null when there is none.
  static CallTape* active();

  // Hears of what `body` calls.
  void record(const std::function<void()>& body);
  void note(const c10::OperatorHandle& handle, c10::DispatchKeySet keys, torch::jit::Stack& stack);
  void replay() override;

  const std::optional<std::string>& refusal() const { return refusal_; }

 private:
  struct Call {
    c10::OperatorHandle handle;
    c10::DispatchKeySet keys;
    bool withGradients;
    torch::jit::Stack arguments;
    // Where its results lie; undefined tensors for those that lie in the memory of an argument.
    std::vector<at::Tensor> made;
  };

  void refuse(const std::string& reason);

  std::vector<Call> calls_;
  std::optional<std::string> refusal_;
};

// The dispatch keys of a call that goes around the recorder's, or with it where a tape is to hear of it.
c10::DispatchKeySet heardKeys(c10::DispatchKeySet keys);

}  // namespace dgsam::capture
