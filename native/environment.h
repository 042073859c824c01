// Everything the addon owns for one copy of the package in one Node environment (the main thread or a worker).
//
// Made when the copy opens the addon, deleted when Node ends the environment; only its own thread uses it.
// No static JavaScript reference exists anywhere: that is what breaks addons in worker threads.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>
#include <c10/core/InferenceMode.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "autocast.h"
#include "capture/program.h"
#include "capture/recorder.h"
#include "dispatch_schema.h"
#include "handles.h"
#include "napi_setup.h"

namespace dgsam {

class Script;
class StepGraph;

// A tensor that JavaScript holds, and the storage it was counted under (null when too small to count, or a scope's).
struct HeldTensor {
  at::Tensor tensor;
  const void* storage = nullptr;
};

// A stream that is the current one while this lives (streams.cc).
class EnteredStream {
 public:
  explicit EnteredStream(const c10::Stream& stream);
  ~EnteredStream();
  EnteredStream(const EnteredStream&) = delete;
  EnteredStream& operator=(const EnteredStream&) = delete;

 private:
  c10::Device device_;
  c10::Stream stream_;
};

// The number of an environment in its handles, and the generation that its slots begin with.
struct EnvironmentId {
  unsigned number;
  uint32_t firstGeneration;
};

class Environment {
  const EnvironmentId id_;

 public:
  Environment(Napi::Env env, const Napi::Function& makeError, const Napi::Function& warn);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  // Puts a tensor into the table. Outside of synchronous scopes V8 hears of big storages in memory, the CPU's or a device's, each once however many
  // tensors share it; of a shared mapping of a file as of a small one.
  Handle hold(at::Tensor tensor);
  // A tensor that a scope was to free is left to the garbage collector.
  void leaveToCollector(Handle handle);
  const at::Tensor& tensor(Handle handle) { return tensors_.at(handle).tensor; }
  // False when the handle was released before.
  bool release(Handle handle);
  const HandleTable<HeldTensor>& tensors() const { return tensors_; }

  Napi::Env env() const { return env_; }

  HandleTable<at::Generator> generators;
  HandleTable<std::shared_ptr<capture::Program>> programs;
  HandleTable<std::shared_ptr<c10::Event>> events;
  HandleTable<std::shared_ptr<StepGraph>> graphs;
  HandleTable<std::shared_ptr<Script>> scripts;
  // Those that JavaScript knows, by the place it knows them by.
  std::vector<c10::Stream> streams;

  // While a function is recorded, with its inputs.
  std::unique_ptr<capture::Recorder> recorder;
  std::vector<at::Tensor> recorded;

  // Operators that JavaScript has looked up so far, by the index it knows them by.
  std::vector<std::unique_ptr<BoundOperator>> operators;
  // The index of an operator, the same each time it is looked up.
  size_t bind(const c10::OperatorHandle& handle);

  // The stack of the operator that runs, kept between calls for its memory.
  std::vector<c10::IValue> stack;

  // The call frame: a Float64Array that JavaScript and C++ share (see frame.h).
  double* frame = nullptr;
  size_t frameLength = 0;
  Napi::Reference<Napi::TypedArray> frameReference;

  // Whether a scope frees what is made now: a number that JavaScript writes.
  const int32_t* inScope = nullptr;
  Napi::Reference<Napi::TypedArray> inScopeReference;

  // Inference-mode guards in the order they were entered; JavaScript leaves them in reverse order.
  std::vector<std::unique_ptr<c10::InferenceMode>> inferenceModes;
  // Likewise.
  std::vector<std::unique_ptr<AutocastMode>> autocastModes;
  // Likewise.
  std::vector<std::unique_ptr<EnteredStream>> enteredStreams;

  // nativeError of lib/errors.ts: makes the DgsamError for a failure.
  Napi::FunctionReference makeError;
  // nativeWarning of lib/warnings.ts: shows a warning.
  Napi::FunctionReference warn;
  // collectGarbage of lib/tensor/garbage.ts: frees what nobody refers to.
  Napi::FunctionReference collect;
  // Whether the entry that runs has written nothing and drawn no random number that running it once more would repeat.
  bool mayRunAgain = false;
  // The operator or function that runs, for errors and warnings.
  const std::string* subject = nullptr;
  // A copy of it, where what it belongs to may be gone before the error is made.
  std::string keptSubject;

 private:
  void count(HeldTensor& held);
  void reportMemory(int64_t change);

  Napi::Env env_;
  std::unordered_map<c10::OperatorName, size_t> operatorIndices_;
  HandleTable<HeldTensor> tensors_;
  struct StorageUse {
    size_t tensors;
    int64_t bytes;
  };
  std::unordered_map<const void*, StorageUse> storages_;
  int64_t unreported_ = 0;
};

}  // namespace dgsam
