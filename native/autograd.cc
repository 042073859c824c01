#include "autograd.h"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <cmath>

#include "autograd_pass.h"
#include "capture/recorder.h"
#include "gradients.h"
#include "mapped_file.h"

namespace dgsam {
namespace {

std::string dtypeName(const at::Tensor& tensor) { return std::string(c10::getDtypeNames(tensor.scalar_type()).first); }

// Frame: outputs, gradOutputs, retainGraph, createGraph, inputs (an empty list for all leaves).
void backward(Environment& environment, FrameReader& reader, FrameWriter&) {
  capture::refuseRecording("it calls backward()");
  static const std::string name = "backward";
  environment.subject = &name;
  const std::vector<at::Tensor> outputs = reader.tensors();
  const std::vector<at::Tensor> gradOutputs = reader.tensorsOrUndefined();
  const bool retainGraph = reader.boolean();
  const bool createGraph = reader.boolean();
  const std::vector<at::Tensor> inputs = reader.tensors();
  runPass([&] { torch::autograd::backward(outputs, gradOutputs, retainGraph, createGraph, inputs); });
  checkMappedFiles();
}

// Frame: a loss, parameters, a weight, the stamp of the gradients before the loss was computed, whether to look at the
// gradients, whether to read the loss -> whether it was differentiated, its value if it was read, the stamp now, the norm of all
// gradients if they were looked at, and the loss without its history if it was not read. It is differentiated when it is a real scalar, finite if it is read, that requires a gradient
// and nothing else was differentiated since. One call, since steps make it several times.
void differentiate(Environment&, FrameReader& reader, FrameWriter& writer) {
  capture::refuseRecording("it differentiates a loss of a training step");
  const at::Tensor loss = reader.tensor();
  const std::vector<at::Tensor> parameters = reader.tensors();
  const double weight = reader.number();
  const double stamp = reader.number();
  const bool looks = reader.number() != 0;
  const bool reads = reader.number() != 0;
  const bool differentiable = loss.layout() == at::kStrided && loss.is_floating_point() && loss.numel() == 1 && loss.requires_grad() &&
                              stampOf(parameters) == stamp;
  const double value = differentiable && reads ? valueOf(loss) : 0;
  const bool done = differentiable && std::isfinite(value);
  if (done) runPass([&] { torch::autograd::backward({loss}, {weight == 1 ? at::Tensor() : scalarLike(loss, weight)}, false, false, {}); });
  checkMappedFiles();
  writer.number(done ? 1 : 0);
  writer.number(value);
  writer.number(done ? stampOf(parameters) : stamp);
  writer.number(done && looks ? gradientNorm(parameters) : 0);
  if (done && !reads) writer.tensor(loss.detach());
}

// Frame: outputs, inputs, gradOutputs, retainGraph, createGraph, allowUnused -> gradients, None where unused.
void grad(Environment& environment, FrameReader& reader, FrameWriter& writer) {
  static const std::string name = "grad";
  environment.subject = &name;
  const std::vector<at::Tensor> outputs = reader.tensors();
  const std::vector<at::Tensor> inputs = reader.tensors();
  const std::vector<at::Tensor> gradOutputs = reader.tensorsOrUndefined();
  const bool retainGraph = reader.boolean();
  const bool createGraph = reader.boolean();
  const bool allowUnused = reader.boolean();
  const std::vector<at::Tensor> gradients = runPass([&] { return torch::autograd::grad(outputs, inputs, gradOutputs, retainGraph, createGraph, allowUnused); });
  checkMappedFiles();
  writer.tensors(gradients);
}

// Frame: tensors -> their gradients, None where there is none.
void grads(Environment&, FrameReader& reader, FrameWriter& writer) {
  capture::refuseRecording("it reads the grad of tensors");
  std::vector<at::Tensor> result = reader.tensors();
  for (at::Tensor& each : result) each = at::Tensor(each.grad());
  writer.tensors(result);
}

// Frame: tensors -> the stamp of their gradients.
void gradientStamp(Environment&, FrameReader& reader, FrameWriter& writer) { writer.number(stampOf(reader.tensors())); }

// Frame: tensors, gradients (None clears). All are checked before one is set.
void setGrads(Environment&, FrameReader& reader, FrameWriter&) {
  capture::refuseRecording("it sets the grad of tensors");
  const std::vector<at::Tensor> tensors = reader.tensors();
  const std::vector<at::Tensor> gradients = reader.tensorsOrUndefined();
  if (tensors.size() != gradients.size())
    throw UsageError("ERR_ARGUMENT", "expected as many gradients as tensors");
  for (size_t i = 0; i < tensors.size(); ++i) {
    const at::Tensor& tensor = tensors[i];
    const at::Tensor& gradient = gradients[i];
    if (gradient.defined()) {
      if (!gradient.sizes().equals(tensor.sizes()))
        throw UsageError("ERR_SHAPE", c10::str("expected a gradient of shape ", tensor.sizes(), " as its tensor's, got ",
                                               gradient.sizes()));
      if (gradient.scalar_type() != tensor.scalar_type())
        throw UsageError("ERR_DTYPE", c10::str("expected a gradient of dtype ", dtypeName(tensor), " as its tensor's, got ",
                                               dtypeName(gradient)));
      if (gradient.device() != tensor.device())
        throw UsageError("ERR_DEVICE", c10::str("expected a gradient on ", tensor.device(), " as its tensor, got one on ",
                                                gradient.device()));
      if (gradient.is_same(tensor)) throw UsageError("ERR_ARGUMENT", "a tensor cannot be its own gradient");
    }
  }
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i].mutable_grad() = gradients[i];
}

// Frame: tensors. Drops their gradients, or fills them with zeros where the second value is true.
void zeroGrads(Environment&, FrameReader& reader, FrameWriter&) {
  capture::refuseRecording("it clears the grad of tensors");
  const std::vector<at::Tensor> tensors = reader.tensors();
  const bool fill = reader.boolean();
  for (const at::Tensor& tensor : tensors) {
    at::Tensor& gradient = tensor.mutable_grad();
    if (!gradient.defined()) continue;
    if (fill) {
      if (gradient.grad_fn()) gradient.detach_(); else gradient.requires_grad_(false);
      gradient.zero_();
    } else {
      gradient.reset();
    }
  }
}

Napi::Value handleFlag(Environment& environment, const Napi::CallbackInfo& info, bool (*read)(const at::Tensor&)) {
  return Napi::Boolean::New(info.Env(), read(environment.tensor(handleArgument(info, 0))));
}

Napi::Value requiresGrad(Environment& environment, const Napi::CallbackInfo& info) {
  return handleFlag(environment, info, [](const at::Tensor& tensor) { return tensor.requires_grad(); });
}

Napi::Value isLeaf(Environment& environment, const Napi::CallbackInfo& info) {
  return handleFlag(environment, info, [](const at::Tensor& tensor) { return tensor.is_leaf(); });
}

Napi::Value isInference(Environment& environment, const Napi::CallbackInfo& info) {
  return handleFlag(environment, info, [](const at::Tensor& tensor) { return tensor.is_inference(); });
}

// gradFunctionName(handle): "AddBackward0", as Python names it; empty for a tensor without history.
Napi::Value gradFunctionName(Environment& environment, const Napi::CallbackInfo& info) {
  const at::Tensor tensor = environment.tensor(handleArgument(info, 0));
  std::string name;
  try {
    const auto& function = tensor.grad_fn();
    if (function) name = function->name();
  } catch (const c10::Error&) {
    // A view whose base was changed in place in a way that has no gradient.
    name = "Invalid";
  }
  const size_t scope = name.rfind("::");
  return Napi::String::New(info.Env(), scope == std::string::npos ? name : name.substr(scope + 2));
}

// Frame: tensor, flag.
void setRequiresGrad(Environment&, FrameReader& reader, FrameWriter&) {
  const at::Tensor tensor = reader.tensor();
  const bool flag = reader.boolean();
  capture::refuseRecordingOf(tensor, "it sets requiresGrad of a tensor from outside of the function");
  if (!tensor.is_leaf()) {
    if (!flag)
      throw UsageError("ERR_ARGUMENT", "requiresGrad can only be turned off on leaf tensors; use detach() on a computed one");
    return;  // it is true already
  }
  if (flag && !torch::autograd::isDifferentiableType(tensor.scalar_type()))
    throw UsageError("ERR_DTYPE", c10::str("expected a floating-point or complex dtype for a gradient, got ", dtypeName(tensor)));
  tensor.requires_grad_(flag);
}

// Frame: tensor. Makes backward() keep the gradient of a tensor that is not a leaf.
void retainGrad(Environment&, FrameReader& reader, FrameWriter&) {
  capture::refuseRecording("it calls retainGrad()");
  reader.tensor().retain_grad();
}

// Frame: tensor -> version counter.
void version(Environment&, FrameReader& reader, FrameWriter& writer) {
  const at::Tensor tensor = reader.tensor();
  if (tensor.is_inference()) throw UsageError("ERR_ARGUMENT", "tensors made in inferenceMode() have no version counter");
  writer.number(static_cast<double>(tensor._version()));
}

Napi::Value setGradMode(Environment&, const Napi::CallbackInfo& info) {
  const bool before = at::GradMode::is_enabled();
  at::GradMode::set_enabled(info[0].ToBoolean());
  return Napi::Boolean::New(info.Env(), before);
}

Napi::Value gradMode(Environment&, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), at::GradMode::is_enabled());
}

