// Watches the dispatcher while a function of tensors runs, and writes down the calls that reach the kernels.
//
// A boxed fallback on a dispatch key below autograd and above the backends sees every call, whether JavaScript, LibTorch's
// own functions or its autograd make it; what a kernel calls in turn is not seen. Tensors are recognised by their identity
// and, since autograd copies tensors without the dispatcher, by the memory that they lie in. What cannot be made again
// without JavaScript, a value that is read or a tensor of unknown origin, refuses the recording with a reason; the function
// then runs as if nobody watched.
#pragma once

#include <c10/core/StorageImpl.h>
#include <c10/core/TensorImpl.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <c10/util/intrusive_ptr.h>

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "../handles.h"
#include "geometry.h"
#include "tape.h"

namespace dgsam {
struct HeldTensor;
}

namespace dgsam::capture {

// Below autograd and above the backends.
constexpr c10::DispatchKey kRecordingKey = c10::DispatchKey::Fake;

// Whether its fallback is ours.
bool canRecord();

class Recorder {
 public:
  // The inputs are what the function is called with: tensors of their own over the memory of the caller's. Of all tensors
  // that live now, in `alive`, the function may use any.
  Recorder(const std::vector<at::Tensor>& inputs, const HandleTable<HeldTensor>& alive);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // The one of this thread, null when nobody records. It hears of calls between start() and stop().
  static Recorder* active();
  void start();
  void stop();

  // Gives up: the first reason stays.
  void refuse(const std::string& reason);
  const std::optional<std::string>& refusal() const { return refusal_; }

  // JavaScript made a tensor of its own values.
  void noteMade(const at::Tensor& tensor);
  // Whether the function made it, of whatever.
  bool isOwn(const at::Tensor& tensor) const;
  // Which input it is.
  std::optional<size_t> inputOf(const at::Tensor& tensor) const;
  void record(const c10::OperatorHandle& handle, c10::DispatchKeySet keys, torch::jit::Stack& stack);

  // Ends the recording of the function; those outputs that have a history are differentiated, which is recorded, too.
  // Nothing when the recording was refused. The outputs of the tape are those that isOwn() holds of.
  std::optional<Tape> finish(const std::vector<at::Tensor>& outputs);

 private:
  // Held weakly: nothing else may come to lie at its address meanwhile, but its memory is free.
  using WeakTensor = c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;
  using WeakStorage = c10::weak_intrusive_ptr<c10::StorageImpl>;

  Slot add(Origin origin, const at::Tensor& tensor, uint32_t memory);
  void know(const at::Tensor& tensor, Slot slot);
  uint32_t memoryOf(const at::Tensor& tensor);
  // The slot of an argument.
  Slot find(const at::Tensor& tensor);
  Slot findInMemory(const at::Tensor& tensor, uint32_t memory);
  Slot addExternal(const at::Tensor& tensor);
  Slot addConstant(const at::Tensor& tensor);
  Slot restride(Slot base, const at::Tensor& tensor);
  Place argument(const c10::IValue& value);
  Place result(const c10::OperatorHandle& handle, const c10::IValue& value);
  Slot resultSlot(const at::Tensor& tensor);
  void noteWritten(Call& call, const torch::jit::Stack& arguments);
  void recheckWritten(const Call& call, const torch::jit::Stack& arguments);
  void noteView(Call& call) const;
  bool isAlive(const at::Tensor& tensor) const;
  void checkWritten();
  void checkOutputs(const std::vector<at::Tensor>& outputs);
  void findLeaves(const std::vector<at::Tensor>& outputs);
  void differentiate(const std::vector<at::Tensor>& outputs);
  void differentiate(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& seeds, unsigned chosen);

  const std::vector<at::Tensor> inputs_;
  Tape tape_;
  std::vector<Call>* calls_;
  std::optional<std::string> refusal_;
  std::vector<Geometry> geometries_;
  std::unordered_map<const c10::TensorImpl*, Slot> slots_;
  std::unordered_map<const c10::StorageImpl*, uint32_t> memories_;
  std::vector<std::vector<Slot>> slotsInMemory_;
  std::vector<WeakTensor> heldTensors_;
  std::vector<WeakStorage> heldStorages_;
  // What lived when the recording began, by its memory.
  std::unordered_map<const c10::StorageImpl*, std::vector<WeakTensor>> alive_;
};

// Something happens that a tape cannot do again; nothing when nobody records.
void refuseRecording(const std::string& what);

// JavaScript calls an operator, by its full name "aten::add.Tensor", while this lives. A refusal names it.
class CalledOperator {
 public:
  explicit CalledOperator(const std::string& name);
  ~CalledOperator();
  CalledOperator(const CalledOperator&) = delete;
  CalledOperator& operator=(const CalledOperator&) = delete;
};

// The same, unless the function that is recorded made the tensor.
void refuseRecordingOf(const at::Tensor& tensor, const std::string& what);

// Something makes a tensor that a tape keeps as it is: what is called while this lives is not recorded.
class MakingConstant {
 public:
  at::Tensor made(at::Tensor tensor) const;

 private:
  const c10::impl::ExcludeDispatchKeyGuard unseen_{kRecordingKey};
};

}  // namespace dgsam::capture
