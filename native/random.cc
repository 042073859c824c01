#include "random.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

#include <cstring>
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

// Whether the Mersenne twister of a CPU generator's state (CPUGeneratorImplStateLegacy) reads its own numbers alone: LibTorch looks at how many are left
// and at the next one, each by itself. What else may be wrong, it finds out.
bool staysWithin(const at::Generator& generator, const at::Tensor& state) {
  constexpr uint64_t kNumbers = 624;
  if (generator.device().type() != c10::kCPU || !state.is_cpu() || state.scalar_type() != at::kByte || !state.is_contiguous() || state.numel() < 24) return true;
  int32_t left;
  uint64_t next;
  std::memcpy(&left, state.const_data_ptr<uint8_t>() + 8, sizeof(left));
  std::memcpy(&next, state.const_data_ptr<uint8_t>() + 16, sizeof(next));
  return left <= 1 || next > kNumbers || static_cast<uint64_t>(left) + next <= kNumbers + 1;
}

Napi::Value setGeneratorState(Environment& environment, const Napi::CallbackInfo& info) {
  capture::refuseRecording("it sets the state of a generator");
  at::Generator& generator = generatorArgument(environment, info);
  const at::Tensor state = environment.tensor(handleArgument(info, 1));
  if (!staysWithin(generator, state)) throw UsageError("ERR_ARGUMENT", "expected a state that getState() gave: this one would have numbers drawn from beyond it");
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
