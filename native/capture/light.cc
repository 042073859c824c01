#include "light.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <c10/util/ScopeExit.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <optional>
#include <random>

#include "operators.h"

#if defined(__linux__)
// MKL's number of threads for the calling thread, 0 for none of its own; returns what it was. It is part of some builds of
// LibTorch.
extern "C" __attribute__((weak)) int MKL_Set_Num_Threads_Local(int count);
#endif

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

int setThreadsOfProducts(int count) {
#if defined(__linux__)
  if (MKL_Set_Num_Threads_Local != nullptr) return MKL_Set_Num_Threads_Local(count);
#endif
  return count;
}

// What at::parallel_for asks, for this thread; at::set_num_threads would change other threads', too.
void setThreads([[maybe_unused]] int count) {
#ifdef _OPENMP
  omp_set_num_threads(count);
#endif
}

bool haveSameBits(const at::Tensor& a, const at::Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  const at::Tensor left = a.contiguous(), right = b.contiguous();
  return left.nbytes() == right.nbytes() && std::memcmp(left.const_data_ptr(), right.const_data_ptr(), left.nbytes()) == 0;
}

// What an instruction made and wrote.
std::vector<at::Tensor> made(const Instruction& instruction, const Frame& frame) {
  std::vector<at::Tensor> tensors;
  forEachSlot(instruction.results, [&](Slot slot) { tensors.push_back(frame[slot]); });
  for (Slot slot : instruction.written) tensors.push_back(frame[slot].clone());
  return tensors;
}

// How an instruction gives the bits that it gives with all threads and new memory.
struct Same {
  bool alone, over;
};

// Puts other tensors, of numbers that are none, in the places of an instruction's results.
void spoil(const Instruction& instruction, Frame& frame) {
  forEachSlot(instruction.results, [&](Slot slot) {
    const at::Tensor& result = frame[slot];
    frame[slot] = at::empty_strided(result.sizes(), result.strides(), result.options());
    std::memset(frame[slot].mutable_data_ptr(), 0xff, frame[slot].storage().nbytes());
  });
}

class Listener : public c10::WarningHandler {
 public:
  void process(const c10::Warning&) override { heard = true; }
  bool heard = false;
};

// Runs an instruction in all ways.
Same tryOnce(const Instruction& instruction, Frame& frame, torch::jit::Stack& stack) {
  std::vector<at::Tensor> before;
  for (Slot slot : instruction.written) before.push_back(frame[slot].clone());
  const auto run = [&](bool over) {
    for (size_t i = 0; i < before.size(); ++i) frame[instruction.written[i]].copy_(before[i]);
    over ? instruction.executeOver(frame, stack) : instruction.execute(frame, stack, true);
    stack.clear();
    return made(instruction, frame);
  };
  const auto runAlone = [&](bool over) {
    const OneThread alone;
    return run(over);
  };
  Same same{true, instruction.into.has_value()};
  const std::vector<at::Tensor> expected = run(false);
  const auto isExpected = [&](const std::vector<at::Tensor>& tensors) { return std::equal(expected.begin(), expected.end(), tensors.begin(), tensors.end(), haveSameBits); };
  if (at::get_num_threads() > 1) same.alone = isExpected(runAlone(false));
  if (!same.over) return same;
  spoil(instruction, frame);
  {
    // Losses that are means make a tensor of all losses out of the one they are given, and warn that this is another shape.
    Listener listener;
    const c10::WarningUtils::WarningHandlerGuard listens(&listener);
    same.over = isExpected(same.alone ? runAlone(true) : run(true)) && !listener.heard;
  }
  size_t i = 0;
  forEachSlot(instruction.results, [&](Slot slot) { frame[slot] = expected[i++]; });
  return same;
}

// As many random numbers from 0 to 1 as a tensor of a light program has; made once.
const std::vector<double>& randomNumbers() {
  static const std::vector<double> numbers = [] {
    std::minstd_rand random;
    std::uniform_real_distribution<double> between(0, 1);
    std::vector<double> result(kElements);
    for (double& number : result) number = between(random);
    return result;
  }();
  return numbers;
}

template <typename Number>
void fill(const at::Tensor& tensor, size_t start) {
  const std::vector<double>& numbers = randomNumbers();
  Number* const data = tensor.mutable_data_ptr<Number>();
  for (size_t i = 0; i < tensor.storage().nbytes() / sizeof(Number); ++i) data[i] = static_cast<Number>(numbers[(start + i) % numbers.size()]);
}

