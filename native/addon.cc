// The table of contents: what the addon exports, room by room.

#include <memory>
#include <mutex>
#include <vector>

#include "autocast.h"
#include "autograd.h"
#include "background.h"
#include "capture/room.h"
#include "commands.h"
#include "cpu_allocator.h"
#include "dispatch.h"
#include "file_reading.h"
#include "graphs.h"
#include "memory.h"
#include "random.h"
#include "runtime.h"
#include "scripts.h"
#include "streams.h"
#include "tensor_data.h"
#include "warnings.h"

namespace dgsam {
namespace {

// The environments of one Node thread: one for each copy of the package's JavaScript in it.
using Environments = std::vector<std::unique_ptr<Environment>>;

// open(makeError, warn): the rooms, bound to an environment of their own. Node loads an addon once per thread, but the modules
// over it may be evaluated several times (test runners do it, and imports with a query): copies that shared one call
// frame would overwrite each other's arguments.
Napi::Value open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsFunction() || !info[1].IsFunction())
    throw Napi::TypeError::New(env, "open(makeError, warn): expected two functions");
  const Napi::Function makeError = info[0].As<Napi::Function>();
  try {
    checkLibTorchVersion();
    auto environment = std::make_unique<Environment>(env, makeError, info[1].As<Napi::Function>());
    installWarningHandler();
    Napi::Object rooms = Napi::Object::New(env);
    registerDispatch(rooms, *environment);
    registerBackground(rooms, *environment);
    registerFileReading(rooms, *environment);
    registerTensorData(rooms, *environment);
    registerMemory(rooms, *environment);
    registerStreams(rooms, *environment);
    registerAutograd(rooms, *environment);
    registerAutocast(rooms, *environment);
    registerCapture(rooms, *environment);
    registerCommands(rooms, *environment);
    registerGraphs(rooms, *environment);
    registerScripts(rooms, *environment);
    registerRandom(rooms, *environment);
    registerRuntime(rooms, *environment);
    env.GetInstanceData<Environments>()->push_back(std::move(environment));
    return rooms;
  } catch (...) {
    throw toJavaScriptError(makeError, env, "");
  }
}

}  // namespace

Napi::Object registerAddon(Napi::Env env, Napi::Object exports) {
  static std::once_flag once;
  std::call_once(once, installCpuAllocator);
  env.SetInstanceData<Environments>(new Environments());
  exports.Set("open", Napi::Function::New<open>(env, "open"));
  return exports;
}

}  // namespace dgsam

static Napi::Object init(Napi::Env env, Napi::Object exports) { return dgsam::registerAddon(env, exports); }
NODE_API_MODULE(dgsam, init)
