#include "runtime.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

#include "devices.h"
#ifdef DGSAM_CUDA
#include "ops/cuda/build_info.h"
#endif

namespace dgsam {
namespace {

// OpenMP ends the process when it cannot start as many threads as it was told to.
constexpr int kMaxThreads = 1024;

std::string runtimeVersion() {
  const std::string config = at::show_config();
  const std::string key = "TORCH_VERSION=";
  const size_t start = config.find(key);
  if (start == std::string::npos) return "";
  return config.substr(start + key.size(), config.find_first_of(", \n", start) - start - key.size());
}

Napi::Value runtimeInfo(Environment&, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Object result = Napi::Object::New(env);
  result.Set("version", runtimeVersion());
  result.Set("builtAgainst", TORCH_VERSION);
  result.Set("cxx11Abi", _GLIBCXX_USE_CXX11_ABI != 0);
  result.Set("config", at::show_config());
  result.Set("parallel", at::get_parallel_info());
  result.Set("cpuCapability", at::get_cpu_capability());
  result.Set("hasCuda", at::Context::hasCUDART());
  result.Set("cudaDevices", cudaDeviceCount());
#ifdef DGSAM_CUDA
  result.Set("cudaKernels", ops::cuda::architectures());
#else
  result.Set("cudaKernels", "");
#endif
  result.Set("threads", at::get_num_threads());
  result.Set("interopThreads", at::get_num_interop_threads());
  result.Set("hasMkl", at::hasMKL());
  result.Set("hasOpenmp", at::hasOpenMP());
  return result;
}

Napi::Value countCudaDevices(Environment&, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), cudaDeviceCount());
}

// kernelsServe(device): whether our own CUDA kernels run on it.
Napi::Value kernelsServe(Environment&, const Napi::CallbackInfo& info) {
  const std::string name = stringArgument(info, 0);
  bool serves = false;
#ifdef DGSAM_CUDA
  serves = c10::Device(name).is_cuda() && ops::cuda::serves(cudaDeviceNamed(name).index());
#endif
  return Napi::Boolean::New(info.Env(), serves);
}

Napi::Value numThreads(Environment&, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), at::get_num_threads());
}

Napi::Value setNumThreads(Environment&, const Napi::CallbackInfo& info) {
  at::set_num_threads(integerArgument(info, 0, "a thread count", 1, kMaxThreads));
  return info.Env().Undefined();
}

Napi::Value setDeterministic(Environment&, const Napi::CallbackInfo& info) {
  at::globalContext().setDeterministicAlgorithms(info[0].ToBoolean(), false);
  return info.Env().Undefined();
}

}  // namespace

void checkLibTorchVersion() {
  const std::string version = runtimeVersion();
  if (version != TORCH_VERSION)
    throw UsageError("ERR_LIBTORCH", "the addon was built against LibTorch " TORCH_VERSION " but " + version + " was loaded");
}

void registerRuntime(Napi::Object exports, Environment& environment) {
  addEntry(exports, environment, "runtimeInfo", guardedEntry<runtimeInfo>);
  addEntry(exports, environment, "cudaDeviceCount", guardedEntry<countCudaDevices>);
  addEntry(exports, environment, "kernelsServe", guardedEntry<kernelsServe>);
  addEntry(exports, environment, "numThreads", guardedEntry<numThreads>);
  addEntry(exports, environment, "setNumThreads", guardedEntry<setNumThreads>);
  addEntry(exports, environment, "setDeterministic", guardedEntry<setDeterministic>);
}

}  // namespace dgsam
