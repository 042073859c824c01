#include "autocast.h"

#include <ATen/autocast_mode.h>
#include <c10/core/Device.h>

#include "entry.h"
#include "ops/casts.h"

namespace dgsam {

AutocastMode::AutocastMode(c10::DeviceType device, c10::ScalarType dtype, bool enabled, bool cacheEnabled)
    : device_(device),
      dtypeBefore_(at::autocast::get_autocast_dtype(device)),
      enabledBefore_(at::autocast::is_autocast_enabled(device)),
      cacheEnabledBefore_(at::autocast::is_autocast_cache_enabled()) {
  at::autocast::set_autocast_enabled(device, enabled);
  at::autocast::set_autocast_dtype(device, dtype);
  at::autocast::set_autocast_cache_enabled(cacheEnabled);
  at::autocast::increment_nesting();
}

AutocastMode::~AutocastMode() {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, enabledBefore_);
  at::autocast::set_autocast_dtype(device_, dtypeBefore_);
  at::autocast::set_autocast_cache_enabled(cacheEnabledBefore_);
}

namespace {

c10::DeviceType deviceArgument(const Napi::CallbackInfo& info, size_t index) { return c10::Device(stringArgument(info, index)).type(); }

// enterAutocast(device, dtype, enabled, cacheEnabled): an undefined cacheEnabled leaves that as it is.
Napi::Value enterAutocast(Environment& environment, const Napi::CallbackInfo& info) {
  const c10::DeviceType device = deviceArgument(info, 0);
  const auto dtype = static_cast<c10::ScalarType>(integerArgument(info, 1, "a dtype", 0, static_cast<int>(c10::ScalarType::NumOptions) - 1));
  const bool cacheEnabled = info[3].IsUndefined() ? at::autocast::is_autocast_cache_enabled() : info[3].ToBoolean().Value();
  environment.autocastModes.push_back(std::make_unique<AutocastMode>(device, dtype, info[2].ToBoolean(), cacheEnabled));
  return info.Env().Undefined();
}

Napi::Value leaveAutocast(Environment& environment, const Napi::CallbackInfo& info) {
  if (!environment.autocastModes.empty()) environment.autocastModes.pop_back();
  return info.Env().Undefined();
}

Napi::Value autocastEnabled(Environment&, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), at::autocast::is_autocast_enabled(deviceArgument(info, 0)));
}

Napi::Value autocastDtype(Environment&, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<int>(at::autocast::get_autocast_dtype(deviceArgument(info, 0))));
}

// forgetCasts(): for what moves parameters by LibTorch's own operators.
Napi::Value forgetCasts(Environment&, const Napi::CallbackInfo& info) {
  const ops::ForgetsCasts forgetting;
  return info.Env().Undefined();
}

}  // namespace

void registerAutocast(Napi::Object exports, Environment& environment) {
  addEntry(exports, environment, "enterAutocast", guardedEntry<enterAutocast>);
  addEntry(exports, environment, "leaveAutocast", guardedEntry<leaveAutocast>);
  addEntry(exports, environment, "autocastEnabled", guardedEntry<autocastEnabled>);
  addEntry(exports, environment, "forgetCasts", guardedEntry<forgetCasts>);
  addEntry(exports, environment, "autocastDtype", guardedEntry<autocastDtype>);
}

}  // namespace dgsam
