// Random number generators: LibTorch's, so that draws equal PyTorch's for the same seed.
#pragma once

#include "entry.h"

namespace dgsam {

void registerRandom(Napi::Object exports, Environment& environment);

}  // namespace dgsam
