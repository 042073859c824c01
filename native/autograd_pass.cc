#include "autograd_pass.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/AutogradState.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <atomic>

#include "capture/recorder.h"
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

InCallingThread InCallingThread::unlessSeveralGpus() { return InCallingThread(capture::Recorder::active() != nullptr || !usesSeveralGpus()); }

void dropUnfinishedPass() noexcept {
  // By a pass over nothing, which meets them first.
  try {
    const c10::impl::ExcludeDispatchKeyGuard unseen(capture::kRecordingKey);
    const c10::InferenceMode ordinary(false);
    const at::AutoGradMode recording(true);
    const InCallingThread thread;
    torch::autograd::backward({at::ones({}).set_requires_grad(true)});
  } catch (...) {
    // The failure that led here is the one to tell.
  }
}

}  // namespace dgsam
