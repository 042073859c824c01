// A step that is captured once and then done again as it was: the same kernels, over the same memory, with the same numbers.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace dgsam::capture {

class Captured {
 public:
  virtual ~Captured() = default;
  Captured() = default;
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

  // Where it throws, random numbers are those that come as if it had not been called.
  virtual void replay() = 0;
};

// Held while a step is captured, by whichever thread of the process. A device that is waited for, or an allocator that gives memory back, breaks
// what is captured on that device, or fails itself: whoever does such things has it, too, and waits.
inline std::mutex& captureTurn() {
  static std::mutex it;
  return it;
}

// Why no step over parameters on a device can be captured; empty where one may be.
std::string refusalOf(c10::Device device);

// Captures what `body` does on a device. On CUDA devices as a graph (cuda/graph.cc): nothing of it is done, but tensors that it makes have the
// memory that replays write to. On the CPU as a tape of calls (call_tape.h), for tests: it is done.
//
// `earlier` may share its memory, if it never runs at the same time. Throws what `body` throws, and where that cannot be captured;
// all but tensors that `body` replaced is then as if it had not been called, on CUDA devices.
std::unique_ptr<Captured> captureOn(c10::Device device, Captured* earlier, const std::function<void()>& body);

// Whether what this thread calls is captured and not done: nothing that fails need be undone.
bool isOnlyCaptured();

#ifdef DGSAM_CUDA
std::unique_ptr<Captured> captureOnCuda(c10::Device device, Captured* earlier, const std::function<void()>& body);
#endif

}  // namespace dgsam::capture
