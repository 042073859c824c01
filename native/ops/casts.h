// Autocast keeps the 16-bit copies that it makes of parameters until it ends: whoever changes parameters inside must make it
// forget them, or the next pass would compute with the parameters as they were.
#pragma once

#include <ATen/autocast_mode.h>

namespace dgsam::ops {

// Does nothing outside of autocast: the copies belong to all threads of the process.
inline void forgetCasts() {
  if (at::autocast::increment_nesting() > 1) at::autocast::clear_cache();
  at::autocast::decrement_nesting();
}

}  // namespace dgsam::ops
