// Training steps of captured functions as one native call: passes over programs, and operators between them and after.
#pragma once

#include "entry.h"

namespace dgsam {

void registerCommands(Napi::Object exports, Environment& environment);

}  // namespace dgsam
