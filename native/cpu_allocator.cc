#include "cpu_allocator.h"

#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace dgsam {
namespace {

// LibTorch's kernels expect 64-byte alignment.
constexpr size_t kLine = 64;
constexpr size_t kClasses = 16;  // payloads of 1 to 16 lines
// The garbage collector frees thousands of small tensors at once, so the lists must be able to take them.
constexpr size_t kBytesPerClass = 512 * 1024;
constexpr uint64_t kLarge = ~uint64_t{0};

struct FreeBlock {
  FreeBlock* next;
};

struct FreeLists {
  std::array<FreeBlock*, kClasses> heads;
  std::array<size_t, kClasses> bytes;
  bool closed;
  AllocationLog* log;
};

// Without constructor or destructor, so that tensors freed late in a thread's life still find it.
thread_local FreeLists lists;

// Lies right before the data, so that one deleter can tell blocks apart.
struct Header {
  void* block;  // what malloc gave
  uint64_t sizeClass;
};

Header& headerOf(void* data) { return static_cast<Header*>(data)[-1]; }

void freeBlock(void* data) { std::free(headerOf(data).block); }

// Aligned by hand: posix_memalign, which LibTorch's own allocator calls, asks for more than it keeps, so up to glibc 2.37
// a hole that a block left between others never fits the next block of its size, and the heap grows with every one.
void* newBlock(size_t payload, uint64_t sizeClass) {
  void* block = std::malloc(payload + kLine);
  TORCH_CHECK_WITH(OutOfMemoryError, block != nullptr, "can't allocate memory: you tried to allocate ", payload, " bytes");
  // malloc's blocks are aligned to 16 bytes or more, so header and gap take one line at most.
  const uintptr_t data = (reinterpret_cast<uintptr_t>(block) + sizeof(Header) + kLine - 1) / kLine * kLine;
  headerOf(reinterpret_cast<void*>(data)) = {block, sizeClass};
  return reinterpret_cast<void*>(data);
}

// Hands a thread's blocks back when it ends.
struct ListsCloser {
  ~ListsCloser() {
    lists.closed = true;
    for (FreeBlock*& head : lists.heads)
      while (head != nullptr) {
        FreeBlock* next = head->next;
        freeBlock(head);
        head = next;
      }
  }
};

void deallocate(void* data) {
  if (data == nullptr) return;
  const uint64_t sizeClass = headerOf(data).sizeClass;
  if (sizeClass == kLarge || lists.closed || lists.bytes[sizeClass] >= kBytesPerClass) return freeBlock(data);
  static thread_local ListsCloser closer;
  (void)closer;
  auto* block = static_cast<FreeBlock*>(data);
  block->next = lists.heads[sizeClass];
  lists.heads[sizeClass] = block;
  lists.bytes[sizeClass] += (sizeClass + 1) * kLine;
}

class RecyclingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t size) override {
    void* data = take(size);
    if (lists.log != nullptr) lists.log->note(data, size);
    return {data, data, &deallocate, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &deallocate; }

  void copy_data(void* destination, const void* source, size_t count) const override {
    default_copy_data(destination, source, count);
  }

 private:
  static void* take(size_t size) {
    if (size == 0) return nullptr;
    const size_t sizeClass = (size - 1) / kLine;
    if (sizeClass >= kClasses) return newBlock(size, kLarge);
    FreeBlock* head = lists.heads[sizeClass];
    if (head == nullptr) return newBlock((sizeClass + 1) * kLine, sizeClass);
    lists.heads[sizeClass] = head->next;
    lists.bytes[sizeClass] -= (sizeClass + 1) * kLine;
    return head;
  }
};

}  // namespace

AllocationLog::AllocationLog() : outer_(lists.log) { lists.log = this; }

AllocationLog::~AllocationLog() { lists.log = outer_; }

bool AllocationLog::isShorter(const void* data, size_t bytes) const {
  if (data == nullptr) return bytes > 0;
  const auto found = sizes_.find(data);
  return found != sizes_.end() && found->second < bytes;
}

void installCpuAllocator() {
  const char* choice = std::getenv("DGSAM_MALLOC");
  if (choice != nullptr && std::strcmp(choice, "system") == 0) return;
#ifdef __GLIBC__
  // By default glibc maps each block over 128 KB anew. Blocks up to 32 MB (the most it allows) now come from the heap,
  // and up to 1 GB of free memory at the heap's end is kept.
  mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
  mallopt(M_TRIM_THRESHOLD, 1024 * 1024 * 1024);
#endif
  // Tensors may outlive every environment, so it is never destroyed.
  static auto* allocator = new RecyclingAllocator();
  c10::SetCPUAllocator(allocator, /*priority=*/1);
}

}  // namespace dgsam
