// Reverse-mode differentiation and the thread's autograd modes.
#pragma once

#include "entry.h"

namespace dgsam {

void registerAutograd(Napi::Object exports, Environment& environment);

}  // namespace dgsam
