#include "frame.h"

#include <ATen/ScalarOps.h>
#include <ATen/core/Dict.h>
#include <c10/core/Layout.h>
#include <c10/core/MemoryFormat.h>
#include <c10/core/QScheme.h>
#include <c10/core/ScalarType.h>

#include <cmath>
#include <cstring>

namespace dgsam {
namespace {

constexpr double kMaxSafeInteger = 9007199254740991.0;

[[noreturn]] void mismatch(const std::string& expected) {
  throw UsageError("ERR_ARGUMENT", "expected " + expected);
}

std::string toUtf8(const std::u16string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    uint32_t point = text[i];
    if (point >= 0xD800 && point < 0xDC00 && i + 1 < text.size() && text[i + 1] >= 0xDC00 && text[i + 1] < 0xE000)
      point = 0x10000 + ((point - 0xD800) << 10) + (text[++i] - 0xDC00);
    if (point < 0x80) {
      out += static_cast<char>(point);
    } else if (point < 0x800) {
      out += static_cast<char>(0xC0 | (point >> 6));
      out += static_cast<char>(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
      out += static_cast<char>(0xE0 | (point >> 12));
      out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (point & 0x3F));
    } else {
      out += static_cast<char>(0xF0 | (point >> 18));
      out += static_cast<char>(0x80 | ((point >> 12) & 0x3F));
      out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (point & 0x3F));
    }
  }
  return out;
}

// What is no UTF-8 becomes U+FFFD, a byte each.
std::u16string toUtf16(const std::string& text) {
  std::u16string out;
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u; };
    const uint32_t first = byte(i);
    const size_t more = first < 0x80 ? 0 : first >= 0xC2 && first < 0xE0 ? 1 : first >= 0xE0 && first < 0xF0 ? 2 : first >= 0xF0 && first < 0xF5 ? 3 : 4;
    uint32_t point = more == 0 ? first : first & (0x3F >> more);
    size_t seen = 0;
    while (seen < more && more < 4 && (byte(i + seen + 1) & 0xC0) == 0x80) point = point << 6 | (byte(i + ++seen) & 0x3F);
    const bool isWhole = more < 4 && seen == more && !(point >= 0xD800 && point < 0xE000) && point < 0x110000;
    i += isWhole ? more + 1 : 1;
    if (!isWhole) {
      out += u'\uFFFD';
    } else if (point < 0x10000) {
      out += static_cast<char16_t>(point);
    } else {
      out += static_cast<char16_t>(0xD800 + ((point - 0x10000) >> 10));
      out += static_cast<char16_t>(0xDC00 + ((point - 0x10000) & 0x3FF));
    }
  }
  return out;
}

}  // namespace

// ---- reading

FrameReader::FrameReader(Environment& environment)
    : environment_(environment), position_(environment.frame), end_(environment.frame + environment.frameLength) {}

void FrameReader::endedEarly() { throw UsageError("ERR_ARGUMENT", "the call frame ended too early"); }

void FrameReader::noSuchTag() { throw UsageError("ERR_ARGUMENT", "the call frame holds a tag that does not exist"); }

size_t FrameReader::length() {
  const double value = number();
  if (!(value >= 0) || value > static_cast<double>(end_ - position_))
    throw UsageError("ERR_ARGUMENT", "the call frame holds a list that is longer than itself");
  return static_cast<size_t>(value);
}

std::string FrameReader::string() {
  std::u16string text(length(), u'\0');
  for (char16_t& unit : text) {
    const double code = number();
    if (!(code >= 0 && code <= 0xFFFF)) mismatch("UTF-16 code units");
    unit = static_cast<char16_t>(code);
  }
  return toUtf8(text);
}

