#include "graph.h"

#include <c10/util/ScopeExit.h>

#include "call_tape.h"

namespace dgsam::capture {
namespace {

thread_local bool onlyCaptured = false;

}  // namespace

bool isOnlyCaptured() { return onlyCaptured; }

std::string refusalOf(c10::Device device) {
  if (device.is_cpu()) return "";
  if (!device.is_cuda()) return "there are no graphs on " + device.str();
#ifdef DGSAM_CUDA
  return "";
#else
  return "this build has no CUDA graphs: it was made without nvcc (npx dgsam doctor says how to have it)";
#endif
}

std::unique_ptr<Captured> captureOn(c10::Device device, [[maybe_unused]] Captured* earlier, const std::function<void()>& body) {
  const std::string refusal = refusalOf(device);
  TORCH_CHECK(refusal.empty(), refusal);
#ifdef DGSAM_CUDA
  if (device.is_cuda()) {
    onlyCaptured = true;
    const auto end = c10::make_scope_exit([] { onlyCaptured = false; });
    return captureOnCuda(device, earlier, body);
  }
#endif
  auto tape = std::make_unique<CallTape>();
  tape->record(body);
  return tape;
}

}  // namespace dgsam::capture
