// What happens when memory runs out.
//
// Memory that no JavaScript refers to may still be held, since finalizers run between turns of the event loop only. So an
// entry whose memory ran out has the garbage collector run and free what it finds, gives the caches of the devices back,
// and runs once more where nothing was written before. What then still fails is an error that tells the sizes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace dgsam {

class Environment;

// What is known of memory that could not be had; bytes.
struct Shortage {
  std::string device;
  std::optional<int64_t> requested;
  // On the CPU what the process takes of the machine's memory; on a device what its tensors take.
  std::optional<int64_t> allocated;
  // On a device: `allocated`, and what LibTorch keeps for later.
  std::optional<int64_t> reserved;
  std::optional<int64_t> free, total;
};

// What the exception being handled says, if it is one of memory. Must be called inside a catch block.
std::optional<Shortage> currentShortage();

// For users, with what to do.
std::string describe(const Shortage& shortage);

// If memory ran out: frees what can be freed. Whether the entry may run once more. Must be called inside a catch block.
bool recoverMemory(Environment& environment);

}  // namespace dgsam
