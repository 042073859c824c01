// Autocast keeps the 16-bit copies that it makes of parameters until it ends. An operator that moves parameters inside must
// make it forget them: the next pass would compute with the parameters as they were.
#pragma once

#include <ATen/autocast_mode.h>

#include <utility>

namespace dgsam::ops {

// Makes autocast forget its casts when it goes, also by an exception. Outside of autocast it does nothing: casts are shared
// by all threads of the process.
struct ForgetsCasts {
  ForgetsCasts() = default;
  ForgetsCasts(const ForgetsCasts&) = delete;
  ForgetsCasts& operator=(const ForgetsCasts&) = delete;
  ~ForgetsCasts() {
    if (at::autocast::increment_nesting() > 1) at::autocast::clear_cache();
    at::autocast::decrement_nesting();
  }
};

// `Moving<&function>::call` is `function`, for one that moves parameters.
template <auto function>
struct Moving;

template <typename Result, typename... Arguments, Result (*function)(Arguments...)>
struct Moving<function> {
  static Result call(Arguments... arguments) {
    const ForgetsCasts forgetting;
    return function(std::forward<Arguments>(arguments)...);
  }
};

}  // namespace dgsam::ops
