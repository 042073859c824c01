#include "streams.h"

#include <algorithm>

#include "capture/graph.h"
#include "capture/recorder.h"
#include "devices.h"

namespace dgsam {
namespace {

using c10::impl::VirtualGuardImpl;

// Only where there is a device: throws in words of its own otherwise.
const VirtualGuardImpl& cudaGuard() {
  static const VirtualGuardImpl guard(c10::DeviceType::CUDA);
  return guard;
}

// { place, device, id }
Napi::Value toJavaScript(Environment& environment, Napi::Env env, const c10::Stream& stream) {
  std::vector<c10::Stream>& streams = environment.streams;
  auto found = std::find(streams.begin(), streams.end(), stream);
  if (found == streams.end()) found = streams.insert(found, stream);
  Napi::Object result = Napi::Object::New(env);
  result.Set("place", static_cast<double>(found - streams.begin()));
  result.Set("device", stream.device().str());
  result.Set("id", Napi::BigInt::New(env, int64_t{stream.id()}));
  return result;
}

const c10::Stream& streamArgument(Environment& environment, const Napi::CallbackInfo& info, size_t index) {
  if (environment.streams.empty()) throw UsageError("ERR_ARGUMENT", "there is no stream");
  return environment.streams[static_cast<size_t>(integerArgument(info, index, "a stream", 0, static_cast<int>(environment.streams.size()) - 1))];
}

c10::Event& eventArgument(Environment& environment, const Napi::CallbackInfo& info, size_t index) {
  return *environment.events.at(handleArgument(info, index));
}

// newStream(device, priority): one of the pool; a negative priority goes first.
Napi::Value newStream(Environment& environment, const Napi::CallbackInfo& info) {
  const c10::Device device = cudaDeviceNamed(stringArgument(info, 0));
  return toJavaScript(environment, info.Env(), cudaGuard().getNewStream(device, integerArgument(info, 1, "a priority", -128, 0)));
}

Napi::Value currentStream(Environment& environment, const Napi::CallbackInfo& info) {
  const c10::Device device = cudaDeviceNamed(stringArgument(info, 0));
  return toJavaScript(environment, info.Env(), cudaGuard().getStream(device));
}

// isCurrentStream(stream): whether it is what currentStream(its device) gives, which is dearer.
Napi::Value isCurrentStream(Environment& environment, const Napi::CallbackInfo& info) {
  const c10::Stream& stream = streamArgument(environment, info, 0);
  return Napi::Boolean::New(info.Env(), cudaGuard().getStream(stream.device()) == stream);
}

Napi::Value defaultStream(Environment& environment, const Napi::CallbackInfo& info) {
  const c10::Device device = cudaDeviceNamed(stringArgument(info, 0));
  return toJavaScript(environment, info.Env(), cudaGuard().getDefaultStream(device));
}

// enterStream(stream): makes it, and its device, the current one until leaveStream().
Napi::Value enterStream(Environment& environment, const Napi::CallbackInfo& info) {
  capture::refuseRecording("it changes the stream");
  environment.enteredStreams.push_back(std::make_unique<EnteredStream>(streamArgument(environment, info, 0)));
  return info.Env().Undefined();
}

Napi::Value leaveStream(Environment& environment, const Napi::CallbackInfo& info) {
  if (!environment.enteredStreams.empty()) environment.enteredStreams.pop_back();
  return info.Env().Undefined();
}

Napi::Value queryStream(Environment& environment, const Napi::CallbackInfo& info) {
  const c10::Stream& stream = streamArgument(environment, info, 0);
  return Napi::Boolean::New(info.Env(), cudaGuard().queryStream(stream));
}

Napi::Value synchronizeStream(Environment& environment, const Napi::CallbackInfo& info) {
  const c10::Stream& stream = streamArgument(environment, info, 0);
  capture::refuseRecording("it waits for a stream");
  cudaGuard().synchronizeStream(stream);
  return info.Env().Undefined();
}

// synchronize(device): the CPU computes at once, so there is nothing to wait for.
Napi::Value synchronize(Environment&, const Napi::CallbackInfo& info) {
  const std::string name = stringArgument(info, 0);
  if (c10::Device(name).is_cpu()) return info.Env().Undefined();
  const c10::Device device = cudaDeviceNamed(name);
  capture::refuseRecording("it waits for a device");
  const std::lock_guard<std::mutex> turn(capture::captureTurn());
  cudaGuard().synchronizeDevice(device.index());
  return info.Env().Undefined();
}

// setSyncDebugMode(mode): of the process, all threads and devices.
Napi::Value setSyncDebugMode(Environment&, const Napi::CallbackInfo& info) {
  const int mode = integerArgument(info, 0, "a mode", 0, 2);
  cudaDeviceNamed("cuda");
#ifdef DGSAM_CUDA
  setCudaSyncDebugMode(mode);
#else
  if (mode != 0) throw UsageError("ERR_DEVICE", "this build cannot watch for waits: it was made without nvcc (npx dgsam doctor says how to have it)");
#endif
  return info.Env().Undefined();
}

// newEvent(timing): it gets its device when it is first recorded.
Napi::Value newEvent(Environment& environment, const Napi::CallbackInfo& info) {
  cudaDeviceNamed("cuda");
  const auto flag = info[0].ToBoolean() ? c10::EventFlag::BACKEND_DEFAULT : c10::EventFlag::PYTORCH_DEFAULT;
  return Napi::Number::New(info.Env(), environment.events.insert(std::make_shared<c10::Event>(c10::DeviceType::CUDA, flag)));
}

// recordEvent(event, stream)
Napi::Value recordEvent(Environment& environment, const Napi::CallbackInfo& info) {
  capture::refuseRecording("it records an event");
  eventArgument(environment, info, 0).record(streamArgument(environment, info, 1));
  return info.Env().Undefined();
}

// waitForEvent(event, stream): what is put into the stream from now on waits; the caller does not.
Napi::Value waitForEvent(Environment& environment, const Napi::CallbackInfo& info) {
  capture::refuseRecording("it waits for an event");
  eventArgument(environment, info, 0).block(streamArgument(environment, info, 1));
  return info.Env().Undefined();
}

Napi::Value queryEvent(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), eventArgument(environment, info, 0).query());
}

