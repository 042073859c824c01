// The shape of every native function that JavaScript can call: convert, check, call, wrap, inside one guard.
#pragma once

#include <string>

#include "environment.h"
#include "frame.h"
#include "out_of_memory.h"
#include "warnings.h"

namespace dgsam {

using Entry = Napi::Value (*)(Environment&, const Napi::CallbackInfo&);
// Takes its arguments from the call frame and leaves its results there.
using FrameEntry = void (*)(Environment&, FrameReader&, FrameWriter&);

// Turns the exception being handled into a DgsamError on the JavaScript side, also one of Node-API's own. `subject` names
// the operator, if any. Must be called inside a catch block.
Napi::Error toJavaScriptError(const Napi::Function& makeError, Napi::Env env, const std::string& subject);

// Arguments of entries that take them from JavaScript: ERR_ARGUMENT when one is of another kind.
Handle handleArgument(const Napi::CallbackInfo& info, size_t index);
std::string stringArgument(const Napi::CallbackInfo& info, size_t index);
// A whole number from `low` to `high`; `what` names it in the message.
int integerArgument(const Napi::CallbackInfo& info, size_t index, const char* what, int low, int high);

// Registers `name` on `exports`.
void addEntry(Napi::Object exports, Environment& environment, const char* name, napi_callback callback);

// Runs an entry: what it throws becomes a JavaScript error. When memory runs out it may run twice (out_of_memory.h).
template <typename Run>
auto guarded(Environment& environment, napi_env env, Run run) {
  for (bool again = false;; again = true) {
    environment.subject = nullptr;
    environment.mayRunAgain = false;
    try {
      const WarningsOfEntry warnings(environment);
      return run();
    } catch (...) {
      if (!again && recoverMemory(environment)) continue;
      throw toJavaScriptError(environment.makeError.Value(), env, environment.subject == nullptr ? "" : *environment.subject);
    }
  }
}

template <Entry entry>
napi_value guardedEntry(napi_env rawEnv, napi_callback_info rawInfo) {
  return Napi::details::WrapCallback(rawEnv, [&]() -> napi_value {
    Napi::CallbackInfo info(rawEnv, rawInfo);
    Environment& environment = *static_cast<Environment*>(info.Data());
    return guarded(environment, rawEnv, [&] { return entry(environment, info); });
  });
}

// The raw form spares the conversions of Napi::CallbackInfo on the path of every operator. The result is `undefined`,
// or a Float64Array that holds the results when they outgrew the frame.
napi_value callWithFrame(napi_env env, napi_callback_info info, FrameEntry entry);

template <FrameEntry entry>
napi_value guardedFrameEntry(napi_env env, napi_callback_info info) {
  return callWithFrame(env, info, entry);
}

}  // namespace dgsam
