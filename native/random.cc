#include "random.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

#include <mutex>

namespace dgsam {
namespace {

at::Generator& generatorArgument(Environment& environment, const Napi::CallbackInfo& info) {
  return environment.generators.at(handleArgument(info, 0));
}

uint64_t seedArgument(const Napi::Value& value) {
  if (!value.IsBigInt()) throw UsageError("ERR_ARGUMENT", "expected a seed as bigint");
  bool lossless = false;
  // Negative seeds wrap around, as in PyTorch.
  return static_cast<uint64_t>(value.As<Napi::BigInt>().Int64Value(&lossless));
}

// manualSeed(seed): the default generators of every device.
Napi::Value manualSeed(Environment&, const Napi::CallbackInfo& info) {
  capture::refuseRecording("it seeds a generator");
  at::manual_seed(seedArgument(info[0]));
  return info.Env().Undefined();
}

Napi::Value createGenerator(Environment& environment, const Napi::CallbackInfo& info) {
  const c10::Device device(stringArgument(info, 0));
  at::Generator generator = device.is_cpu()
                                ? at::make_generator<at::CPUGeneratorImpl>()
                                : at::globalContext().defaultGenerator(device).clone();
  return Napi::Number::New(info.Env(), environment.generators.insert(std::move(generator)));
}

Napi::Value defaultGenerator(Environment& environment, const Napi::CallbackInfo& info) {
  const c10::Device device(stringArgument(info, 0));
  return Napi::Number::New(info.Env(), environment.generators.insert(at::globalContext().defaultGenerator(device)));
}

Napi::Value seedGenerator(Environment& environment, const Napi::CallbackInfo& info) {
  capture::refuseRecording("it seeds a generator");
  at::Generator& generator = generatorArgument(environment, info);
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_current_seed(seedArgument(info[1]));
  return info.Env().Undefined();
}

// A seed drawn from the system, which it also sets.
Napi::Value reseedGenerator(Environment& environment, const Napi::CallbackInfo& info) {
  capture::refuseRecording("it seeds a generator");
  at::Generator& generator = generatorArgument(environment, info);
  std::lock_guard<std::mutex> lock(generator.mutex());
  return Napi::BigInt::New(info.Env(), generator.seed());
}

Napi::Value initialSeed(Environment& environment, const Napi::CallbackInfo& info) {
  at::Generator& generator = generatorArgument(environment, info);
  std::lock_guard<std::mutex> lock(generator.mutex());
  return Napi::BigInt::New(info.Env(), generator.current_seed());
}

Napi::Value generatorState(Environment& environment, const Napi::CallbackInfo& info) {
  capture::refuseRecording("it reads the state of a generator");
  at::Generator& generator = generatorArgument(environment, info);
  std::lock_guard<std::mutex> lock(generator.mutex());
  return Napi::Number::New(info.Env(), environment.hold(generator.get_state()));
}

Napi::Value setGeneratorState(Environment& environment, const Napi::CallbackInfo& info) {
  capture::refuseRecording("it sets the state of a generator");
  at::Generator& generator = generatorArgument(environment, info);
  const at::Tensor state = environment.tensor(handleArgument(info, 1));
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(state);
  return info.Env().Undefined();
}

}  // namespace

void registerRandom(Napi::Object exports, Environment& environment) {
  addEntry(exports, environment, "manualSeed", guardedEntry<manualSeed>);
  addEntry(exports, environment, "createGenerator", guardedEntry<createGenerator>);
  addEntry(exports, environment, "defaultGenerator", guardedEntry<defaultGenerator>);
  addEntry(exports, environment, "seedGenerator", guardedEntry<seedGenerator>);
  addEntry(exports, environment, "reseedGenerator", guardedEntry<reseedGenerator>);
  addEntry(exports, environment, "initialSeed", guardedEntry<initialSeed>);
  addEntry(exports, environment, "generatorState", guardedEntry<generatorState>);
  addEntry(exports, environment, "setGeneratorState", guardedEntry<setGeneratorState>);
}

}  // namespace dgsam
