#include "script_values.h"

#include <ATen/core/Dict.h>

namespace dgsam {
namespace {

// Types nest as deep as the code that wrote them.
constexpr int kMaxDepth = 64;

[[noreturn]] void mismatch(const c10::Type& type) { throw UsageError("ERR_ARGUMENT", "expected a value of TorchScript's type " + type.repr_str()); }

c10::IValue read(FrameReader& reader, const c10::TypePtr& type, int depth);

// The number of elements of a list in the frame.
size_t listLength(FrameReader& reader, const c10::Type& type) {
  if (reader.tag() != Tag::List) mismatch(type);
  return reader.length();
}

c10::IValue readList(FrameReader& reader, const c10::ListType& type, int depth) {
  c10::impl::GenericList list(type.getElementType());
  const size_t count = listLength(reader, type);
  list.reserve(count);
  for (size_t i = 0; i < count; ++i) list.push_back(read(reader, type.getElementType(), depth));
  return list;
}

c10::IValue readTuple(FrameReader& reader, const c10::TypePtr& type, int depth) {
  const auto& tuple = type->expectRef<c10::TupleType>();
  if (listLength(reader, tuple) != tuple.elements().size()) mismatch(tuple);
  std::vector<c10::IValue> elements;
  for (const c10::TypePtr& element : tuple.elements()) elements.push_back(read(reader, element, depth));
  if (tuple.schema() != nullptr) return c10::ivalue::Tuple::createNamed(std::move(elements), type->cast<c10::TupleType>());
  return c10::ivalue::Tuple::create(std::move(elements));
}

c10::IValue readDict(FrameReader& reader, const c10::DictType& type, int depth) {
  if (reader.tag() != Tag::Dict) mismatch(type);
  c10::impl::GenericDict dict(type.getKeyType(), type.getValueType());
  const size_t count = reader.length();
  for (size_t i = 0; i < count; ++i) {
    const c10::IValue key = read(reader, type.getKeyType(), depth);
    dict.insert(key, read(reader, type.getValueType(), depth));
  }
  return dict;
}

c10::IValue read(FrameReader& reader, const c10::TypePtr& type, int depth) {
  if (depth == kMaxDepth) throw UsageError("ERR_ARGUMENT", "values are nested deeper than 64 levels");
  const Tag next = reader.peek();
  switch (type->kind()) {
    case c10::TypeKind::TensorType:
      if (next != Tag::Tensor) mismatch(*type);
      return reader.tensor();
    case c10::TypeKind::OptionalType:
      if (next != Tag::None) return read(reader, type->expectRef<c10::OptionalType>().getElementType(), depth + 1);
      [[fallthrough]];
    case c10::TypeKind::NoneType:
      if (reader.tag() != Tag::None) mismatch(*type);
      return {};
    case c10::TypeKind::BoolType:
      if (next != Tag::Bool) mismatch(*type);
      return reader.boolean();
    case c10::TypeKind::IntType:
      if (next != Tag::Int && next != Tag::BigInt) mismatch(*type);
      return reader.scalar(reader.tag());
    case c10::TypeKind::FloatType:
      if (next != Tag::Int && next != Tag::Double) mismatch(*type);
      return reader.scalar(reader.tag()).toDouble();
    case c10::TypeKind::ComplexType:
      return reader.scalar(reader.tag()).toComplexDouble();
    case c10::TypeKind::NumberType:
      return reader.scalar(reader.tag());
    case c10::TypeKind::StringType:
    case c10::TypeKind::DeviceObjType:
      if (reader.tag() != Tag::String) mismatch(*type);
      if (type->kind() == c10::TypeKind::StringType) return reader.string();
      return c10::Device(reader.string());
    case c10::TypeKind::ListType: return readList(reader, type->expectRef<c10::ListType>(), depth + 1);
    case c10::TypeKind::TupleType: return readTuple(reader, type, depth + 1);
    case c10::TypeKind::DictType: return readDict(reader, type->expectRef<c10::DictType>(), depth + 1);
    default: throw UsageError("ERR_ARGUMENT", "values of TorchScript's type " + type->repr_str() + " cannot be made in JavaScript");
  }
}

}  // namespace

c10::IValue readScriptValue(FrameReader& reader, const c10::TypePtr& type) { return read(reader, type, 0); }

}  // namespace dgsam
