// The arguments of a call by name, and checks that say which argument is wrong and how.
#pragma once

#include <ATen/core/Tensor.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "dispatch_schema.h"

namespace dgsam {

// Every check passes over arguments that the overload does not have and tensors that are undefined, so that one guard can
// serve all overloads of an operator. Values of tensors are only read on the CPU.
class Arguments {
 public:
  using Name = const char*;
  using Names = std::initializer_list<Name>;

  Arguments(const BoundOperator& bound, const std::vector<c10::IValue>& stack) : bound_(bound), stack_(stack) {}

  // ---- reading; a missing argument is undefined, empty, 0 or false
  const c10::IValue* find(Name name) const;
  at::Tensor tensor(Name name) const;
  at::Tensor firstOf(Names names) const;
  std::vector<at::Tensor> tensors(Name name) const;
  std::vector<int64_t> integers(Name name) const;
  int64_t integer(Name name) const;
  bool flag(Name name) const;
  // The values of a tensor as int64, in order and in one piece; undefined where they cannot be read.
  at::Tensor numbers(Name name) const;
  bool has(Name name) const { return find(name) != nullptr; }
  // The guard looks at values of tensors from here on, which nobody does when the call is made again from a tape.
  void lookAtValues() const;

  // ---- checking
  [[noreturn]] void refuse(const char* code, Name name, const std::string& expectedAndGot) const;
  void expect(bool condition, const char* code, Name name, const std::string& expected) const;
  void defined(Name name, const std::string& because) const;
  void length(Name list, size_t length) const;
  void notEmpty(Name list) const;
  void positive(Name integers) const;
  void dims(Name tensor, int64_t ndim) const;
  void sizes(Name tensor, at::IntArrayRef expected) const;
  void numel(Name tensor, int64_t count) const;
  void strided(Name tensor) const;
  // In one piece in memory, which zero tensors of autograd's are not.
  void contiguous(Name tensor) const;
  void dtype(Name tensor, at::ScalarType expected) const;
  // All defined tensors among these have the sizes (the dtype) of the first.
  void sameSizes(Names names) const;
  void sameDtype(Names names) const;
  void between(Name integer, int64_t low, int64_t high) const;
  // The argument, one dimension or several, lies within ndim; negative ones count from the end where `wraps`.
  void dimension(Name name, int64_t ndim, bool wraps = true) const;
  // Every value of an integer tensor lies in [low, high].
  void values(Name tensor, int64_t low, int64_t high) const;
  // No value of an integer tensor is less than the one before it in the last dimension.
  void nonDecreasing(Name tensor) const;

 private:
  const BoundOperator& bound_;
  const std::vector<c10::IValue>& stack_;
};

// What a message calls a tensor: "a float32 tensor of shape [2, 3]".
std::string describe(const at::Tensor& tensor);

}  // namespace dgsam
