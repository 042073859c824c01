#include "scripts.h"

#include <unordered_map>

#include "script.h"
#include "script_values.h"

namespace dgsam {
namespace {

// loadScript(archive, device): the bytes of a file of torch.jit.save in a uint8 tensor -> script.
Napi::Value loadScript(Environment& environment, const Napi::CallbackInfo& info) {
  static const std::string name = "loadTorchScript";
  environment.subject = &name;
  const at::Tensor archive = environment.tensor(handleArgument(info, 0));
  const c10::Device device(stringArgument(info, 1));
  if (!archive.is_cpu() || archive.layout() != at::kStrided || archive.scalar_type() != at::kByte || !archive.is_contiguous())
    throw UsageError("ERR_ARGUMENT", "expected the archive's bytes as a contiguous uint8 tensor on the CPU");
  if (device.is_meta()) throw UsageError("ERR_DEVICE", "a script cannot be loaded onto the meta device");
  // Refuses a device that there is not: LibTorch's own reader says so later and less plainly.
  at::empty({0}, at::TensorOptions().device(device));
  return Napi::Number::New(info.Env(), environment.scripts.insert(std::make_shared<Script>(archive, device)));
}

// By name; a tensor that is there twice has one handle.
Napi::Array handlesOf(Environment& environment, Napi::Env env, const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                      std::unordered_map<const void*, Handle>& handles) {
  Napi::Array result = Napi::Array::New(env);
  for (const auto& [name, tensor] : tensors) {
    const auto [found, isNew] = handles.try_emplace(tensor.unsafeGetTensorImpl(), 0);
    if (isNew) found->second = environment.hold(tensor);
    Napi::Array pair = Napi::Array::New(env, 2);
    pair.Set(0u, name);
    pair.Set(1u, found->second);
    result.Set(result.Length(), pair);
  }
  return result;
}

// scriptModules(script): NativeScriptModule[] (lib/native.ts), with new handles to its tensors.
Napi::Value scriptModules(Environment& environment, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<Script> script = environment.scripts.at(handleArgument(info, 0));
  std::unordered_map<const void*, Handle> handles;
  Napi::Array result = Napi::Array::New(env);
  for (const ScriptNode& node : script->nodes()) {
    Napi::Object each = Napi::Object::New(env);
    const std::optional<c10::QualifiedName>& type = node.module.type()->name();
    each.Set("type", type.has_value() ? type->name() : "");
    each.Set("hasMode", Script::hasMode(node));
    each.Set("training", Script::isTraining(node));
    Napi::Array children = Napi::Array::New(env);
    for (const auto& [name, place] : node.children) {
      Napi::Array pair = Napi::Array::New(env, 2);
      pair.Set(0u, name);
      pair.Set(1u, static_cast<double>(place));
      children.Set(children.Length(), pair);
    }
    each.Set("children", children);
    each.Set("parameters", handlesOf(environment, env, node.parameters, handles));
    each.Set("buffers", handlesOf(environment, env, node.buffers, handles));
    result.Set(result.Length(), each);
  }
  return result;
}

// setScriptMode(script, module, mode): of one module in it; 1 for training, 2 for holding running statistics, 3 for both.
Napi::Value setScriptMode(Environment& environment, const Napi::CallbackInfo& info) {
  const std::shared_ptr<Script>& script = environment.scripts.at(handleArgument(info, 0));
  const int mode = integerArgument(info, 2, "a mode", 0, 3);
  script->setMode(handleArgument(info, 1), (mode & 1) != 0, (mode & 2) != 0);
  return info.Env().Undefined();
}

// releaseScript(script): false when it was released before. Tensors that were handed out live on.
Napi::Value releaseScript(Environment& environment, const Napi::CallbackInfo& info) {
  std::shared_ptr<Script> script;
  return Napi::Boolean::New(info.Env(), environment.scripts.release(handleArgument(info, 0), script));
}

// Frame: script, module, number of inputs, the inputs -> what the module's forward gives.
void runScript(Environment& environment, FrameReader& reader, FrameWriter& writer) {
  static const std::string name = "ScriptModule.forward";
  environment.subject = &name;
  const std::shared_ptr<Script> script = environment.scripts.at(reader.number());
  const ScriptNode& node = script->node(reader.number());
  const std::optional<torch::jit::Method> method = node.module.find_method("forward");
  if (!method.has_value()) throw UsageError("ERR_STATE", "this module of the script has no forward");
  const std::vector<c10::Argument>& arguments = method->function().getSchema().arguments();
  // The first argument is the module.
  const double given = reader.number();
  if (!(given >= 0) || given > static_cast<double>(arguments.size() - 1))
    throw UsageError("ERR_ARGUMENT", "expected at most " + std::to_string(arguments.size() - 1) + " inputs, as of " + c10::toString(method->function().getSchema()));
  std::vector<c10::IValue> inputs;
  for (size_t i = 1; static_cast<double>(i) <= given; ++i) {
    try {
      inputs.push_back(readScriptValue(reader, arguments[i].type()));
    } catch (const UsageError& error) {
      throw UsageError(error.code(), "input '" + arguments[i].name() + "': " + error.what());
    }
  }
  writer.value(script->run(*method, std::move(inputs)));
}

}  // namespace

void registerScripts(Napi::Object exports, Environment& environment) {
  addEntry(exports, environment, "loadScript", guardedEntry<loadScript>);
  addEntry(exports, environment, "scriptModules", guardedEntry<scriptModules>);
  addEntry(exports, environment, "setScriptMode", guardedEntry<setScriptMode>);
  addEntry(exports, environment, "releaseScript", guardedEntry<releaseScript>);
  addEntry(exports, environment, "runScript", guardedFrameEntry<runScript>);
}

}  // namespace dgsam
