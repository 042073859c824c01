#include "warnings.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "environment.h"

namespace dgsam {
namespace {

// Some texts hold sizes, so their number has no end: after this many, further ones say nothing new.
constexpr size_t kMaxTexts = 1000;

struct Noted {
  std::thread::id thread;
  bool deprecation;
  std::string text;
};

// Of all threads, and never destroyed: threads may warn while the process ends.
struct Notes {
  std::mutex mutex;
  std::unordered_set<std::string> seen;
  std::vector<Noted> waiting;
};

Notes& notes() {
  static Notes* const all = new Notes;
  return *all;
}

class Noter : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override {
    std::lock_guard<std::mutex> lock(notes().mutex);
    if (notes().seen.size() >= kMaxTexts || !notes().seen.insert(warning.msg()).second) return;
    const bool deprecation = std::holds_alternative<c10::DeprecationWarning>(warning.type());
    notes().waiting.push_back({std::this_thread::get_id(), deprecation, warning.msg()});
    waitingWarnings.store(notes().waiting.size(), std::memory_order_relaxed);
  }
};

std::vector<Noted> takeOfThisThread() {
  std::lock_guard<std::mutex> lock(notes().mutex);
  std::vector<Noted>& waiting = notes().waiting;
  const auto mine = std::stable_partition(waiting.begin(), waiting.end(), [](const Noted& each) {
    return each.thread != std::this_thread::get_id();
  });
  std::vector<Noted> taken(std::make_move_iterator(mine), std::make_move_iterator(waiting.end()));
  waiting.erase(mine, waiting.end());
  waitingWarnings.store(waiting.size(), std::memory_order_relaxed);
  return taken;
}

// Plain Node-API, since node-addon-api throws: in an environment that is going down no call succeeds, and the warning is
// dropped.
void handOver(napi_env env, napi_ref warn, const Noted& noted, const std::string& subject) {
  napi_value function, global, arguments[3];
  if (napi_get_reference_value(env, warn, &function) != napi_ok || napi_get_global(env, &global) != napi_ok ||
      napi_get_boolean(env, noted.deprecation, &arguments[0]) != napi_ok ||
      napi_create_string_utf8(env, noted.text.data(), noted.text.size(), &arguments[1]) != napi_ok ||
      napi_create_string_utf8(env, subject.data(), subject.size(), &arguments[2]) != napi_ok)
    return;
  if (napi_call_function(env, global, function, 3, arguments, nullptr) != napi_pending_exception) return;
  napi_value ignored;
  napi_get_and_clear_last_exception(env, &ignored);
}

}  // namespace

void installWarningHandler() {
  // LibTorch keeps the pointer for each thread.
  static Noter* const noter = new Noter;
  c10::WarningUtils::set_warning_handler(noter);
}

void dropWarnings() { takeOfThisThread(); }

void WarningsOfEntry::emit() noexcept {
  try {
    for (const Noted& each : takeOfThisThread())
      handOver(environment_.env(), environment_.warn, each, environment_.subject == nullptr ? "" : *environment_.subject);
  } catch (const std::bad_alloc&) {
    // A warning is not worth the process.
  }
}

}  // namespace dgsam
