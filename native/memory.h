// What memory there is and who holds it: statistics, caches, and how the garbage collector is called when memory runs out.
#pragma once

#include "entry.h"

namespace dgsam {

void registerMemory(Napi::Object exports, Environment& environment);

}  // namespace dgsam
