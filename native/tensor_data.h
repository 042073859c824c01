// Tensors: bytes in and out, properties, release, statistics.
#pragma once

#include "entry.h"

namespace dgsam {

void registerTensorData(Napi::Object exports, Environment& environment);

}  // namespace dgsam
