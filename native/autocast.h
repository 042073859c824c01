// LibTorch's autocast: between entering and leaving, the operators of its lists cast what they are given to a 16-bit dtype,
// others to float32. State of a thread; the casts of parameters that it keeps belong to the process.
#pragma once

#include <c10/core/DeviceType.h>
#include <c10/core/ScalarType.h>

#include "napi_setup.h"

namespace dgsam {

class Environment;

// Sets the mode while it lives. Nested ones must end in reverse order.
class AutocastMode {
 public:
  AutocastMode(c10::DeviceType device, c10::ScalarType dtype, bool enabled, bool cacheEnabled);
  ~AutocastMode();
  AutocastMode(const AutocastMode&) = delete;
  AutocastMode& operator=(const AutocastMode&) = delete;

 private:
  const c10::DeviceType device_;
  const c10::ScalarType dtypeBefore_;
  const bool enabledBefore_;
  const bool cacheEnabledBefore_;
};

void registerAutocast(Napi::Object exports, Environment& environment);

}  // namespace dgsam