Napi::Value synchronizeEvent(Environment& environment, const Napi::CallbackInfo& info) {
  capture::refuseRecording("it waits for an event");
  eventArgument(environment, info, 0).synchronize();
  return info.Env().Undefined();
}

// elapsedTime(start, end): milliseconds.
Napi::Value elapsedTime(Environment& environment, const Napi::CallbackInfo& info) {
  const c10::Event& end = eventArgument(environment, info, 1);
  return Napi::Number::New(info.Env(), eventArgument(environment, info, 0).elapsedTime(end));
}

Napi::Value releaseEvent(Environment& environment, const Napi::CallbackInfo& info) {
  std::shared_ptr<c10::Event> event;
  return Napi::Boolean::New(info.Env(), environment.events.release(handleArgument(info, 0), event));
}

// recordStream(tensor, stream): its memory is not given to others before what the stream has been told by then is done.
Napi::Value recordStream(Environment& environment, const Napi::CallbackInfo& info) {
  const at::Tensor& tensor = environment.tensor(handleArgument(info, 0));
  const c10::Stream& stream = streamArgument(environment, info, 1);
  if (tensor.device() != stream.device())
    throw UsageError("ERR_DEVICE", "expected a tensor on the stream's device " + stream.device().str() + ", got one on " + tensor.device().str());
  capture::refuseRecording("it tells a tensor of a stream");
  tensor.record_stream(stream);
  return info.Env().Undefined();
}

}  // namespace

EnteredStream::EnteredStream(const c10::Stream& stream)
    : device_(cudaGuard().exchangeDevice(stream.device())), stream_(cudaGuard().exchangeStream(stream)) {}

EnteredStream::~EnteredStream() {
  try {
    cudaGuard().exchangeStream(stream_);
    cudaGuard().uncheckedSetDevice(device_);
  } catch (const c10::Error&) {
    // A device that has failed says so at every call; this is none that could.
  }
}

void registerStreams(Napi::Object exports, Environment& environment) {
  addEntry(exports, environment, "newStream", guardedEntry<newStream>);
  addEntry(exports, environment, "currentStream", guardedEntry<currentStream>);
  addEntry(exports, environment, "isCurrentStream", guardedEntry<isCurrentStream>);
  addEntry(exports, environment, "defaultStream", guardedEntry<defaultStream>);
  addEntry(exports, environment, "enterStream", guardedEntry<enterStream>);
  addEntry(exports, environment, "leaveStream", guardedEntry<leaveStream>);
  addEntry(exports, environment, "queryStream", guardedEntry<queryStream>);
  addEntry(exports, environment, "synchronizeStream", guardedEntry<synchronizeStream>);
  addEntry(exports, environment, "synchronize", guardedEntry<synchronize>);
  addEntry(exports, environment, "setSyncDebugMode", guardedEntry<setSyncDebugMode>);
  addEntry(exports, environment, "newEvent", guardedEntry<newEvent>);
  addEntry(exports, environment, "recordEvent", guardedEntry<recordEvent>);
  addEntry(exports, environment, "waitForEvent", guardedEntry<waitForEvent>);
  addEntry(exports, environment, "queryEvent", guardedEntry<queryEvent>);
  addEntry(exports, environment, "synchronizeEvent", guardedEntry<synchronizeEvent>);
  addEntry(exports, environment, "elapsedTime", guardedEntry<elapsedTime>);
  addEntry(exports, environment, "releaseEvent", guardedEntry<releaseEvent>);
  addEntry(exports, environment, "recordStream", guardedEntry<recordStream>);
}

}  // namespace dgsam
