// The ways in which small calls may be made: with one thread or all, with results in new memory or over those of the run before,
// by the dispatcher or without it. Which give the same bits is found out by trying.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "instruction.h"
#include "shortcut.h"

namespace dgsam::capture {

// How the instructions of a light program may be run, by their numbers.
struct Ways {
  // What gives the same bits without the dispatcher.
  std::vector<std::optional<Shortcut>> shortcuts;
  // Whether one thread gives the same bits as all, as with shortcuts. How libraries multiply matrices depends on their threads,
  // to the last bit, for some shapes.
  std::vector<bool> alone;
  // Those that need all threads, and all that use what they make.
  std::vector<bool> later;
  // Whether all others may be run before these.
  bool separates;
  // Whether the results may be written over those of the run before.
  std::vector<bool> over;
};

// Runs the instructions and finds out. Nothing of the frame is freed. When a call throws, `failed` is the name of its operator.
Ways findWays(const std::vector<Instruction>& instructions, Frame& frame, std::atomic<const std::string*>& failed);

}  // namespace dgsam::capture
