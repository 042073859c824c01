// Looking operators up in the dispatcher and calling them, boxed, by schema: the one door to every operator.
#pragma once

#include "entry.h"

namespace dgsam {

void registerDispatch(Napi::Object exports, Environment& environment);

}  // namespace dgsam
