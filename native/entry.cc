#include "entry.h"

#include <algorithm>
#include <cmath>

namespace dgsam {

namespace {

Failure describeFailure() {
  try {
    throw;
  } catch (const Napi::Error& error) {
    return {"ERR_ARGUMENT", error.Message(), ""};
  } catch (...) {
    return describeCurrentException();
  }
}

// The fields of MemoryShortage (lib/errors.ts).
Napi::Value sizesOf(Napi::Env env, const Shortage& shortage) {
  Napi::Object sizes = Napi::Object::New(env);
  sizes.Set("device", shortage.device);
  const auto set = [&](const char* name, const std::optional<int64_t>& bytes) {
    if (bytes.has_value()) sizes.Set(name, static_cast<double>(*bytes));
  };
  set("requested", shortage.requested);
  set("allocated", shortage.allocated);
  set("reserved", shortage.reserved);
  set("free", shortage.free);
  set("total", shortage.total);
  return sizes;
}

}  // namespace

Napi::Error toJavaScriptError(const Napi::Function& makeError, Napi::Env env, const std::string& subject) {
  const Failure failure = describeFailure();
  const Napi::Value error =
      makeError.Call({Napi::String::New(env, failure.kind), Napi::String::New(env, failure.message),
                      Napi::String::New(env, failure.details), Napi::String::New(env, subject),
                      failure.shortage.has_value() ? sizesOf(env, *failure.shortage) : env.Undefined()});
  return Napi::Error(env, error);
}

Handle handleArgument(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsNumber())
    throw UsageError("ERR_ARGUMENT", "expected a native handle as argument " + std::to_string(index));
  return info[index].As<Napi::Number>().DoubleValue();
}

std::string stringArgument(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsString()) throw UsageError("ERR_ARGUMENT", "expected a string as argument " + std::to_string(index));
  return info[index].As<Napi::String>();
}

int integerArgument(const Napi::CallbackInfo& info, size_t index, const char* what, int low, int high) {
  const double value = info[index].IsNumber() ? info[index].As<Napi::Number>().DoubleValue() : std::nan("");
  if (!(value >= low && value <= high) || value != std::trunc(value))
    throw UsageError("ERR_ARGUMENT", "expected " + std::string(what) + " from " + std::to_string(low) + " to " + std::to_string(high));
  return static_cast<int>(value);
}

void addEntry(Napi::Object exports, Environment& environment, const char* name, napi_callback callback) {
  napi_value function;
  const napi_status status =
      napi_create_function(exports.Env(), name, NAPI_AUTO_LENGTH, callback, &environment, &function);
  if (status != napi_ok) throw Napi::Error::New(exports.Env());
  exports.Set(name, Napi::Value(exports.Env(), function));
}

napi_value callWithFrame(napi_env env, napi_callback_info info, FrameEntry entry) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  Environment& environment = *static_cast<Environment*>(data);
  return Napi::details::WrapCallback(env, [&]() -> napi_value {
    return guarded(environment, env, [&]() -> napi_value {
      FrameReader reader(environment);
      FrameWriter writer(environment);
      entry(environment, reader, writer);
      if (!writer.overflowed()) return nullptr;
      Napi::Float64Array spill = Napi::Float64Array::New(env, writer.spill().size());
      std::copy(writer.spill().begin(), writer.spill().end(), spill.Data());
      return spill;
    });
  });
}

}  // namespace dgsam
