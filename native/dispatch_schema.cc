#include "dispatch_schema.h"

#include <algorithm>
#include <sstream>

#include "capture/operators.h"
#include "guards.h"

namespace dgsam {
namespace {

Kind kindOf(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType: return Kind::Tensor;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType: return Kind::Int;
    case c10::TypeKind::FloatType:
    case c10::TypeKind::SymFloatType: return Kind::Float;
    case c10::TypeKind::NumberType: return Kind::Scalar;
    case c10::TypeKind::BoolType:
    case c10::TypeKind::SymBoolType: return Kind::Bool;
    case c10::TypeKind::StringType: return Kind::String;
    case c10::TypeKind::ScalarTypeType: return Kind::ScalarType;
    case c10::TypeKind::LayoutType: return Kind::Layout;
    case c10::TypeKind::MemoryFormatType: return Kind::MemoryFormat;
    case c10::TypeKind::QSchemeType: return Kind::QScheme;
    case c10::TypeKind::DeviceObjType: return Kind::Device;
    case c10::TypeKind::GeneratorType: return Kind::Generator;
    case c10::TypeKind::ListType: return Kind::List;
    case c10::TypeKind::ComplexType: return Kind::Complex;
    default: return Kind::Unsupported;
  }
}

ValueType valueType(const c10::Type& type, std::optional<int32_t> size) {
  if (const auto* optional = type.castRaw<c10::OptionalType>()) {
    ValueType inner = valueType(*optional->getElementType(), size);
    inner.optional = true;
    inner.text += "?";
    return inner;
  }
  ValueType result;
  result.kind = kindOf(type);
  if (result.kind == Kind::List) {
    result.element = std::make_unique<ValueType>(valueType(*type.castRaw<c10::ListType>()->getElementType(), std::nullopt));
    result.size = size.value_or(0);
    result.text = result.element->text + (size ? "[" + std::to_string(*size) + "]" : "[]");
  } else {
    result.text = type.str();
  }
  return result;
}

std::string defaultText(const c10::Argument& argument) {
  std::ostringstream text;
  const c10::IValue& value = *argument.default_value();
  if (value.isString())
    text << '"' << value.toStringRef() << '"';
  else
    text << value;
  return text.str();
}

int aliasedArgument(const c10::FunctionSchema& schema, const c10::Argument& result) {
  const c10::AliasInfo* returned = result.alias_info();
  if (returned == nullptr || !returned->isWrite()) return -1;
  for (size_t i = 0; i < schema.arguments().size(); ++i) {
    const c10::AliasInfo* alias = schema.arguments()[i].alias_info();
    if (alias != nullptr && alias->isWrite() && alias->beforeSets() == returned->beforeSets()) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

BoundOperator::BoundOperator(c10::OperatorHandle operatorHandle) : handle(std::move(operatorHandle)) {
  const c10::FunctionSchema& schema = handle.schema();
  name = schema.name() + "." + (schema.overload_name().empty() ? "default" : schema.overload_name());
  for (const c10::Argument& argument : schema.arguments()) {
    BoundArgument bound;
    bound.name = argument.name();
    // The real type tells a ScalarType from the int that carries it.
    bound.type = valueType(*argument.real_type(), argument.N());
    bound.keywordOnly = argument.kwarg_only();
    bound.written = argument.alias_info() != nullptr && argument.alias_info()->isWrite();
    if (argument.default_value()) {
      bound.hasDefault = true;
      bound.defaultValue = *argument.default_value();
      bound.defaultText = defaultText(argument);
    }
    arguments.push_back(std::move(bound));
  }
  for (const c10::Argument& result : schema.returns()) {
    BoundReturn bound;
    bound.type = valueType(*result.real_type(), result.N());
    bound.aliasedArgument = aliasedArgument(schema, result);
    returns.push_back(std::move(bound));
  }
  guard = findGuard(name);
  isChecked = name.rfind("aten::", 0) == 0 || name.rfind("dgsam::", 0) == 0;
  // What returns nothing is called for what it does.
  const bool writes = std::any_of(arguments.begin(), arguments.end(), [](const BoundArgument& argument) { return argument.written; });
  repeats = !writes && !returns.empty() && !capture::drawsRandomNumbers(handle) && !capture::mayWriteInSilence(handle);
}

}  // namespace dgsam