// Random numbers in the places of an instruction's floating-point operands, such as are probabilities, too. They are not those of
// the user's generators.
void scramble(const Instruction& instruction, Frame& frame, size_t& start) {
  for (const Instruction::Argument& argument : instruction.arguments) {
    for (Slot slot : argument.place.slots) {
      if (slot == kNoSlot || !frame[slot].is_floating_point()) continue;
      const at::Tensor values = at::empty_strided(frame[slot].sizes(), frame[slot].strides(), frame[slot].options());
      values.scalar_type() == at::kFloat ? fill<float>(values, start) : fill<double>(values, start);
      start += 7919;
      frame[slot] = values;
    }
  }
}

// One set of operands may hide a difference, the more so the fewer results there are: so several are tried.
Same tryWithOthers(const Instruction& instruction, Frame& frame, torch::jit::Stack& stack, size_t& start) {
  constexpr int64_t kResults = 512;
  constexpr int kLeast = 1, kMost = 24;
  Frame other = frame;
  Same same = tryOnce(instruction, frame, stack);
  int64_t results = 0;
  forEachSlot(instruction.results, [&](Slot slot) { results += frame[slot].numel(); });
  int64_t seen = 0;
  for (int trial = 0; (same.alone || same.over) && trial < kMost && (trial < kLeast || seen < kResults); ++trial, seen += results) {
    scramble(instruction, other, start);
    try {
      const Same now = tryOnce(instruction, other, stack);
      same = {same.alone && now.alone, same.over && now.over};
    } catch (const c10::Error&) {
      // It takes other numbers, whatever these are.
      same = {false, false};
      stack.clear();
    }
  }
  return same;
}

}  // namespace

Alone tryAlone(const std::vector<Instruction>& instructions, Frame& frame, std::atomic<const std::string*>& failed) {
  const at::AutoDispatchBelowADInplaceOrView below;
  torch::jit::Stack stack;
  size_t start = 0;
  Alone alone;
  std::vector<bool> isLate(frame.size());
  alone.separates = true;
  for (const Instruction& instruction : instructions) {
    const std::string* const before = failed;
    failed = &instruction.name;
    const Same same = instruction.view.has_value() ? tryOnce(instruction, frame, stack) : tryWithOthers(instruction, frame, stack, start);
    failed = before;
    bool later = !same.alone;
    for (const Instruction::Argument& argument : instruction.arguments)
      for (Slot slot : argument.place.slots) later = later || (slot != kNoSlot && isLate[slot]);
    if (later) forEachSlot(instruction.results, [&](Slot slot) { isLate[slot] = true; });
    alone.same.push_back(same.alone);
    alone.over.push_back(same.over);
    alone.later.push_back(later);
    // What is written to has an order.
    alone.separates = alone.separates && instruction.written.empty();
  }
  return alone;
}

void runLightly(const std::vector<Instruction>& instructions, const Alone& alone, Part part, Frame& frame, std::atomic<const std::string*>& failed) {
  const at::AutoDispatchBelowADInplaceOrView below;
  static thread_local torch::jit::Stack stack;
  const int threads = at::get_num_threads();
  const auto clear = c10::make_scope_exit([] { stack.clear(); });
  for (size_t i = 0; i < instructions.size(); ++i) {
    if (part != Part::All && alone.later[i] != (part == Part::Later)) continue;
    std::optional<OneThread> guard;
    if (part != Part::Sooner && alone.same[i] && threads > 1) guard.emplace();
    try {
      alone.over[i] && instructions[i].wasExecuted(frame) ? instructions[i].executeOver(frame, stack) : instructions[i].execute(frame, stack, true);
    } catch (...) {
      failed = &instructions[i].name;
      throw;
    }
    stack.clear();
  }
}

bool isLight(const Tape& tape) {
  return isLight(tape, tape.calls) && std::all_of(tape.backwards.begin(), tape.backwards.end(), [&](const Backward& each) { return isLight(tape, each.calls); });
}

OneThread::OneThread() : threads_(at::get_num_threads()), threadsOfProducts_(setThreadsOfProducts(1)) { setThreads(1); }

OneThread::~OneThread() {
  setThreads(threads_);
  setThreadsOfProducts(threadsOfProducts_);
}

void sideBySide(size_t count, const std::function<void(size_t)>& job) {
  std::vector<std::atomic<bool>> isTaken(count);
  const auto threads = std::min<int64_t>(at::get_num_threads(), static_cast<int64_t>(count));
  at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t) {
    const OneThread alone;
    // Kernels keep a sum for each of their threads, by its number.
    const at::internal::ThreadIdGuard first(0);
    // Each begins with another one, the same in every step: what its last run left is in its core's cache. Whoever comes late
    // finds nothing to do.
    for (size_t i = 0; i < count; ++i) {
      const size_t next = (static_cast<size_t>(begin) + i) % count;
      if (!isTaken[next].exchange(true)) job(next);
    }
  });
}

}  // namespace dgsam::capture
