#include "mapped_file.h"

#include <ATen/Functions.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <mutex>

#include "errors.h"

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

namespace dgsam {
namespace {

// Read by a signal handler at any time: never freed, and taken again when its file is no longer mapped.
struct Mapping {
  // 0 while nothing is mapped.
  std::atomic<uintptr_t> begin{0};
  std::atomic<size_t> bytes{0};
  std::atomic<long> losses{0};
  std::string path;
  bool isShared = false;
  Mapping* next = nullptr;
};

std::atomic<Mapping*> mappings{nullptr};
size_t pageSize = 0;
struct sigaction earlier;

// Of all but the handler.
std::mutex& mutex() {
  static auto* const it = new std::mutex();
  return *it;
}

// Puts a page of zeros in the place of a lost one of ours. In a signal handler: mmap is no more than its system call.
bool replacePage(uintptr_t address) {
  for (Mapping* each = mappings.load(std::memory_order_acquire); each != nullptr; each = each->next) {
    const uintptr_t begin = each->begin.load(std::memory_order_acquire);
    if (begin == 0 || address < begin || address - begin >= each->bytes.load(std::memory_order_relaxed)) continue;
    const int before = errno;
    void* const page = reinterpret_cast<void*>(address / pageSize * pageSize);
    const bool done = mmap(page, pageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
    errno = before;
    if (!done) return false;
    each->losses.fetch_add(1, std::memory_order_relaxed);
    untoldLosses.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  return false;
}

void onBusError(int signal, siginfo_t* info, void* context) {
  // Another process's signal has no address.
  if (info->si_code > 0 && replacePage(reinterpret_cast<uintptr_t>(info->si_addr))) return;
  if ((earlier.sa_flags & SA_SIGINFO) != 0) return earlier.sa_sigaction(signal, info, context);
  if (earlier.sa_handler != SIG_DFL && earlier.sa_handler != SIG_IGN) return earlier.sa_handler(signal);
  // As if this handler had never been there; it comes again when this one returns.
  sigaction(SIGBUS, &earlier, nullptr);
  raise(signal);
}

void installHandler() {
  static std::once_flag once;
  std::call_once(once, [] {
    pageSize = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    struct sigaction action = {};
    action.sa_sigaction = onBusError;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, nullptr, &earlier);
    sigaction(SIGBUS, &action, nullptr);
  });
}

Mapping* enter(const std::string& path, bool shared, void* data, size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex());
  Mapping* mapping = mappings.load(std::memory_order_relaxed);
  while (mapping != nullptr && mapping->begin.load(std::memory_order_relaxed) != 0) mapping = mapping->next;
  const bool isNew = mapping == nullptr;
  if (isNew) mapping = new Mapping();
  mapping->path = path;
  mapping->isShared = shared;
  mapping->bytes.store((bytes + pageSize - 1) / pageSize * pageSize, std::memory_order_relaxed);
  mapping->begin.store(reinterpret_cast<uintptr_t>(data), std::memory_order_release);
  if (isNew) {
    mapping->next = mappings.load(std::memory_order_relaxed);
    mappings.store(mapping, std::memory_order_release);
  }
  return mapping;
}

// A deleter of tensors' memory.
void leave(void* context) {
  auto* const mapping = static_cast<Mapping*>(context);
  const std::lock_guard<std::mutex> lock(mutex());
  // Before its addresses may be others'.
  const auto data = reinterpret_cast<void*>(mapping->begin.exchange(0, std::memory_order_acq_rel));
  munmap(data, mapping->bytes.load(std::memory_order_relaxed));
  untoldLosses.fetch_sub(mapping->losses.exchange(0, std::memory_order_relaxed), std::memory_order_relaxed);
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : number(open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK)) {}
  ~Descriptor() {
    if (number >= 0) close(number);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  const int number;
};

[[noreturn]] void refuse(const std::string& path, const std::string& why) { throw UsageError("ERR_DATA", path + ": cannot be mapped into memory: " + why); }

}  // namespace

at::Tensor mapFile(const std::string& path, size_t bytes, bool shared) {
  const Descriptor file(path, shared ? O_RDWR : O_RDONLY);
  struct stat status = {};
  if (file.number < 0 || fstat(file.number, &status) != 0) refuse(path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) refuse(path, "it is no regular file");
  if (static_cast<uint64_t>(status.st_size) < bytes) refuse(path, "it has " + std::to_string(status.st_size) + " bytes, not " + std::to_string(bytes));
  const at::TensorOptions options = at::TensorOptions().dtype(at::kByte);
  if (bytes == 0) return at::empty({0}, options);
  installHandler();
  void* const data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, shared ? MAP_SHARED : MAP_PRIVATE | MAP_NORESERVE, file.number, 0);
  if (data == MAP_FAILED) refuse(path, std::strerror(errno));
  Mapping* const mapping = enter(path, shared, data, bytes);
  return at::for_blob(data, {static_cast<int64_t>(bytes)}).context(mapping, &leave).options(options).make_tensor();
}

bool isSharedMapping(const c10::DataPtr& data) {
  return data.get_deleter() == &leave && static_cast<const Mapping*>(data.get_context())->isShared;
}

void tellOfLosses() {
  std::string paths;
  {
    const std::lock_guard<std::mutex> lock(mutex());
    for (Mapping* each = mappings.load(std::memory_order_relaxed); each != nullptr; each = each->next) {
      const long losses = each->losses.exchange(0, std::memory_order_relaxed);
      if (losses == 0) continue;
      untoldLosses.fetch_sub(losses, std::memory_order_relaxed);
      paths += (paths.empty() ? "" : ", ") + each->path;
    }
  }
  // Another thread has told of it in this moment.
  if (paths.empty()) return;
  throw UsageError("ERR_DATA", paths + " was cut short while it was in use, or cannot be read: what was lost counts as zeros now, and what was computed of it is wrong; "
                                       "open it again, and replace files by renaming others over them, not by writing into them");
}

}  // namespace dgsam
