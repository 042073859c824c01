#include "tensor_data.h"

#include <ATen/Functions.h>

#include <cmath>
#include <cstring>

#include "mapped_file.h"

namespace dgsam {
namespace {

struct Bytes {
  uint8_t* data;
  size_t size;
};

Bytes bytesArgument(const Napi::Value& value) {
  if (!value.IsTypedArray()) throw UsageError("ERR_ARGUMENT", "expected a typed array");
  const Napi::TypedArray array = value.As<Napi::TypedArray>();
  return {static_cast<uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset(), array.ByteLength()};
}

std::vector<int64_t> shapeArgument(const Napi::Value& value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_bigint64_array)
    throw UsageError("ERR_ARGUMENT", "expected a BigInt64Array as shape");
  const Napi::BigInt64Array sizes = value.As<Napi::BigInt64Array>();
  return {sizes.Data(), sizes.Data() + sizes.ElementLength()};
}

// How many bytes a tensor takes; nothing when there is no such tensor.
std::optional<size_t> byteCount(const std::vector<int64_t>& shape, c10::ScalarType dtype) {
  size_t bytes = c10::elementSize(dtype);
  bool tooMany = false;
  for (const int64_t size : shape) {
    if (size < 0) return std::nullopt;
    tooMany |= __builtin_mul_overflow(bytes, static_cast<size_t>(size), &bytes);
  }
  if (tooMany) return std::nullopt;
  return bytes;
}

// A complete copy on the CPU in row-major order, without conjugate or negative views.
at::Tensor plain(const at::Tensor& tensor) {
  if (tensor.layout() != at::kStrided)
    throw UsageError("ERR_ARGUMENT", "expected a dense tensor, got one of layout " + c10::str(tensor.layout()) +
                                         "; call toDense() first");
  if (tensor.device().is_meta()) throw UsageError("ERR_DEVICE", "a tensor on the meta device has no data");
  // A zero tensor of autograd's has no memory until it is copied.
  const at::Tensor detached = tensor._is_zerotensor() ? tensor.detach().clone() : tensor.detach();
  return (detached.is_quantized() ? detached.int_repr() : detached).cpu().resolve_conj().resolve_neg().contiguous();
}

// fromBytes(bytes, dtype, shape): a new CPU tensor that holds a copy.
Napi::Value fromBytes(Environment& environment, const Napi::CallbackInfo& info) {
  const Bytes bytes = bytesArgument(info[0]);
  const auto dtype = static_cast<c10::ScalarType>(
      integerArgument(info, 1, "a number of a dtype", 0, static_cast<int>(c10::ScalarType::Undefined) - 1));
  const std::string dtypeName(c10::getDtypeNames(dtype).first);
  if (c10::isQIntType(dtype))
    throw UsageError("ERR_DTYPE", "bytes alone are no " + dtypeName + " tensor, which needs a scale; quantise a float32 one, "
                                  "say with ops.aten.quantize_per_tensor");
  const std::vector<int64_t> shape = shapeArgument(info[2]);
  if (byteCount(shape, dtype) != bytes.size)
    throw UsageError("ERR_SHAPE", c10::str("expected as many bytes as shape ", at::IntArrayRef(shape), " of dtype ", dtypeName,
                                           " holds, got ", bytes.size));
  environment.mayRunAgain = true;
  const capture::MakingConstant making;
  const at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(dtype));
  if (bytes.size != 0) std::memcpy(tensor.data_ptr(), bytes.data, bytes.size);
  return Napi::Number::New(info.Env(), environment.hold(making.made(tensor)));
}

// Through JavaScript's constructor, since Node-API's function ends the process when memory is short.
Napi::ArrayBuffer newArrayBuffer(Napi::Env env, size_t bytes) {
  try {
    const Napi::Function constructor = env.Global().Get("ArrayBuffer").As<Napi::Function>();
    return constructor.New({Napi::Number::New(env, static_cast<double>(bytes))}).As<Napi::ArrayBuffer>();
  } catch (const Napi::Error&) {
    TORCH_CHECK_WITH(OutOfMemoryError, false, "can't allocate memory: you tried to allocate ", bytes, " bytes for an ArrayBuffer");
  }
}

// mapFile(path, bytes, shared): the first bytes of a file as a uint8 tensor over it (mapped_file.h).
Napi::Value mapFile(Environment& environment, const Napi::CallbackInfo& info) {
  const std::string path = stringArgument(info, 0);
  const double bytes = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : -1;
  if (!(bytes >= 0 && bytes <= 9007199254740991.0) || bytes != std::trunc(bytes)) throw UsageError("ERR_ARGUMENT", "expected a number of bytes");
  if (!info[2].IsBoolean()) throw UsageError("ERR_ARGUMENT", "expected whether the file is written to");
  const capture::MakingConstant making;
  return Napi::Number::New(info.Env(), environment.hold(making.made(dgsam::mapFile(path, static_cast<size_t>(bytes), info[2].As<Napi::Boolean>()))));
}

