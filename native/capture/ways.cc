#include "ways.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "threads.h"

namespace dgsam::capture {
namespace {

bool haveSameBits(const at::Tensor& a, const at::Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  const at::Tensor left = a.contiguous(), right = b.contiguous();
  return left.nbytes() == right.nbytes() && (left.nbytes() == 0 || std::memcmp(left.const_data_ptr(), right.const_data_ptr(), left.nbytes()) == 0);
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
    if (const size_t bytes = frame[slot].storage().nbytes(); bytes != 0) std::memset(frame[slot].mutable_data_ptr(), 0xff, bytes);
  });
}

class Listener : public c10::WarningHandler {
 public:
  void process(const c10::Warning&) override { heard = true; }
  bool heard = false;
};

// Runs an instruction in all ways, and drops the shortcuts that give other bits.
Same tryOnce(const Instruction& instruction, Frame& frame, torch::jit::Stack& stack, std::vector<Shortcut>& shortcuts) {
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
  const auto isWrong = [&](const Shortcut& shortcut) {
    spoil(instruction, frame);
    const OneThread alone;
    shortcut.run(frame);
    return !isExpected(made(instruction, frame));
  };
  shortcuts.erase(std::remove_if(shortcuts.begin(), shortcuts.end(), isWrong), shortcuts.end());
  if (same.over) {
    spoil(instruction, frame);
    // Losses that are means make a tensor of all losses out of the one they are given, and warn that this is another shape.
    Listener listener;
    const c10::WarningUtils::WarningHandlerGuard listens(&listener);
    same.over = isExpected(same.alone ? runAlone(true) : run(true)) && !listener.heard;
  }
  size_t i = 0;
  forEachSlot(instruction.results, [&](Slot slot) { frame[slot] = expected[i++]; });
  return same;
}

constexpr size_t kRandomNumbers = 1 << 15;

// Random numbers from 0 to 1, made once.
const std::vector<double>& randomNumbers() {
  static const std::vector<double> numbers = [] {
    std::minstd_rand random;
    std::uniform_real_distribution<double> between(0, 1);
    std::vector<double> result(kRandomNumbers);
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
Same tryWithOthers(const Instruction& instruction, Frame& frame, torch::jit::Stack& stack, size_t& start, std::vector<Shortcut>& shortcuts) {
  constexpr int64_t kResults = 512;
  constexpr int kLeast = 1, kMost = 24;
  Frame other = frame;
  Same same = tryOnce(instruction, frame, stack, shortcuts);
  int64_t results = 0;
  forEachSlot(instruction.results, [&](Slot slot) { results += frame[slot].numel(); });
  int64_t seen = 0;
  const auto isOpen = [&] { return same.alone || same.over || !shortcuts.empty(); };
  for (int trial = 0; isOpen() && trial < kMost && (trial < kLeast || seen < kResults); ++trial, seen += results) {
    scramble(instruction, other, start);
    try {
      const Same now = tryOnce(instruction, other, stack, shortcuts);
      same = {same.alone && now.alone, same.over && now.over};
    } catch (const c10::Error&) {
      // It takes other numbers, whatever these are.
      same = {false, false};
      shortcuts.clear();
      stack.clear();
    }
  }
  return same;
}

}  // namespace

Ways findWays(const std::vector<Instruction>& instructions, Frame& frame, std::atomic<const std::string*>& failed) {
  const at::AutoDispatchBelowADInplaceOrView below;
  torch::jit::Stack stack;
  size_t start = 0;
  Ways ways;
  std::vector<bool> isLate(frame.size());
  ways.separates = true;
  for (const Instruction& instruction : instructions) {
    const std::string* const before = failed;
    failed = &instruction.name;
    std::vector<Shortcut> shortcuts;
    if (instruction.ownsResults) {
      instruction.execute(frame, stack, true);
      stack.clear();
      shortcuts = Shortcut::candidates(instruction, frame);
    }
    Same same = instruction.view.has_value() ? tryOnce(instruction, frame, stack, shortcuts) : tryWithOthers(instruction, frame, stack, start, shortcuts);
    same.alone = same.alone || !shortcuts.empty();
    failed = before;
    bool later = !same.alone;
    for (const Instruction::Argument& argument : instruction.arguments)
      for (Slot slot : argument.place.slots) later = later || (slot != kNoSlot && isLate[slot]);
    if (later) forEachSlot(instruction.results, [&](Slot slot) { isLate[slot] = true; });
    ways.shortcuts.push_back(shortcuts.empty() ? std::nullopt : std::optional(std::move(shortcuts.front())));
    ways.alone.push_back(same.alone);
    ways.over.push_back(same.over);
    ways.later.push_back(later);
    // What is written to has an order.
    ways.separates = ways.separates && instruction.written.empty();
  }
  return ways;
}

}  // namespace dgsam::capture
