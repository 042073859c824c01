#include "errors.h"

#include <c10/util/Exception.h>

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

// Where a check of LibTorch's failed is no news to users: "[enforce fail at alloc_cpu.cpp:127] err == 0. " goes.
std::string withoutOrigin(std::string text) {
  if (text.compare(0, 17, "[enforce fail at ") == 0) {
    const size_t end = text.find(". ");
    if (end != std::string::npos) text.erase(0, end + 2);
  }
  return text;
}

// "Could not run 'aten::neg' with arguments from the 'XLA' backend. " is followed by a page on where the operator exists.
std::string withoutRegistrations(std::string text) {
  const size_t end = text.find(". This could be because the operator doesn't exist for this backend");
  if (end != std::string::npos) text.resize(end);
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
  return {kind, withoutRegistrations(withoutOrigin(withoutStackTrace(text))), wantsStackTraces() ? error.what() : text};
}

}  // namespace

Failure describeCurrentException() {
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
    return {"RuntimeError", withoutStackTrace(error.what()), error.what()};
  } catch (...) {
    return {"RuntimeError", "an exception of an unknown C++ type", ""};
  }
}

}  // namespace dgsam