Napi::Value enterInferenceMode(Environment& environment, const Napi::CallbackInfo& info) {
  environment.inferenceModes.push_back(std::make_unique<c10::InferenceMode>(true));
  return info.Env().Undefined();
}

Napi::Value leaveInferenceMode(Environment& environment, const Napi::CallbackInfo& info) {
  if (!environment.inferenceModes.empty()) environment.inferenceModes.pop_back();
  return info.Env().Undefined();
}

}  // namespace

void registerAutograd(Napi::Object exports, Environment& environment) {
  addEntry(exports, environment, "backward", guardedFrameEntry<backward>);
  addEntry(exports, environment, "differentiate", guardedFrameEntry<differentiate>);
  addEntry(exports, environment, "grad", guardedFrameEntry<grad>);
  addEntry(exports, environment, "grads", guardedFrameEntry<grads>);
  addEntry(exports, environment, "gradientStamp", guardedFrameEntry<gradientStamp>);
  addEntry(exports, environment, "setGrads", guardedFrameEntry<setGrads>);
  addEntry(exports, environment, "zeroGrads", guardedFrameEntry<zeroGrads>);
  addEntry(exports, environment, "requiresGrad", guardedEntry<requiresGrad>);
  addEntry(exports, environment, "isLeaf", guardedEntry<isLeaf>);
  addEntry(exports, environment, "isInference", guardedEntry<isInference>);
  addEntry(exports, environment, "gradFunctionName", guardedEntry<gradFunctionName>);
  addEntry(exports, environment, "setRequiresGrad", guardedFrameEntry<setRequiresGrad>);
  addEntry(exports, environment, "retainGrad", guardedFrameEntry<retainGrad>);
  addEntry(exports, environment, "version", guardedFrameEntry<version>);
  addEntry(exports, environment, "setGradMode", guardedEntry<setGradMode>);
  addEntry(exports, environment, "gradMode", guardedEntry<gradMode>);
  addEntry(exports, environment, "enterInferenceMode", guardedEntry<enterInferenceMode>);
  addEntry(exports, environment, "leaveInferenceMode", guardedEntry<leaveInferenceMode>);
}

}  // namespace dgsam
