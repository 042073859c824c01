// Steps of training that are captured, and then done again by one launch each.
#pragma once

#include "entry.h"

namespace dgsam {

void registerGraphs(Napi::Object exports, Environment& environment);

}  // namespace dgsam