// copyBytes(handle, owner): the tensor's elements in row-major order as a new ArrayBuffer.
Napi::Value copyBytes(Environment& environment, const Napi::CallbackInfo& info) {
  capture::refuseRecording("it reads the values of a tensor");
  environment.mayRunAgain = true;
  const at::Tensor tensor = plain(environment.tensor(handleArgument(info, 0)));
  Napi::ArrayBuffer buffer = newArrayBuffer(info.Env(), tensor.nbytes());
  // A program may have put a class of its own in the constructor's place.
  if (buffer.ByteLength() != tensor.nbytes()) throw UsageError("ERR_STATE", "globalThis.ArrayBuffer makes buffers of other sizes than it is asked for");
  if (tensor.nbytes() != 0) std::memcpy(buffer.Data(), tensor.const_data_ptr(), tensor.nbytes());
  checkMappedFiles();
  return buffer;
}

// copyInto(handle, bytes): the same into memory that JavaScript has.
Napi::Value copyInto(Environment& environment, const Napi::CallbackInfo& info) {
  capture::refuseRecording("it reads the values of a tensor");
  environment.mayRunAgain = true;
  const at::Tensor tensor = plain(environment.tensor(handleArgument(info, 0)));
  const Bytes bytes = bytesArgument(info[1]);
  if (bytes.size != tensor.nbytes()) throw UsageError("ERR_SHAPE", c10::str("expected room for ", tensor.nbytes(), " bytes, got ", bytes.size));
  if (bytes.size != 0) std::memcpy(bytes.data, tensor.const_data_ptr(), bytes.size);
  checkMappedFiles();
  return info.Env().Undefined();
}

// discard(bytes): detaches the buffer that the bytes are all of, so that V8 counts them no more and collects less often; their memory is freed soon.
Napi::Value discard(Environment&, const Napi::CallbackInfo& info) {
  const Bytes bytes = bytesArgument(info[0]);
  Napi::ArrayBuffer buffer = info[0].As<Napi::TypedArray>().ArrayBuffer();
  if (buffer.ByteLength() != bytes.size) throw UsageError("ERR_ARGUMENT", "expected a typed array over the whole of its buffer");
  buffer.Detach();
  return info.Env().Undefined();
}

// Frame: tensor -> dtype, ndim, sizes...
void describe(Environment&, FrameReader& reader, FrameWriter& writer) {
  const at::Tensor tensor = reader.tensor();
  writer.number(static_cast<double>(tensor.scalar_type()));
  const at::IntArrayRef sizes = tensor.sizes();
  writer.number(static_cast<double>(sizes.size()));
  for (const int64_t size : sizes) writer.number(static_cast<double>(size));
}

Napi::Value deviceOf(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), environment.tensor(handleArgument(info, 0)).device().str());
}

Napi::Value layoutOf(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<int>(environment.tensor(handleArgument(info, 0)).layout()));
}

Napi::Value stridesOf(Environment& environment, const Napi::CallbackInfo& info) {
  const at::IntArrayRef strides = environment.tensor(handleArgument(info, 0)).strides();
  Napi::Array result = Napi::Array::New(info.Env(), strides.size());
  for (uint32_t i = 0; i < strides.size(); ++i) result.Set(i, static_cast<double>(strides[i]));
  return result;
}

// release(handle): false when it was released before.
Napi::Value release(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), environment.release(handleArgument(info, 0)));
}

// Frame: count, handles... Stale ones are passed over.
void releaseAll(Environment& environment, FrameReader& reader, FrameWriter&) {
  const double count = reader.number();
  for (double i = 0; i < count; ++i) environment.release(reader.number());
}

Napi::Value releaseGenerator(Environment& environment, const Napi::CallbackInfo& info) {
  at::Generator generator;
  return Napi::Boolean::New(info.Env(), environment.generators.release(handleArgument(info, 0), generator));
}

}  // namespace

void registerTensorData(Napi::Object exports, Environment& environment) {
  addEntry(exports, environment, "fromBytes", guardedEntry<fromBytes>);
  addEntry(exports, environment, "discard", guardedEntry<discard>);
  addEntry(exports, environment, "mapFile", guardedEntry<mapFile>);
  addEntry(exports, environment, "copyBytes", guardedEntry<copyBytes>);
  addEntry(exports, environment, "copyInto", guardedEntry<copyInto>);
  addEntry(exports, environment, "describe", guardedFrameEntry<describe>);
  addEntry(exports, environment, "deviceOf", guardedEntry<deviceOf>);
  addEntry(exports, environment, "layoutOf", guardedEntry<layoutOf>);
  addEntry(exports, environment, "stridesOf", guardedEntry<stridesOf>);
  addEntry(exports, environment, "release", guardedEntry<release>);
  addEntry(exports, environment, "releaseAll", guardedFrameEntry<releaseAll>);
  addEntry(exports, environment, "releaseGenerator", guardedEntry<releaseGenerator>);
}

}  // namespace dgsam
