// How autograd's passes are run: in which thread, and what becomes of one that fails.
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

  // Unless this process uses several GPUs, to which those threads launch side by side; while a function is recorded in any case, since nobody
  // records in them.
  static InCallingThread unlessSeveralGpus();

 private:
  explicit InCallingThread(bool applies);
  const bool before_;
};

// Frees what a pass that failed has left. LibTorch keeps the tasks that were ready in the thread's queue, each with its gradients and all that the
// graph before it has saved, until another pass of this thread meets them: after a shortage of memory there may be none.
void dropUnfinishedPass() noexcept;

// Calls `pass`, which calls LibTorch's autograd.
template <typename Pass>
auto runPass(const Pass& pass) {
  const auto thread = InCallingThread::unlessSeveralGpus();
  try {
    return pass();
  } catch (...) {
    dropUnfinishedPass();
    throw;
  }
}

}  // namespace dgsam
