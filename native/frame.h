// The call frame: how values cross between JavaScript and C++ on the path of every operator.
//
// Node-API charges 30 to 100 ns for each value it converts, which is as much as a small operator takes. So lib/tensor
// writes arguments into one shared Float64Array as tagged numbers, calls a function of no arguments, and reads the
// results from the same place. Neither side allocates. The frame belongs to one environment and one call at a time:
// nothing that runs inside an operator calls back into JavaScript.
//
// A value is a tag and its payload:
//   Default | None | Tensor handle | Int number | BigInt 64 bits | Double number | Bool 0/1 | Complex re im
//   | String n, n UTF-16 code units | List n, n values | Generator handle | Argument i (results only)
//   | UnsignedBigInt 64 bits (results only) | Dict n, n times a key and its value (of scripts only)
#pragma once

#include <ATen/core/ivalue.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dispatch_schema.h"
#include "environment.h"

namespace dgsam {

// The numbers are a contract with lib/tensor/frame.ts.
enum class Tag {
  Default = 0,
  None = 1,
  Tensor = 2,
  Int = 3,
  BigInt = 4,
  Double = 5,
  Bool = 6,
  Complex = 7,
  String = 8,
  List = 9,
  Generator = 10,
  Argument = 11,
  UnsignedBigInt = 12,
  Dict = 13,
};

// Reads arguments. Every read checks the end of the frame and the tag against the schema, since a wrong frame must be
// an error, never a crash.
class FrameReader {
 public:
  explicit FrameReader(Environment& environment);

  double number() {
    if (position_ == end_) endedEarly();
    return *position_++;
  }
  Tag peek() const {
    if (position_ == end_) endedEarly();
    return toTag(*position_);
  }
  // One argument of an operator.
  c10::IValue argument(const BoundArgument& argument) {
    const Tag next = tag();
    if (next == Tag::Tensor && argument.type.kind == Kind::Tensor) return environment_.tensor(number());
    return otherArgument(next, argument);
  }
  // Of the rooms that take tensors without a schema:
  at::Tensor tensor();                           // a defined tensor
  at::Tensor tensorOrUndefined();
  std::vector<at::Tensor> tensors();             // a list of defined tensors
  std::vector<at::Tensor> tensorsOrUndefined();  // a list; None is an undefined tensor
  bool boolean();
  // The parts that a value may have:
  Tag tag() { return toTag(number()); }
  size_t length();
  std::string string();
  int64_t integer(Tag tag);
  c10::Scalar scalar(Tag tag);

 private:
  [[noreturn]] static void endedEarly();
  [[noreturn]] static void noSuchTag();
  // What the frame holds is not to be trusted, and casting NaN or a number out of range is undefined behaviour.
  static Tag toTag(double number) {
    if (!(number >= 0 && number <= static_cast<double>(Tag::Dict))) noSuchTag();
    return static_cast<Tag>(static_cast<int>(number));
  }
  c10::IValue otherArgument(Tag tag, const BoundArgument& argument);
  int64_t safeInteger();
  int64_t enumerator(Tag tag, const ValueType& type, int count);
  int64_t bigint();
  at::Tensor tensor(Tag tag);
  c10::IValue value(Tag tag, const ValueType& type);
  c10::IValue list(Tag tag, const ValueType& type);

  Environment& environment_;
  const double* position_;
  const double* end_;
};

// Writes results. When they do not fit into the frame they go on in memory of their own, which `overflowed` tells.
class FrameWriter {
 public:
  explicit FrameWriter(Environment& environment);

  void number(double value) {
    if (position_ != end_)
      *position_++ = value;
    else
      spillOver(value);
  }
  void tag(Tag tag) { number(static_cast<double>(tag)); }
  void integer(int64_t value);
  void tensor(at::Tensor tensor) {
    if (!tensor.defined()) return tag(Tag::None);
    tag(Tag::Tensor);
    number(environment_.hold(std::move(tensor)));
  }
  void tensors(const std::vector<at::Tensor>& tensors);
  void value(const c10::IValue& value);

  bool overflowed() const { return !spill_.empty(); }
  const std::vector<double>& spill() const { return spill_; }

 private:
  void spillOver(double value);
  void string(const std::string& text);
  void complex(const c10::complex<double>& value);

  Environment& environment_;
  double* position_;
  double* end_;
  std::vector<double> spill_;
};

}  // namespace dgsam
