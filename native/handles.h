// Integer handles to native objects.
//
// JavaScript holds a tensor as one safe integer: slot (24 bits), generation (21 bits) and environment (8 bits). Each
// Node environment (the main thread, each worker) owns one table per kind of object and is the only thread that
// touches it, so there are no locks. A slot's generation grows each time the slot is freed, so a stale handle, one
// of another worker, or a number that never was a handle is found out and reported as ERR_DISPOSED.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "errors.h"

namespace dgsam {

using Handle = double;

constexpr unsigned kSlotBits = 24;
constexpr unsigned kGenerationBits = 21;
constexpr uint64_t kMaxSlots = uint64_t{1} << kSlotBits;
constexpr uint64_t kMaxGeneration = (uint64_t{1} << kGenerationBits) - 1;
constexpr uint64_t kMaxHandle = (uint64_t{1} << 53) - 1;

template <typename T>
class HandleTable {
 public:
  HandleTable(unsigned environment, uint32_t firstGeneration, const char* noun)
      : environment_(environment), firstGeneration_(firstGeneration), noun_(noun) {}

  Handle insert(T value) {
    uint32_t slot;
    if (!free_.empty()) {
      slot = free_.back();
      free_.pop_back();
    } else {
      if (entries_.size() == kMaxSlots)
        throw UsageError("ERR_OOM", "all 16,777,216 native handles are in use; free tensors with scope() or dispose()");
      slot = static_cast<uint32_t>(entries_.size());
      entries_.push_back({T(), firstGeneration_, false});
    }
    Entry& entry = entries_[slot];
    entry.value = std::move(value);
    entry.live = true;
    ++live_;
    return static_cast<Handle>((uint64_t{environment_} << (kSlotBits + kGenerationBits)) |
                               (uint64_t{entry.generation} << kSlotBits) | slot);
  }

  // The live object behind a handle; throws ERR_DISPOSED otherwise.
  T& at(Handle handle) {
    Entry* entry = find(handle);
    if (entry == nullptr) throw UsageError("ERR_DISPOSED", describeMissing(handle));
    return entry->value;
  }

  // Takes the object out of the table. False when the handle is stale: releasing twice is allowed.
  bool release(Handle handle, T& out) {
    Entry* entry = find(handle);
    if (entry == nullptr) return false;
    out = std::move(entry->value);
    entry->value = T();
    entry->live = false;
    --live_;
    // A slot whose generation is used up is retired, so that an old handle can never come to life again.
    if (entry->generation < kMaxGeneration) {
      ++entry->generation;
      free_.push_back(static_cast<uint32_t>(entry - entries_.data()));
    }
    return true;
  }

  size_t live() const { return live_; }

  template <typename Visit>
  void forEach(Visit visit) const {
    for (const Entry& entry : entries_)
      if (entry.live) visit(entry.value);
  }

 private:
  struct Entry {
    T value;
    uint32_t generation;
    bool live;
  };

  Entry* find(Handle handle) {
    if (!(handle > 0) || handle > static_cast<double>(kMaxHandle)) return nullptr;
    const uint64_t bits = static_cast<uint64_t>(handle);
    if (static_cast<double>(bits) != handle) return nullptr;
    if ((bits >> (kSlotBits + kGenerationBits)) != environment_) return nullptr;
    const uint64_t slot = bits & (kMaxSlots - 1);
    if (slot >= entries_.size()) return nullptr;
    Entry& entry = entries_[slot];
    return entry.live && entry.generation == ((bits >> kSlotBits) & kMaxGeneration) ? &entry : nullptr;
  }

  std::string describeMissing(Handle handle) const {
    const std::string noun(noun_);
    if (handle > 0 && handle <= static_cast<double>(kMaxHandle) &&
        (static_cast<uint64_t>(handle) >> (kSlotBits + kGenerationBits)) != environment_)
      return "this " + noun + " belongs to another worker thread or another copy of dgsam; send its data (toBytes()) instead of the " + noun;
    return "this " + noun +
           " has been disposed, by dispose() or by the scope() it was made in; return it from the scope or call keep() on it";
  }

  const uint64_t environment_;
  const uint32_t firstGeneration_;
  const char* noun_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_;
  size_t live_ = 0;
};

}  // namespace dgsam
