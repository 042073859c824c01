// In which thread autograd runs.
#pragma once

namespace dgsam {

// LibTorch's autograd has a thread of its own for each GPU, which the calling thread wakes and then waits for, once in every pass: that is
// a good part of what a backward pass of small operators takes. While this lives, passes run in the calling thread.
class InCallingThread {
 public:
  InCallingThread() : InCallingThread(true) {}
  InCallingThread(const InCallingThread&) = delete;
  InCallingThread& operator=(const InCallingThread&) = delete;
  ~InCallingThread();

  // Unless this process uses several GPUs, to which those threads launch side by side.
  static InCallingThread unlessSeveralGpus();

 private:
  explicit InCallingThread(bool applies);
  const bool before_;
};

}  // namespace dgsam
