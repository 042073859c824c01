// The border between C++ exceptions and JavaScript errors.
//
// Every native entry runs inside the guard of entry.h: nothing thrown in C++ leaves it but a JavaScript exception, made by the
// factory that lib/native.ts registers (so that users always see a DgsamError).
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "out_of_memory.h"

namespace dgsam {

// A mistake of the caller that we found ourselves; `code` is one of the DgsamError codes.
class UsageError : public std::runtime_error {
 public:
  UsageError(const char* code, const std::string& message) : std::runtime_error(message), code_(code) {}
  const char* code() const { return code_; }

 private:
  const char* code_;
};

// What is known of an exception: a DgsamError code or the name of LibTorch's error class, a text for users and the
// whole C++ text.
struct Failure {
  std::string kind;
  std::string message;
  std::string details;
  // Where memory ran out.
  std::optional<Shortage> shortage = std::nullopt;
};

// Must be called inside a catch block.
Failure describeCurrentException();

}  // namespace dgsam
