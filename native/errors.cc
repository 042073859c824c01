#include "errors.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace dgsam {
namespace {

// Without Python, LibTorch appends a C++ stack trace to its messages: users get the text before it.
std::string withoutStackTrace(std::string text) {
  const size_t trace = text.find("\nException raised from ");
  if (trace != std::string::npos) text.resize(trace);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

void replaceFirst(std::string& text, const std::string& pattern, const std::string& replacement) {
  const size_t found = text.find(pattern);
  if (found != std::string::npos) text.replace(found, pattern.size(), replacement);
}

void eraseFrom(std::string& text, const char* pattern) { text.resize(std::min(text.size(), text.find(pattern))); }

// Where in LibTorch's sources a check failed is no news to users: "[enforce fail at alloc_cpu.cpp:127] err == 0. " and
// "/build/aten/src/ATen/RegisterCPU_1.cpp:10372: " go.
std::string withoutOrigin(std::string text) {
  if (text.rfind("[enforce fail at ", 0) == 0) {
    const size_t end = text.find(". ");
    if (end != std::string::npos) text.erase(0, end + 2);
  }
  if (text.rfind('/', 0) == 0) {
    const size_t end = text.find(": ");
    if (end != std::string::npos && text.find(' ') > end) text.erase(0, end + 2);
  }
  return text;
}

// `x > 0 INTERNAL ASSERT FAILED at "/build/Copy.cpp":382, please report a bug to PyTorch. More words`
std::string withoutAssertion(const std::string& text) {
  const size_t mark = text.find(" INTERNAL ASSERT FAILED at ");
  if (mark == std::string::npos) return text;
  const std::string report = "please report a bug to PyTorch.";
  const size_t end = text.find(report, mark);
  return "an internal check of LibTorch's failed: " + text.substr(0, mark) +
         (end == std::string::npos ? "" : "." + text.substr(end + report.size()));
}

// TorchScript's interpreter puts the lines of the script before what went wrong in them: all of them are indented but the
// first, "Traceback of TorchScript, ...", and the last, "RuntimeError: ...".
std::string withoutInterpreterTrace(const std::string& text) {
  if (text.rfind("The following operation failed in the TorchScript interpreter.", 0) != 0) return text;
  for (size_t line = text.find('\n'); line != std::string::npos; line = text.find('\n', line + 1)) {
    const size_t end = text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.", line + 1);
    if (end != std::string::npos && end > line + 1 && text.compare(end, 2, ": ") == 0) return text.substr(end + 2);
  }
  return text;
}

// What LibTorch tells its own developers: a page on where an operator exists ("Could not run 'aten::neg' with arguments
// from the 'XLA' backend. "), how to write a kernel, whom to ask for a better text.
std::string withoutAdvice(std::string text) {
  eraseFrom(text, ". This could be because the operator doesn't exist for this backend");
  eraseFrom(text, ", but there was no fake impl or Meta kernel registered");
  replaceFirst(text, "  (Could this error message be improved?  If so, please report an enhancement request to PyTorch.)", "");
  return text;
}

// Naming the functions of a C++ stack takes some 10 ms, so it is done only where PyTorch's own variable asks for it.
bool wantsStackTraces() {
  static const bool wanted = [] {
    const char* value = std::getenv("TORCH_SHOW_CPP_STACKTRACES");
    return value != nullptr && std::strcmp(value, "1") == 0;
  }();
  return wanted;
}

Failure fromLibTorch(const char* kind, const c10::Error& error) {
  const std::string text = error.what_without_backtrace();
  return {kind, withoutAdvice(withoutAssertion(withoutOrigin(withoutStackTrace(text)))), wantsStackTraces() ? error.what() : text};
}

// Must be called inside a catch block.
Failure withoutSizes() {
  try {
    throw;
  } catch (const UsageError& error) {
    return {error.code(), error.what(), ""};
  } catch (const c10::OutOfMemoryError& error) {
    return fromLibTorch("OutOfMemoryError", error);
  } catch (const c10::IndexError& error) {
    return fromLibTorch("IndexError", error);
  } catch (const c10::ValueError& error) {
    return fromLibTorch("ValueError", error);
  } catch (const c10::TypeError& error) {
    return fromLibTorch("TypeError", error);
  } catch (const c10::NotImplementedError& error) {
    return fromLibTorch("NotImplementedError", error);
  } catch (const c10::LinAlgError& error) {
    return fromLibTorch("LinAlgError", error);
  } catch (const c10::Error& error) {
    return fromLibTorch("RuntimeError", error);
  } catch (const std::bad_alloc& error) {
    return {"ERR_OOM", "the native heap is exhausted", error.what()};
  } catch (const std::exception& error) {
    return {"RuntimeError", withoutOrigin(withoutInterpreterTrace(withoutStackTrace(error.what()))), error.what()};
  } catch (...) {
    return {"RuntimeError", "an exception of an unknown C++ type", ""};
  }
}

}  // namespace

Failure describeCurrentException() {
  Failure failure = withoutSizes();
  failure.shortage = currentShortage();
  if (failure.shortage.has_value()) {
    failure.kind = "ERR_OOM";
    failure.message = describe(*failure.shortage);
  }
  return failure;
}

}  // namespace dgsam
