// The table of contents: what the addon exports, room by room.

#include <mutex>

#include "autograd.h"
#include "cpu_allocator.h"
#include "dispatch.h"
#include "random.h"
#include "runtime.h"
#include "tensor_data.h"

namespace dgsam {
namespace {

// initialize(makeError): the error factory of lib/native.ts, given before anything can fail.
Napi::Value initialize(Environment& environment, const Napi::CallbackInfo& info) {
  if (!info[0].IsFunction()) throw UsageError("ERR_ARGUMENT", "expected a function that makes errors");
  environment.makeError = Napi::Persistent(info[0].As<Napi::Function>());
  checkLibTorchVersion();
  return info.Env().Undefined();
}

Napi::Object registerAddon(Napi::Env env, Napi::Object exports) {
  static std::once_flag once;
  std::call_once(once, installCpuAllocator);
  auto* environment = new Environment(env);
  env.SetInstanceData<Environment>(environment);
  addEntry(exports, *environment, "initialize", guardedEntry<initialize>);
  registerDispatch(exports, *environment);
  registerTensorData(exports, *environment);
  registerAutograd(exports, *environment);
  registerRandom(exports, *environment);
  registerRuntime(exports, *environment);
  return exports;
}

}  // namespace
}  // namespace dgsam

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  try {
    return dgsam::registerAddon(env, exports);
  } catch (const dgsam::UsageError& error) {
    throw Napi::Error::New(env, error.what());
  }
}
NODE_API_MODULE(dgsam, init)
