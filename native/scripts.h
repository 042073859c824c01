// TorchScript modules as JavaScript holds them.
#pragma once

#include "entry.h"

namespace dgsam {

void registerScripts(Napi::Object exports, Environment& environment);

}  // namespace dgsam
