// Programs of small calls. A second thread costs them more than it saves: libraries of matrix products use all threads that
// they may, whatever the size, while LibTorch's own kernels leave so few elements to one. So does new memory for every result.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "instruction.h"
#include "tape.h"
#include "ways.h"

namespace dgsam::capture {

// Whether all calls of a tape are small, on the CPU, known to do with any number of threads, draw no random numbers and write to
// nothing outside of it: it may then be run any number of times, and beside others.
bool isLight(const Tape& tape);

// Which of the instructions are run.
enum class Part { All, Sooner, Later };

// Runs instructions, each with the threads that it needs; of the part `Sooner` with one. Results are written over those that the
// frame has, and nothing of it is freed. When a call throws, `failed` is the name of its operator.
void runLightly(const std::vector<Instruction>& instructions, const Ways& ways, Part part, Frame& frame, std::atomic<const std::string*>& failed);

}  // namespace dgsam::capture
