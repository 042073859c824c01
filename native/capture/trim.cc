#include "trim.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

namespace dgsam::capture {
namespace {

bool isTensors(const Place& place) { return place.kind != Place::Kind::Value; }

bool sameBits(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

// 0 and -0 differ.
bool sameValue(const c10::IValue& a, const c10::IValue& b) {
  if (a.isDouble() && b.isDouble()) return sameBits(a.toDouble(), b.toDouble());
  if (a.isComplexDouble() && b.isComplexDouble()) {
    const c10::complex<double> one = a.toComplexDouble(), other = b.toComplexDouble();
    return sameBits(one.real(), other.real()) && sameBits(one.imag(), other.imag());
  }
  if (a.isDoubleList() && b.isDoubleList()) {
    const std::vector<double> one = a.toDoubleVector(), other = b.toDoubleVector();
    return std::equal(one.begin(), one.end(), other.begin(), other.end(), sameBits);
  }
  return a.isSameIdentity(b) || c10::_fastEqualsForContainer(a, b);
}

bool samePlace(const Place& a, const Place& b) { return a.kind == b.kind && a.slots == b.slots && (isTensors(a) || sameValue(a.value, b.value)); }

class Trimmer {
 public:
  explicit Trimmer(Tape& tape) : tape_(tape), written_(tape.memories), returned_(tape.memories) {
    forEachList([&](const std::vector<Call>& calls) {
      for (const Call& call : calls)
        for (Slot slot : call.written) written_[memory(slot)] = true;
    });
    for (Slot slot : tape.outputs) returned_[memory(slot)] = true;
    for (const Backward& backward : tape.backwards)
      for (Slot slot : backward.gradients)
        if (slot != kNoSlot) returned_[memory(slot)] = true;
    for (Slot slot = 0; slot < tape.slots.size(); ++slot) names_.push_back(slot);
  }

  void run() {
    mergeConstants();
    mergeRepeated();
    dropDead();
  }

 private:
  template <typename Visit>
  void forEachList(Visit visit) {
    visit(tape_.calls);
    for (Backward& backward : tape_.backwards) visit(backward.calls);
  }

  uint32_t memory(Slot slot) const { return tape_.slots[slot].memory; }

  // Memory that is written to, or that the caller gets and may write to, is nobody else's.
  bool isShared(Slot slot) const { return !written_[memory(slot)] && !returned_[memory(slot)]; }

  bool resultsAreShared(const Call& call) const {
    bool shared = true;
    forEachSlot(call.results, [&](Slot slot) { shared = shared && isShared(slot); });
    return shared;
  }

  bool argumentsAreUnwritten(const Call& call) const {
    bool unwritten = true;
    forEachSlot(call.arguments, [&](Slot slot) { unwritten = unwritten && !written_[memory(slot)]; });
    return unwritten;
  }

  void rename(std::vector<Place>& places) const {
    for (Place& place : places)
      for (Slot& slot : place.slots)
        if (slot != kNoSlot) slot = names_[slot];
  }

  // The function works on copies of what it makes of JavaScript's values, since it may write to them.
  void mergeConstants() {
    for (const Call& call : tape_.calls) {
      if (call.handle.operator_name().name != "aten::clone") continue;
      const Slot from = call.arguments[0].slots[0];
      const Slot to = call.results[0].slots[0];
      if (from != kNoSlot && tape_.slots[from].origin == Origin::Constant && isShared(to)) names_[to] = from;
    }
  }

  void mergeRepeated() {
    std::vector<Call> before;
    const auto merge = [&](std::vector<Call>& calls, std::vector<Call>& known) {
      for (Call& call : calls) {
        rename(call.arguments);
        for (Slot& slot : call.written) slot = names_[slot];
        if (!isPure(call) || !argumentsAreUnwritten(call) || !resultsAreShared(call)) continue;
        const auto same = std::find_if(known.begin(), known.end(), [&](const Call& other) { return isRepeated(call, other); });
        if (same == known.end()) {
          known.push_back(call);
          continue;
        }
        for (size_t i = 0; i < call.results.size(); ++i)
          for (size_t j = 0; j < call.results[i].slots.size(); ++j)
            if (call.results[i].slots[j] != kNoSlot) names_[call.results[i].slots[j]] = same->results[i].slots[j];
      }
    };
    merge(tape_.calls, before);
    for (Backward& backward : tape_.backwards) {
      std::vector<Call> known = before;
      merge(backward.calls, known);
      for (Slot& slot : backward.gradients)
        if (slot != kNoSlot) slot = names_[slot];
    }
    for (Slot& slot : tape_.outputs) slot = names_[slot];
  }

  static bool isRepeated(const Call& a, const Call& b) {
    return a.handle.operator_name() == b.handle.operator_name() && a.keys == b.keys && a.arguments.size() == b.arguments.size() &&
           std::equal(a.arguments.begin(), a.arguments.end(), b.arguments.begin(), samePlace);
  }

  // From the end to the beginning: a call is needed when one of its results is, or what it writes to is read later or
  // belongs to somebody else.
  void dropDead() {
    std::vector<bool> slots(tape_.slots.size()), memories(tape_.memories);
    const auto need = [&](std::vector<bool>& inSlots, std::vector<bool>& inMemories, Slot slot) {
      if (slot == kNoSlot) return;
      inSlots[slot] = true;
      inMemories[memory(slot)] = true;
    };
    for (Slot slot : tape_.outputs) need(slots, memories, slot);
    const auto sweep = [&](std::vector<Call>& calls, std::vector<bool>& neededSlots, std::vector<bool>& neededMemories) {
      std::vector<Call> kept;
      for (auto call = calls.rbegin(); call != calls.rend(); ++call) {
        // What gives nothing may fail, which is what it is for.
        bool needed = call->random || call->results.empty();
        forEachSlot(call->results, [&](Slot slot) { needed = needed || neededSlots[slot]; });
        for (Slot slot : call->written) needed = needed || neededMemories[memory(slot)] || tape_.slots[slot].origin != Origin::Made || isOutside(slot);
        if (!needed) continue;
        forEachSlot(call->arguments, [&](Slot slot) { need(neededSlots, neededMemories, slot); });
        kept.push_back(std::move(*call));
      }
      std::reverse(kept.begin(), kept.end());
      calls = std::move(kept);
    };
    for (Backward& backward : tape_.backwards) {
      std::vector<bool> ownSlots(tape_.slots.size()), ownMemories(tape_.memories);
      for (Slot slot : backward.gradients) need(ownSlots, ownMemories, slot);
      sweep(backward.calls, ownSlots, ownMemories);
      for (size_t i = 0; i < slots.size(); ++i) slots[i] = slots[i] || ownSlots[i];
      for (size_t i = 0; i < memories.size(); ++i) memories[i] = memories[i] || ownMemories[i];
    }
    sweep(tape_.calls, slots, memories);
  }

  // Whether a view lies in memory from outside of the function.
  bool isOutside(Slot slot) const {
    return std::any_of(tape_.slots.begin(), tape_.slots.end(), [&](const SlotInfo& other) {
      return other.memory == memory(slot) && other.origin != Origin::Made && other.origin != Origin::Seed;
    });
  }

  Tape& tape_;
  // By memory.
  std::vector<bool> written_;
  std::vector<bool> returned_;
  // By slot: the slot that stands for it.
  std::vector<Slot> names_;
};

}  // namespace

bool isPure(const Call& call) {
  return !call.random && call.written.empty() && !call.results.empty() && std::all_of(call.results.begin(), call.results.end(), isTensors);
}

void trim(Tape& tape) { Trimmer(tape).run(); }

}  // namespace dgsam::capture
