// Programs of small calls. A second thread costs them more than it saves: libraries of matrix products use all threads that
// they may, whatever the size, while LibTorch's own kernels leave so few elements to one.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <vector>

#include "instruction.h"
#include "tape.h"

namespace dgsam::capture {

// Whether all calls of a tape are small, on the CPU, known to do with any number of threads, draw no random numbers and write to
// nothing outside of it: it may then be run any number of times, and beside others.
bool isLight(const Tape& tape);

// While it lives, the calling thread works alone.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int threads_;
  int threadsOfProducts_;
};

// How the instructions of a light program may be run, by their numbers.
struct Alone {
  // Whether one thread gives the same bits as all. How libraries multiply matrices depends on their threads, to the last bit,
  // for some shapes.
  std::vector<bool> same;
  // Those that need all threads, and all that use what they make.
  std::vector<bool> later;
  // Whether all others may be run before these.
  bool separates;
  // Whether the results may be written over those of the run before.
  std::vector<bool> over;
};

// Runs the instructions and finds out. Nothing of the frame is freed. When a call throws, `failed` is the name of its operator.
Alone tryAlone(const std::vector<Instruction>& instructions, Frame& frame, std::atomic<const std::string*>& failed);

// Which of the instructions are run.
enum class Part { All, Sooner, Later };

// Runs instructions, each with the threads that it needs; of the part `Sooner` with one. Results are written over those that the
// frame has. Otherwise as tryAlone().
void runLightly(const std::vector<Instruction>& instructions, const Alone& alone, Part part, Frame& frame, std::atomic<const std::string*>& failed);

// Calls `job` with every number below `count`, on as many of LibTorch's threads as it has, each job on one. Throws what one of
// them threw.
void sideBySide(size_t count, const std::function<void(size_t)>& job);

}  // namespace dgsam::capture
