// An operator as JavaScript calls it: the dispatcher's handle and its schema, reduced to what converting values needs.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>

#include <memory>
#include <string>
#include <vector>

namespace dgsam {

// The numbers are a contract with lib/tensor/schema.ts.
enum class Kind {
  Tensor = 0,
  Int = 1,
  Float = 2,
  Scalar = 3,
  Bool = 4,
  String = 5,
  ScalarType = 6,
  Layout = 7,
  MemoryFormat = 8,
  QScheme = 9,
  Device = 10,
  Generator = 11,
  List = 12,
  Complex = 13,
  // Storage, Stream, Dict and the like: a schema with one can be listed but not called.
  Unsupported = 14,
};

struct ValueType {
  Kind kind = Kind::Unsupported;
  bool optional = false;
  // Of a list: its elements, and the length that one number may stand for (`int[2]`), else 0.
  std::unique_ptr<ValueType> element;
  int size = 0;
  // The type as PyTorch prints it, for messages and generated declarations.
  std::string text;
};

struct BoundArgument {
  std::string name;
  ValueType type;
  bool keywordOnly = false;
  bool written = false;
  bool hasDefault = false;
  c10::IValue defaultValue;
  std::string defaultText;
};

struct BoundReturn {
  ValueType type;
  // The argument that an in-place or out overload hands back, else -1.
  int aliasedArgument = -1;
};

struct Guard;

struct BoundOperator {
  explicit BoundOperator(c10::OperatorHandle handle);

  c10::OperatorHandle handle;
  std::string name;
  std::vector<BoundArgument> arguments;
  std::vector<BoundReturn> returns;
  // What to check before the call, where the kernel does not; null for most operators.
  const Guard* guard = nullptr;
  // Whether it is of a namespace whose operators check what they are given, or are guarded.
  bool isChecked = true;
  // Whether calling it once more after it failed does what one call does: it writes to no argument and draws no random numbers.
  bool repeats = false;
};

}  // namespace dgsam
