#include "light.h"

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <c10/util/ScopeExit.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "operators.h"
#include "threads.h"

namespace dgsam::capture {
namespace {

// at::internal::GRAIN_SIZE: up to here LibTorch's own kernels use one thread.
constexpr int64_t kElements = 32'768;
// In multiplications: some 20 microseconds.
constexpr double kWork = 1 << 20;

// About how many multiplications a call is. Of a product of matrices of m x k and k x n numbers it is m k n, the root of the
// product of the three sizes; of a convolution it is about that, of most other calls less.
double workOf(const Tape& tape, const Call& call) {
  std::vector<double> sizes;
  const auto note = [&](Slot slot) { sizes.push_back(static_cast<double>(tape.slots[slot].elements)); };
  forEachSlot(call.arguments, note);
  forEachSlot(call.results, note);
  std::sort(sizes.rbegin(), sizes.rend());
  double product = 1;
  for (size_t i = 0; i < std::min<size_t>(sizes.size(), 3); ++i) product *= std::max(1.0, sizes[i]);
  return std::sqrt(product);
}

// Whether another order of a sum shows. In 16 bits it mostly does not, and does when nobody looks.
bool isRoundedOnce(at::ScalarType type) {
  return type == at::kFloat || type == at::kDouble || c10::isIntegralType(type, true);
}

bool isLight(const Tape& tape, const std::vector<Call>& calls) {
  std::vector<bool> isOutside(tape.memories);
  for (const SlotInfo& slot : tape.slots)
    if (slot.origin == Origin::Input || slot.origin == Origin::External) isOutside[slot.memory] = true;
  return std::all_of(calls.begin(), calls.end(), [&](const Call& call) {
    bool light = (call.view.has_value() || runsWithAnyThreads(call.handle)) && workOf(tape, call) <= kWork;
    const auto look = [&](Slot slot) {
      const SlotInfo& info = tape.slots[slot];
      light = light && info.onCpu && info.elements <= kElements && isRoundedOnce(info.dtype);
    };
    forEachSlot(call.arguments, look);
    forEachSlot(call.results, look);
    for (Slot slot : call.written) light = light && !isOutside[tape.slots[slot].memory];
    return light;
  });
}

}  // namespace

bool isLight(const Tape& tape) {
  return isLight(tape, tape.calls) && std::all_of(tape.backwards.begin(), tape.backwards.end(), [&](const Backward& each) { return isLight(tape, each.calls); });
}

void runLightly(const std::vector<Instruction>& instructions, const Ways& ways, Part part, Frame& frame, std::atomic<const std::string*>& failed) {
  const at::AutoDispatchBelowADInplaceOrView below;
  static thread_local torch::jit::Stack stack;
  const int threads = at::get_num_threads();
  const auto clear = c10::make_scope_exit([] { stack.clear(); });
  std::optional<OneThread> alone;
  for (size_t i = 0; i < instructions.size(); ++i) {
    if (part != Part::All && ways.later[i] != (part == Part::Later)) continue;
    if (!ways.alone[i])
      alone.reset();
    else if (part != Part::Sooner && threads > 1 && !alone.has_value())
      alone.emplace();
    try {
      if (ways.shortcuts[i].has_value())
        ways.shortcuts[i]->run(frame);
      else
        ways.over[i] && instructions[i].wasExecuted(frame) ? instructions[i].executeOver(frame, stack) : instructions[i].execute(frame, stack, true);
    } catch (...) {
      failed = &instructions[i].name;
      throw;
    }
    stack.clear();
  }
}

}  // namespace dgsam::capture
