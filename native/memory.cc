#include "memory.h"

#include <map>
#include <unordered_set>

#include "devices.h"

namespace dgsam {
namespace {

Napi::Object figuresOf(Napi::Env env, const AllocatorFigures& figures) {
  Napi::Object result = Napi::Object::New(env);
  const auto set = [&](const char* name, int64_t value) { result.Set(name, static_cast<double>(value)); };
  set("allocated", figures.allocated);
  set("peakAllocated", figures.peakAllocated);
  set("reserved", figures.reserved);
  set("peakReserved", figures.peakReserved);
  set("active", figures.active);
  set("peakActive", figures.peakActive);
  set("allocations", figures.allocations);
  set("retries", figures.retries);
  set("failures", figures.failures);
  return result;
}

// memoryStats(): { handles, bytes: { device: bytes }, devices: { device: figures } }; storages that several tensors share are
// counted once.
Napi::Value memoryStats(Environment& environment, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::map<std::string, double> bytes;
  std::unordered_set<const void*> seen;
  environment.tensors().forEach([&](const HeldTensor& held) {
    const at::Tensor& tensor = held.tensor;
    if (!tensor.has_storage()) return;
    const c10::StorageImpl* storage = tensor.storage().unsafeGetStorageImpl();
    if (seen.insert(storage).second) bytes[tensor.device().str()] += static_cast<double>(storage->nbytes());
  });
  Napi::Object byDevice = Napi::Object::New(env);
  for (const auto& [device, size] : bytes) byDevice.Set(device, size);
  Napi::Object devices = Napi::Object::New(env);
  for (int device = 0, count = cudaDeviceCount(); device < count; ++device)
    if (const auto figures = allocatorFigures(static_cast<c10::DeviceIndex>(device)))
      devices.Set("cuda:" + std::to_string(device), figuresOf(env, *figures));
  Napi::Object result = Napi::Object::New(env);
  result.Set("handles", static_cast<double>(environment.tensors().live()));
  result.Set("bytes", byDevice);
  result.Set("devices", devices);
  return result;
}

// resetPeakMemoryStats(device): of all devices for undefined. Where there is no CUDA, there are no peaks.
Napi::Value resetPeakMemoryStats(Environment&, const Napi::CallbackInfo& info) {
  if (!info[0].IsUndefined()) {
    const std::string name = stringArgument(info, 0);
    if (c10::Device(name).is_cuda() && cudaDeviceCount() == 0) return info.Env().Undefined();
    resetAllocatorPeaks(cudaDeviceNamed(name).index());
  } else {
    for (int device = 0, count = cudaDeviceCount(); device < count; ++device) resetAllocatorPeaks(static_cast<c10::DeviceIndex>(device));
  }
  return info.Env().Undefined();
}

Napi::Value emptyCache(Environment&, const Napi::CallbackInfo& info) {
  emptyAllocatorCaches();
  return info.Env().Undefined();
}

// setCollector(fn): what is called to free what nobody refers to, at once.
Napi::Value setCollector(Environment& environment, const Napi::CallbackInfo& info) {
  if (!info[0].IsFunction()) throw UsageError("ERR_ARGUMENT", "expected a function");
  environment.collect = Napi::Persistent(info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

// setScopeState(Int32Array): its only number is not 0 while a scope frees what is made.
Napi::Value setScopeState(Environment& environment, const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_int32_array || info[0].As<Napi::TypedArray>().ElementLength() != 1)
    throw UsageError("ERR_ARGUMENT", "expected an Int32Array of one number");
  environment.inScopeReference = Napi::Persistent(info[0].As<Napi::TypedArray>());
  environment.inScope = info[0].As<Napi::Int32Array>().Data();
  return info.Env().Undefined();
}

// leaveToCollector(tensor): its scope has handed it on, and none frees it.
Napi::Value leaveToCollector(Environment& environment, const Napi::CallbackInfo& info) {
  environment.leaveToCollector(handleArgument(info, 0));
  return info.Env().Undefined();
}

}  // namespace

void registerMemory(Napi::Object exports, Environment& environment) {
  addEntry(exports, environment, "memoryStats", guardedEntry<memoryStats>);
  addEntry(exports, environment, "setScopeState", guardedEntry<setScopeState>);
  addEntry(exports, environment, "leaveToCollector", guardedEntry<leaveToCollector>);
  addEntry(exports, environment, "resetPeakMemoryStats", guardedEntry<resetPeakMemoryStats>);
  addEntry(exports, environment, "emptyCache", guardedEntry<emptyCache>);
  addEntry(exports, environment, "setCollector", guardedEntry<setCollector>);
}

}  // namespace dgsam
