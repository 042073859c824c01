#include "dispatch.h"

#include <c10/util/ScopeExit.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <algorithm>

#include "guards.h"
#include "operator_call.h"

namespace dgsam {
namespace {

Napi::Object describeType(Napi::Env env, const ValueType& type) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("kind", static_cast<int>(type.kind));
  result.Set("optional", type.optional);
  result.Set("size", type.size);
  result.Set("text", type.text);
  if (type.element) result.Set("element", describeType(env, *type.element));
  return result;
}

Napi::Object describe(Napi::Env env, const BoundOperator& bound, size_t index) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("index", static_cast<double>(index));
  result.Set("name", bound.name);
  result.Set("schema", c10::toString(bound.handle.schema()));
  Napi::Array arguments = Napi::Array::New(env, bound.arguments.size());
  for (uint32_t i = 0; i < bound.arguments.size(); ++i) {
    const BoundArgument& argument = bound.arguments[i];
    Napi::Object each = Napi::Object::New(env);
    each.Set("name", argument.name);
    each.Set("type", describeType(env, argument.type));
    each.Set("keywordOnly", argument.keywordOnly);
    each.Set("written", argument.written);
    each.Set("hasDefault", argument.hasDefault);
    each.Set("defaultText", argument.defaultText);
    arguments.Set(i, each);
  }
  result.Set("arguments", arguments);
  Napi::Array returns = Napi::Array::New(env, bound.returns.size());
  for (uint32_t i = 0; i < bound.returns.size(); ++i) {
    Napi::Object each = Napi::Object::New(env);
    each.Set("type", describeType(env, bound.returns[i].type));
    each.Set("aliasedArgument", bound.returns[i].aliasedArgument);
    returns.Set(i, each);
  }
  result.Set("returns", returns);
  return result;
}

// overloads("aten", "add"): the overloads of a packet in the order in which PyTorch's own packets try them.
Napi::Value overloads(Environment& environment, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string qualified = stringArgument(info, 0) + "::" + stringArgument(info, 1);
  Napi::Array result = Napi::Array::New(env);
  uint32_t count = 0;
  for (const auto& candidate : torch::jit::getAllSortedOperatorsFor(c10::Symbol::fromQualString(qualified))) {
    if (!candidate->isC10Op()) continue;
    const auto handle = c10::Dispatcher::singleton().findSchema(candidate->schema().operator_name());
    if (!handle) continue;
    const size_t index = environment.bind(*handle);
    result.Set(count++, describe(env, *environment.operators[index], index));
  }
  return result;
}

// operatorNames("aten"): [[name, hasCpuOrCompositeKernel], ...], with overloads as "NAME.OVERLOAD", sorted.
Napi::Value operatorNames(Environment&, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string prefix = stringArgument(info, 0) + "::";
  std::vector<std::pair<std::string, bool>> names;
  for (const c10::OperatorName& name : c10::Dispatcher::singleton().getAllOpNames()) {
    if (name.name.compare(0, prefix.size(), prefix) != 0) continue;
    const auto handle = c10::Dispatcher::singleton().findSchema(name);
    if (!handle) continue;
    const bool callable = handle->hasKernelForDispatchKey(c10::DispatchKey::CPU) ||
                          handle->hasKernelForDispatchKey(c10::DispatchKey::CompositeImplicitAutograd) ||
                          handle->hasKernelForDispatchKey(c10::DispatchKey::CompositeExplicitAutograd) ||
                          handle->hasKernelForDispatchKey(c10::DispatchKey::CompositeExplicitAutogradNonFunctional) ||
                          handle->hasKernelForDispatchKey(c10::DispatchKey::CompositeImplicitAutogradNestedTensor);
    names.emplace_back(name.name.substr(prefix.size()) + "." + (name.overload_name.empty() ? "default" : name.overload_name),
                       callable);
  }
  std::sort(names.begin(), names.end());
  Napi::Array result = Napi::Array::New(env, names.size());
  for (uint32_t i = 0; i < names.size(); ++i) {
    Napi::Array pair = Napi::Array::New(env, 2);
    pair.Set(0u, names[i].first);
    pair.Set(1u, names[i].second);
    result.Set(i, pair);
  }
  return result;
}

// guards(): [[operators, requirement], ...], for the documentation.
Napi::Value guardTable(Environment&, const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array result = Napi::Array::New(env, guards().size());
  for (uint32_t i = 0; i < guards().size(); ++i) {
    Napi::Array pair = Napi::Array::New(env, 2);
    pair.Set(0u, guards()[i].operators);
    pair.Set(1u, guards()[i].requirement);
    result.Set(i, pair);
  }
  return result;
}

// setFrame(Float64Array): the memory through which call() and the other frame entries take and give values.
Napi::Value setFrame(Environment& environment, const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array)
    throw UsageError("ERR_ARGUMENT", "expected a Float64Array");
  const Napi::Float64Array frame = info[0].As<Napi::Float64Array>();
  environment.frameReference = Napi::Persistent(frame.As<Napi::TypedArray>());
  environment.frame = environment.frameReference.Value().As<Napi::Float64Array>().Data();
  environment.frameLength = frame.ElementLength();
  return info.Env().Undefined();
}

// Frame: a call (operator_call.h) -> the number of results, one value each.
void call(Environment& environment, FrameReader& reader, FrameWriter& writer) {
  torch::jit::Stack& stack = environment.stack;
  // Also when the call throws: what stays on the stack would stay in memory.
  const auto clearStack = c10::make_scope_exit([&stack] { stack.clear(); });
  const OperatorCall operatorCall(environment, reader, stack);
  environment.mayRunAgain = operatorCall.bound().repeats;
  operatorCall.run(stack);
  const std::vector<BoundReturn>& returns = operatorCall.bound().returns;
  writer.number(static_cast<double>(stack.size()));
  for (size_t i = 0; i < stack.size(); ++i) {
    const int aliased = i < returns.size() ? returns[i].aliasedArgument : -1;
    if (operatorCall.isReturnable(aliased)) {
      writer.tag(Tag::Argument);
      writer.number(aliased);
    } else if (stack[i].isTensor()) {
      writer.tensor(std::move(stack[i]).toTensor());
    } else {
      writer.value(stack[i]);
    }
  }
}

}  // namespace

void registerDispatch(Napi::Object exports, Environment& environment) {
  addEntry(exports, environment, "overloads", guardedEntry<overloads>);
  addEntry(exports, environment, "operatorNames", guardedEntry<operatorNames>);
  addEntry(exports, environment, "guards", guardedEntry<guardTable>);
  addEntry(exports, environment, "setFrame", guardedEntry<setFrame>);
  addEntry(exports, environment, "call", guardedFrameEntry<call>);
}

}  // namespace dgsam