int64_t FrameReader::bigint() {
  const double bits = number();
  int64_t value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

int64_t FrameReader::safeInteger() {
  const double value = number();
  if (!(std::abs(value) <= kMaxSafeInteger) || value != std::trunc(value)) mismatch("a safe integer");
  return static_cast<int64_t>(value);
}

int64_t FrameReader::integer(Tag tag) {
  if (tag == Tag::Int) return safeInteger();
  if (tag == Tag::BigInt) return bigint();
  mismatch("an integer");
}

// LibTorch looks tables up by these numbers without a check of its own.
int64_t FrameReader::enumerator(Tag tag, const ValueType& type, int count) {
  const int64_t value = integer(tag);
  if (value < 0 || value >= count) mismatch("a number of a " + type.text + " below " + std::to_string(count));
  return value;
}

c10::Scalar FrameReader::scalar(Tag tag) {
  switch (tag) {
    case Tag::Int: return c10::Scalar(safeInteger());
    case Tag::BigInt: return c10::Scalar(bigint());
    case Tag::Double: return c10::Scalar(number());
    case Tag::Bool: return c10::Scalar(number() != 0);
    case Tag::Complex: {
      const double re = number();
      const double im = number();
      return c10::Scalar(c10::complex<double>(re, im));
    }
    default: mismatch("a number");
  }
}

at::Tensor FrameReader::tensor(Tag tag) {
  if (tag == Tag::Tensor) return environment_.tensor(number());
  // As in PyTorch, a number where a tensor is due takes part in type promotion as a number would.
  at::Tensor wrapped = at::scalar_to_tensor(scalar(tag));
  wrapped.unsafeGetTensorImpl()->set_wrapped_number(true);
  return wrapped;
}

at::Tensor FrameReader::tensor() { return tensor(tag()); }

at::Tensor FrameReader::tensorOrUndefined() {
  const Tag next = tag();
  return next == Tag::None ? at::Tensor() : tensor(next);
}

std::vector<at::Tensor> FrameReader::tensorsOrUndefined() {
  if (tag() != Tag::List) mismatch("a list of tensors");
  std::vector<at::Tensor> result;
  const size_t count = length();
  result.reserve(count);
  for (size_t i = 0; i < count; ++i) result.push_back(tensorOrUndefined());
  return result;
}

std::vector<at::Tensor> FrameReader::tensors() {
  std::vector<at::Tensor> result = tensorsOrUndefined();
  for (const at::Tensor& each : result)
    if (!each.defined()) mismatch("a list of tensors, got null among them");
  return result;
}

bool FrameReader::boolean() {
  if (tag() != Tag::Bool) mismatch("a boolean");
  return number() != 0;
}

c10::IValue FrameReader::otherArgument(Tag tag, const BoundArgument& argument) {
  if (tag != Tag::Default) return value(tag, argument.type);
  if (!argument.hasDefault) throw UsageError("ERR_ARGUMENT", "argument '" + argument.name + "' is missing");
  return argument.defaultValue;
}

c10::IValue FrameReader::value(Tag tag, const ValueType& type) {
  if (tag == Tag::None) {
    if (!type.optional) mismatch(type.text + ", got null");
    return c10::IValue();
  }
  switch (type.kind) {
    case Kind::Tensor: return tensor(tag);
    case Kind::Int: return integer(tag);
    case Kind::ScalarType: return enumerator(tag, type, static_cast<int>(c10::ScalarType::Undefined));
    case Kind::Layout: return enumerator(tag, type, static_cast<int>(c10::Layout::NumOptions));
    case Kind::MemoryFormat: return enumerator(tag, type, static_cast<int>(c10::MemoryFormat::NumOptions));
    case Kind::QScheme: return enumerator(tag, type, c10::COMPILE_TIME_NUM_QSCHEMES);
    case Kind::Float:
      if (tag != Tag::Double) mismatch("a number");
      return number();
    case Kind::Scalar: return scalar(tag);
    case Kind::Bool:
      if (tag != Tag::Bool) mismatch("a boolean");
      return number() != 0;
    case Kind::Complex: {
      const c10::Scalar parsed = scalar(tag);
      return parsed.toComplexDouble();
    }
    case Kind::String:
      if (tag != Tag::String) mismatch("a string");
      return string();
    case Kind::Device:
      if (tag != Tag::String) mismatch("a device such as \"cpu\"");
      return c10::Device(string());
    case Kind::Generator:
      if (tag != Tag::Generator) mismatch("a Generator");
      return environment_.generators.at(number());
    case Kind::List: return list(tag, type);
    case Kind::Unsupported: break;
  }
  throw UsageError("ERR_ARGUMENT", "values of type " + type.text + " cannot be made in JavaScript");
}

c10::IValue FrameReader::list(Tag tag, const ValueType& type) {
  const ValueType& element = *type.element;
  const bool repeated = tag != Tag::List;
  if (repeated && type.size == 0) mismatch(type.text);
  const size_t count = repeated ? 1 : length();
  const auto nextTag = [&] { return repeated ? tag : this->tag(); };
  const auto fill = [&](auto list, auto read) -> c10::IValue {
    list.reserve(count);
    for (size_t i = 0; i < count; ++i) list.push_back(read(nextTag()));
    if (repeated)
      for (int i = 1; i < type.size; ++i) list.push_back(list.get(0));
    return list;
  };

  if (element.kind == Kind::Tensor && element.optional)
    return fill(c10::List<std::optional<at::Tensor>>(), [&](Tag t) {
      return t == Tag::None ? std::optional<at::Tensor>() : std::optional<at::Tensor>(tensor(t));
    });
  switch (element.kind) {
    case Kind::Tensor:
      return fill(c10::List<at::Tensor>(), [&](Tag t) {
        if (t != Tag::Tensor) mismatch("a Tensor");
        return tensor(t);
      });
    case Kind::Int: return fill(c10::List<int64_t>(), [&](Tag t) { return integer(t); });
    case Kind::Float:
      return fill(c10::List<double>(), [&](Tag t) {
        if (t != Tag::Double) mismatch("a number");
        return number();
      });
    case Kind::Bool:
      return fill(c10::List<bool>(), [&](Tag t) {
        if (t != Tag::Bool) mismatch("a boolean");
        return number() != 0;
      });
    case Kind::String:
      return fill(c10::List<std::string>(), [&](Tag t) {
        if (t != Tag::String) mismatch("a string");
        return string();
      });
    case Kind::Scalar:
      return fill(c10::impl::GenericList(c10::NumberType::get()), [&](Tag t) { return c10::IValue(scalar(t)); });
    default: throw UsageError("ERR_ARGUMENT", "values of type " + type.text + " cannot be made in JavaScript");
  }
}

// ---- writing

FrameWriter::FrameWriter(Environment& environment)
    : environment_(environment), position_(environment.frame), end_(environment.frame + environment.frameLength) {}

void FrameWriter::spillOver(double value) {
  if (spill_.empty()) spill_.assign(environment_.frame, end_);
  spill_.push_back(value);
}

void FrameWriter::integer(int64_t value) {
  if (value <= static_cast<int64_t>(kMaxSafeInteger) && value >= -static_cast<int64_t>(kMaxSafeInteger)) {
    tag(Tag::Int);
    number(static_cast<double>(value));
  } else {
    double bits;
    std::memcpy(&bits, &value, sizeof bits);
    tag(Tag::BigInt);
    number(bits);
  }
}

void FrameWriter::tensors(const std::vector<at::Tensor>& tensors) {
  tag(Tag::List);
  number(static_cast<double>(tensors.size()));
  for (const at::Tensor& each : tensors) tensor(each);
}

void FrameWriter::string(const std::string& text) {
  const std::u16string units = toUtf16(text);
  tag(Tag::String);
  number(static_cast<double>(units.size()));
  for (const char16_t unit : units) number(unit);
}

void FrameWriter::complex(const c10::complex<double>& value) {
  tag(Tag::Complex);
  number(value.real());
  number(value.imag());
}

void FrameWriter::value(const c10::IValue& value) {
  if (value.isNone()) return tag(Tag::None);
  if (value.isTensor()) return tensor(value.toTensor());
  if (value.isInt()) return integer(value.toInt());
  if (value.isSymInt()) return integer(value.toSymInt().guard_int(__FILE__, __LINE__));
  if (value.isDouble()) {
    tag(Tag::Double);
    return number(value.toDouble());
  }
  if (value.isBool()) {
    tag(Tag::Bool);
    return number(value.toBool() ? 1 : 0);
  }
  if (value.isComplexDouble()) return complex(value.toComplexDouble());
  if (value.isString()) return string(value.toStringRef());
  if (value.isDevice()) return string(value.toDevice().str());
  if (value.isGenerator()) {
    tag(Tag::Generator);
    return number(environment_.generators.insert(value.toGenerator()));
  }
  if (value.isList()) {
    const c10::List<c10::IValue> list = value.toList();
    tag(Tag::List);
    number(static_cast<double>(list.size()));
    for (size_t i = 0; i < list.size(); ++i) this->value(list.get(i));
    return;
  }
  if (value.isTuple()) {
    const auto& elements = value.toTupleRef().elements();
    tag(Tag::List);
    number(static_cast<double>(elements.size()));
    for (const c10::IValue& element : elements) this->value(element);
    return;
  }
  if (value.isGenericDict()) {
    const c10::impl::GenericDict dict = value.toGenericDict();
    tag(Tag::Dict);
    number(static_cast<double>(dict.size()));
    for (const auto& entry : dict) {
      this->value(entry.key());
      this->value(entry.value());
    }
    return;
  }
  // A uint64 beyond int64. Not every supported LibTorch has a predicate for it.
  if (value.tagKind() == "UInt") {
    const uint64_t beyond = value.toScalar().toUInt64();
    double bits;
    std::memcpy(&bits, &beyond, sizeof bits);
    tag(Tag::UnsignedBigInt);
    return number(bits);
  }
  throw UsageError("ERR_NATIVE", "a result of type " + value.tagKind() + " cannot be passed to JavaScript");
}

}  // namespace dgsam
