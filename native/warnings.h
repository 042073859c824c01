// What LibTorch warns of, on its way to Node's process.emitWarning().
//
// LibTorch calls a handler on the thread that warns, in the middle of an operator, where no JavaScript may run. So the
// handler only notes the text, and the native entry that the JavaScript thread is in hands it over when it ends. Threads
// that are not JavaScript's (OpenMP's) keep LibTorch's own handler, which prints to stderr.
#pragma once

#include <atomic>
#include <cstddef>

namespace dgsam {

class Environment;

// Makes LibTorch's warnings on this thread ours.
void installWarningHandler();

// Forgets what this thread noted and never handed over.
void dropWarnings();

// How many warnings of all threads wait to be handed over. A plain load on the path of every operator, where a
// thread-local would cost a call.
inline std::atomic<size_t> waitingWarnings{0};

// Hands over what the entry caused, also when it throws.
class WarningsOfEntry {
 public:
  explicit WarningsOfEntry(Environment& environment) : environment_(environment) {}
  ~WarningsOfEntry() {
    if (waitingWarnings.load(std::memory_order_relaxed) != 0) emit();
  }
  WarningsOfEntry(const WarningsOfEntry&) = delete;
  WarningsOfEntry& operator=(const WarningsOfEntry&) = delete;

 private:
  void emit() noexcept;

  Environment& environment_;
};

}  // namespace dgsam
