// Values of TorchScript in the call frame: read by the types that the code gives its arguments.
#pragma once

#include <ATen/core/jit_type.h>

#include "frame.h"

namespace dgsam {

// Throws UsageError when the next value in the frame is of another type, or JavaScript has none of the type.
c10::IValue readScriptValue(FrameReader& reader, const c10::TypePtr& type);

}  // namespace dgsam
