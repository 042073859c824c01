#include "out_of_memory.h"

#include <c10/util/Exception.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <new>
#include <regex>

#include "devices.h"
#include "environment.h"

namespace dgsam {
namespace {

constexpr std::array kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

// How LibTorch, the driver, CUDA's libraries (cuBLAS, cuDNN, cuSOLVER, cuSPARSE: ..._STATUS_ALLOC_FAILED; CUFFT_ALLOC_FAILED) and oneDNN say it.
constexpr std::array kWords = {"can't allocate memory", "CUDA error: out of memory", "CUDA driver error: out of memory", "CUDA out of memory", "_ALLOC_FAILED",
                               "ALLOCATION_FAILED", "not enough memory"};
constexpr std::array kCudaWords = {"CUDA", "CUBLAS", "CUDNN", "CUSOLVER", "CUSPARSE", "CUFFT"};

template <size_t kCount>
bool hasAny(const std::string& text, const std::array<const char*, kCount>& words) {
  return std::any_of(words.begin(), words.end(), [&](const char* each) { return text.find(each) != std::string::npos; });
}

// "tried to allocate 4096 bytes", "Tried to allocate 20.00 GiB".
std::optional<int64_t> requestedIn(const std::string& text) {
  static const std::regex pattern("[Tt]ried to allocate ([0-9.]+) (bytes|[KMG]iB)");
  std::smatch match;
  if (!std::regex_search(text, match, pattern)) return std::nullopt;
  const auto unit = std::find(kUnits.begin(), kUnits.end(), match[2].str());
  return static_cast<int64_t>(std::strtod(match[1].str().c_str(), nullptr) * std::pow(1024.0, unit - kUnits.begin()));
}

std::optional<int64_t> lineOf(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.compare(0, key.size(), key) == 0) return std::strtoll(line.c_str() + key.size(), nullptr, 10) * 1024;
  return std::nullopt;
}

// Of the machine, or of what the process is allowed (ulimit -v), whichever is less. Nothing where there is no /proc.
Shortage onCpu() {
  Shortage shortage{"cpu", {}, lineOf("/proc/self/status", "VmRSS:"), {}, lineOf("/proc/meminfo", "MemAvailable:"), lineOf("/proc/meminfo", "MemTotal:")};
  if (shortage.total.has_value()) *shortage.total += lineOf("/proc/meminfo", "SwapTotal:").value_or(0);
  rlimit limit{};
  const std::optional<int64_t> mapped = lineOf("/proc/self/status", "VmSize:");
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || !mapped.has_value()) return shortage;
  const auto allowed = static_cast<int64_t>(limit.rlim_cur);
  shortage.total = std::min(shortage.total.value_or(allowed), allowed);
  shortage.free = std::min(shortage.free.value_or(allowed), std::max<int64_t>(allowed - *mapped, 0));
  return shortage;
}

// "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of ...": without a number, the current device.
Shortage onCuda(const std::string& text) {
  static const std::regex pattern("GPU ([0-9]+) has");
  std::smatch match;
  const std::string name = std::regex_search(text, match, pattern) ? "cuda:" + match[1].str() : "cuda";
  Shortage shortage;
  shortage.device = name;
  try {
    const c10::Device device = cudaDeviceNamed(name);
    shortage.device = device.str();
    if (const auto figures = allocatorFigures(device.index())) {
      shortage.allocated = figures->allocated;
      shortage.reserved = figures->reserved;
    }
    if (const auto bytes = freeOnDevice(device.index())) {
      shortage.free = bytes->free;
      shortage.total = bytes->total;
    }
  } catch (const std::exception&) {
    // A driver that is short of memory may refuse to tell how much there is: the error goes without the figures.
  }
  return shortage;
}

std::string sized(int64_t bytes) {
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.2f %s", value, kUnits[unit]);
  return text.data();
}

}  // namespace

std::optional<Shortage> currentShortage() {
  std::string text;
  bool isOutOfMemory = false;
  try {
    throw;
  } catch (const UsageError&) {
    return std::nullopt;
  } catch (const std::bad_alloc&) {
    return onCpu();
  } catch (const c10::Error& error) {
    text = error.what_without_backtrace();
    isOutOfMemory = dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr;
  } catch (const std::exception& error) {
    text = error.what();
  } catch (...) {
    return std::nullopt;
  }
  const bool isKnown = hasAny(text, kWords);
  if (!isOutOfMemory && !isKnown) return std::nullopt;
  // An allocator with other words is a GPU's, such as that of cudaMallocAsync.
  const bool isCuda = !isKnown || hasAny(text, kCudaWords);
  Shortage shortage = isCuda ? onCuda(text) : onCpu();
  shortage.requested = requestedIn(text);
  return shortage;
}

std::string describe(const Shortage& shortage) {
  const bool isCpu = shortage.device == "cpu";
  std::string text = "can't allocate memory";
  if (shortage.requested.has_value()) {
    // LibTorch tells of a GPU's to two decimals alone.
    const std::string size = sized(*shortage.requested);
    const bool isExact = isCpu && *shortage.requested >= 1024;
    text += ": you tried to allocate " + (isExact ? std::to_string(*shortage.requested) + " bytes (" + size + ")" : size);
  }
  text += " on " + shortage.device;
  if (shortage.free.has_value() && shortage.total.has_value()) text += ", which has " + sized(*shortage.free) + " free of " + sized(*shortage.total);
  if (shortage.allocated.has_value()) text += (isCpu ? "; this process takes " : "; tensors take ") + sized(*shortage.allocated);
  if (shortage.reserved.has_value()) text += ", of " + sized(*shortage.reserved) + " that LibTorch holds";
  return text + "; take smaller batches, or free tensors by scope() or dispose()";
}

bool recoverMemory(Environment& environment) {
  const std::optional<Shortage> shortage = currentShortage();
  if (!shortage.has_value()) return false;
  // More than there is: nothing that could be freed would help, and collecting takes its time.
  if (shortage->requested.has_value() && shortage->total.has_value() && *shortage->requested > *shortage->total) return false;
  const bool runsAgain = environment.mayRunAgain && environment.recorder == nullptr;
  const bool hasSubject = environment.subject != nullptr;
  if (hasSubject) environment.keptSubject = *environment.subject;
  try {
    if (!environment.collect.IsEmpty()) environment.collect.Call({});
    emptyAllocatorCaches();
  } catch (const std::exception&) {
    // A thread that is being ended runs no JavaScript. The first error is the one to tell.
  }
  // What was freed came through entries of its own, and may have been the program that the name belongs to.
  environment.subject = hasSubject ? &environment.keptSubject : nullptr;
  return runsAgain;
}

}  // namespace dgsam
