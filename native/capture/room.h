// Recording functions of tensors and running their programs.
#pragma once

#include "../entry.h"

namespace dgsam {

void registerCapture(Napi::Object exports, Environment& environment);

}  // namespace dgsam
