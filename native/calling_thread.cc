#include "calling_thread.h"

#include <ATen/Context.h>
#include <c10/core/AutogradState.h>

#include <atomic>

#include "devices.h"

namespace dgsam {
namespace {

bool usesSeveralGpus() {
  // A GPU in use stays in use.
  static std::atomic<bool> several{false};
  if (several.load(std::memory_order_relaxed)) return true;
  const int count = cudaDeviceCount();
  if (count < 2) return false;
  const auto& hooks = at::globalContext().getAcceleratorHooksInterface(at::kCUDA);
  int used = 0;
  for (int device = 0; device < count; ++device) used += hooks.hasPrimaryContext(static_cast<c10::DeviceIndex>(device)) ? 1 : 0;
  if (used < 2) return false;
  several.store(true, std::memory_order_relaxed);
  return true;
}

}  // namespace

InCallingThread::InCallingThread(bool applies) : before_(c10::AutogradState::get_tls_state().get_multithreading_enabled()) {
  if (applies) c10::AutogradState::get_tls_state().set_multithreading_enabled(false);
}

InCallingThread::~InCallingThread() { c10::AutogradState::get_tls_state().set_multithreading_enabled(before_); }

InCallingThread InCallingThread::unlessSeveralGpus() { return InCallingThread(!usesSeveralGpus()); }

}  // namespace dgsam
